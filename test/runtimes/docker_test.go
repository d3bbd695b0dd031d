// SPDX-License-Identifier: Apache-2.0

package runtimes

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/internal/need"
)

// TestDocker walks one dockerd through the life of its sandboxes; the steps build
// on each other.
func TestDocker(t *testing.T) {
	d := startDocker(t)
	n := newInspect(t, "--netns-dir", d.netnsDir)
	web := d.run(t, "web")
	peer := d.run(t, "peer", "--network", "container:web")
	alone := d.run(t, "alone", "--network", "none")

	t.Run("oracles", func(t *testing.T) {
		checkOracles(t, web, peer)
		checkOracles(t, alone)
		if web.sandboxKey != filepath.Join(d.netnsDir, web.basename()) {
			t.Errorf("sandbox key %s is not in %s", web.sandboxKey, d.netnsDir)
		}
	})
	t.Run("shared", func(t *testing.T) {
		checkList(t, n, web.sandboxKey, web, peer)
		refs := append(refsOf(t, web), refsOfProcess(t, peer)...)
		checkUses(t, n, refs, web.sandboxKey, web, peer)
	})
	t.Run("no network", func(t *testing.T) {
		checkList(t, n, alone.sandboxKey, alone)
		checkUses(t, n, refsOf(t, alone), alone.sandboxKey, alone)
	})
	t.Run("owner", func(t *testing.T) { checkDockerOwners(t, d, web, peer, alone) })
	t.Run("network", func(t *testing.T) {
		checkNetwork(t, n, web, func(command ...string) string { return d.exec(t, append([]string{"web"}, command...)...) })
	})
	t.Run("exec", func(t *testing.T) {
		d.exec(t, "--detach", "alone", "sleep", "599")
		waitProcesses(t, alone, 2)
		checkList(t, n, alone.sandboxKey, alone)
		checkUses(t, n, []string{alone.basename()}, alone.sandboxKey, alone)
	})
	t.Run("host", func(t *testing.T) { checkDockerHost(t, d, n) })
	t.Run("decimal name", func(t *testing.T) { checkDecimalName(t, d, n, web) })
	t.Run("key without a name", func(t *testing.T) { checkDockerStaleKey(t, d, n) })
	t.Run("paused", func(t *testing.T) {
		idle := d.run(t, "idle", "--network", "none")
		d.command(t, "pause", "idle")
		stub(t, d.home, []string{"docker", "--host", d.host})
		fix := n.whoUses(t, refsOfProcess(t, idle)[0]).Fix
		if !slices.Equal(fix, []string{"docker stop -- idle"}) {
			t.Errorf("advice %q", fix)
		}
		paste(t, d.home, fix)
		checkGone(t, n, idle.sandboxKey, idle)
		d.remove(t, "idle")
	})
	t.Run("peer keeps it", func(t *testing.T) {
		d.remove(t, "web") // with its name: only the process of peer is left
		checkList(t, n, "", peer)
		checkUses(t, n, refsOfProcess(t, peer), "", peer)
		checkOwner(t, n, "docker", peer, peer)
		checkUnknown(t, n, web.sandboxKey)
	})
	t.Run("removed", func(t *testing.T) {
		d.remove(t, "peer")
		d.remove(t, "alone")
		checkGone(t, n, web.sandboxKey, web, peer)
		checkGone(t, n, alone.sandboxKey, alone)
		checkNoNetwork(t, n, web)
	})
	t.Run("nested", func(t *testing.T) { checkNested(t, d) })
	t.Run("killed daemon", func(t *testing.T) { checkDockerKilled(t, d) })
}

// checkDockerOwners checks that the containers of a dockerd at roots of its own
// are found without being configured.
func checkDockerOwners(t *testing.T, d *docker, web, peer, alone container) {
	n := newInspect(t)
	checkOwner(t, n, "docker", web, web, peer)
	checkOwner(t, n, "docker", alone, alone)
	d.home.remember(t, d.command(t, "run", "--detach", "--name", "done", "--network", "net", image, "sleep", "0"))
	d.command(t, "wait", "done")
	checkNoNamespace(t, n, "done", "docker:done has no namespace: it is stopped")
	checkContainers(t, "docker", web, alone, d.inspect(t, "done"))
	d.remove(t, "done")

	shared := d.run(t, "shared", "--network", "host", "--label", "com.docker.compose.project=shop", "--label", "com.docker.compose.service=front")
	a := n.whoUses(t, "docker:shared")
	if a.Namespace.Owner != nil || !a.Namespace.Initial {
		t.Errorf("the host's namespace is %+v's", a.Namespace.Owner)
	}
	i := slices.IndexFunc(a.Namespace.Holders, func(h holder) bool { return h.PID == shared.pid })
	if i < 0 || a.Namespace.Holders[i].Owner == nil || a.Namespace.Holders[i].Owner.Service != "shop/front" {
		t.Errorf("process %d on the host's network: %+v", shared.pid, a.Namespace.Holders[max(i, 0)])
	}
	d.remove(t, "shared")
}

