// SPDX-License-Identifier: Apache-2.0

package runtimes

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/internal/need"
)

// TestLXC checks the owner of a container of LXC's, which is not where LXC keeps
// them by default: its cgroup shows it.
func TestLXC(t *testing.T) {
	l := newLXC(t)
	n := newInspect(t)
	web := l.run(t, "web")
	ns, ok := n.list(t).find(web.netns(t))
	if !ok {
		t.Fatalf("list: net:[%d] is not there", web.netns(t))
	}
	checkOwned(t, "list", ns.Owner, "lxc", web)
	for _, ref := range []string{web.name, "lxc:" + web.name} {
		a := n.whoUses(t, ref)
		if a.Namespace.Inode != ns.Inode {
			t.Errorf("who-uses %s: net:[%d], want net:[%d]", ref, a.Namespace.Inode, ns.Inode)
		}
		checkOwned(t, "who-uses "+ref, a.Namespace.Owner, "lxc", web)
	}
}

// TestUnit checks the owner of a process in the cgroup that systemd makes for a
// service. Here is no systemd to make it: the cgroup is real, and made by hand.
func TestUnit(t *testing.T) {
	need.Root(t)
	need.Program(t, "unshare", "sleep")
	h := newHome(t)
	root := "/sys/fs/cgroup"
	if exists(root + "/systemd") {
		root += "/systemd" // cgroup v1
	}
	group := filepath.Join(root, unitIn(h.bridge()+".slice"))
	unit := filepath.Base(group)
	if err := os.MkdirAll(group, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for _, dir := range []string{group, filepath.Dir(group)} {
			if err := unlessBusy(func() error { return os.Remove(dir) }); err != nil {
				t.Error(err)
			}
		}
	})
	cmd := exec.Command("unshare", "--net", "sleep", "600")
	cmd.Env = h.environ()
	cmd.SysProcAttr = &unix.SysProcAttr{Pdeathsig: unix.SIGKILL}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	pid := cmd.Process.Pid
	if err := os.WriteFile(filepath.Join(group, "cgroup.procs"), fmt.Append(nil, pid), 0o644); err != nil {
		t.Fatal(err)
	}
	waitOwnNetns(t, pid)
	n := newInspect(t)
	for _, ref := range []string{"unit:" + unit, fmt.Sprint(pid)} {
		a := n.whoUses(t, ref)
		o := a.Namespace.Owner
		if a.Namespace.Inode != inodeOf(t, fmt.Sprintf("/proc/%d/ns/net", pid)) || o == nil || *o != (ownedBy{Runtime: "systemd", Unit: unit}) {
			t.Errorf("who-uses %s: %s is %+v's", ref, a.Verdict, o)
		}
	}
}