// checkDockerKilled checks that a container is known after dockerd, which kept it
// at a place of its own, was killed.
func checkDockerKilled(t *testing.T, d *docker) {
	n := newInspect(t)
	left := d.run(t, "left")
	d.run(t, "gone")
	side := d.run(t, "side", "--network", "container:gone")
	d.remove(t, "gone")
	if err := d.daemon.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	<-d.daemon.done
	checkOwner(t, n, "docker", left, left)
	checkOwner(t, n, "docker", side, side)
	checkContainers(t, "docker", left)
	killNow(t, d.containerd.cmd.Process.Pid)
	<-d.containerd.done
	checkOwner(t, n, "docker", left, left)
	checkOwner(t, n, "docker", side, side) // whose network was another one's
	killNow(t, side.pid)
	waitEnded(t, side.pid)
	checkShimAlone(t, n, left)
}

// checkShimAlone checks that a network is its container's when the container's process was
// killed after its daemons: a shim alone leads to what these kept.
func checkShimAlone(t *testing.T, n nsinspect, c container) {
	inode := c.netns(t)
	killNow(t, c.pid)
	waitEnded(t, c.pid)
	ns, ok := n.list(t).find(inode)
	if !ok {
		t.Fatalf("list: net:[%d] of %s is not there", inode, c.name)
	}
	checkOwned(t, "list", ns.Owner, "docker", c)
	if a := n.whoUses(t, "docker:"+bare(c)); a.Namespace.Inode != inode {
		t.Errorf("who-uses docker:%s: net:[%d], want net:[%d]", bare(c), a.Namespace.Inode, inode)
	}
}

// checkDockerHost checks that the name that dockerd gives the host's own
// namespace is shown there.
func checkDockerHost(t *testing.T, d *docker, n nsinspect) {
	host := d.run(t, "host", "--network", "host")
	own := inodeOf(t, "/proc/self/ns/net")
	if got := inodeOf(t, host.sandboxKey); got != own || host.basename() != "default" {
		t.Fatalf("%s is net:[%d], want net:[%d] at default", host.sandboxKey, got, own)
	}
	list := n.list(t)
	ns, ok := list.named(host.sandboxKey)
	if !ok || ns.Inode != own || !ns.Initial {
		t.Errorf("list: %s is on net:[%d], initial %v; want net:[%d], true", host.sandboxKey, ns.Inode, ns.Initial, own)
	}
	for _, other := range list.Namespaces {
		if other.Initial && other.Inode != own {
			t.Errorf("list: net:[%d] is initial too", other.Inode)
		}
	}
	for _, ref := range append(refsOf(t, host), "host", "self") {
		if a := n.whoUses(t, ref); a.Namespace.Inode != own || !a.Namespace.Initial {
			t.Errorf("who-uses %s: net:[%d], initial %v; want net:[%d], true", ref, a.Namespace.Inode, a.Namespace.Initial, own)
		}
	}
}

// checkDockerStaleKey checks that a namespace is found whose name dockerd gives
// but never made, as it does without a default bridge.
func checkDockerStaleKey(t *testing.T, d *docker, n nsinspect) {
	c := d.run(t, "unnamed", "--network", "default")
	if c.sandboxKey == "" || exists(c.sandboxKey) {
		need.Missing(t, fmt.Sprintf("needs a dockerd that reports a key without a name, not %q", c.sandboxKey))
	}
	checkList(t, n, "", c)
	checkUses(t, n, refsOfProcess(t, c), "", c)
	checkUnknown(t, n, c.sandboxKey)
	d.remove(t, "unnamed")
	checkGone(t, n, c.sandboxKey, c)
}

// checkDecimalName checks that who-uses takes twelve decimal digits for the
// name they are. dockerd names sandboxes by twelve hexadecimal digits, so one in
// 281 looks like this.
func checkDecimalName(t *testing.T, d *docker, n nsinspect, c container) {
	path := filepath.Join(d.netnsDir, "123456789012")
	if err := os.WriteFile(path, nil, 0o444); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount(c.sandboxKey, path, "", unix.MS_BIND, ""); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := errors.Join(unix.Unmount(path, 0), os.Remove(path)); err != nil {
			t.Error(err)
		}
	}()
	if a := n.whoUses(t, "123456789012"); a.Namespace.Inode != c.netns(t) {
		t.Errorf("who-uses 123456789012: net:[%d], want net:[%d]", a.Namespace.Inode, c.netns(t))
	}
}
