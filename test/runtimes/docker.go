// SPDX-License-Identifier: Apache-2.0

package runtimes

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/nsinspect/nsinspect/internal/need"
)

// container is what a runtime shows of one of its containers: the oracle.
type container struct {
	user       int // of a rootless one; 0 is root
	id         string
	name       string
	pid        int    // its first process
	sandboxKey string // the path of its network namespace, if the runtime names one
	ownsKey    bool   // that was made for it
	state      string
	ips        []string
}

// docker is a dockerd that shares nothing with one the machine may have: own
// socket, roots, containerd and bridge; it leaves iptables and sysctls alone.
type docker struct {
	home       *home
	host       string // of docker --host
	netnsDir   string // where it puts its names
	daemon     *daemon
	containerd *daemon
}

// needDocker declares what startDocker needs.
func needDocker(t testing.TB) {
	t.Helper()
	need.Root(t)
	need.Program(t, "dockerd", "docker", "containerd", "containerd-shim-runc-v2", "runc", "ip")
}

// startDocker starts a dockerd that has the image and ends with the test.
func startDocker(t testing.TB) *docker {
	t.Helper()
	needDocker(t)
	tar := imageTar(t)
	h := newHome(t)
	d := &docker{home: h, host: "unix://" + h.path("docker.sock"), netnsDir: h.path("exec", "netns")}
	containerd, address := startContainerd(t, h)
	d.containerd = containerd
	d.daemon = startDaemon(t, h, "dockerd",
		"--config-file", h.write(t, "daemon.json", "{}"),
		"--host", d.host,
		"--data-root", h.path("data"),
		"--exec-root", h.path("exec"),
		"--pidfile", h.path("docker.pid"),
		"--containerd", address,
		"--log-level", "warn",
		"--storage-driver", "vfs",
		"--bridge", "none", "--iptables=false", "--ip6tables=false", "--ip-forward=false",
		// RFC 2544's benchmark networks: hardly any machine has a route there.
		"--default-address-pool", "base=198.18.0.0/15,size=24",
	)
	d.daemon.waitFor(t, func() bool { return accepts(h.path("docker.sock")) })
	t.Cleanup(func() { d.removeAll(t) })
	d.prepare(t, tar)
	return d
}

// prepare gives the daemon its image and a bridge network, called net.
func (d *docker) prepare(t testing.TB, tar []byte) {
	t.Helper()
	d.home.run(t, nil, tar, "docker", "--host", d.host, "import", "-", image)
	d.command(t, "network", "create", "--driver", "bridge",
		"--opt", "com.docker.network.bridge.name="+d.home.bridge(), "net")
}

// removeAll ends the containers at once; a daemon that stops would give each
// ten seconds.
func (d *docker) removeAll(t testing.TB) {
	t.Helper()
	if d.daemon.ended() {
		return
	}
	for _, id := range lines(d.command(t, "ps", "--all", "--quiet")) {
		d.remove(t, id)
	}
	d.command(t, "network", "prune", "--force")
}

// command runs a docker command and returns its output.
func (d *docker) command(t testing.TB, args ...string) string {
	t.Helper()
	return d.home.run(t, nil, nil, "docker", append([]string{"--host", d.host}, args...)...)
}

// run starts a container that sleeps, on the bridge network unless the arguments
// select another.
func (d *docker) run(t testing.TB, name string, args ...string) container {
	t.Helper()
	if len(args) == 0 {
		args = []string{"--network", "net"}
	}
	args = append([]string{"run", "--detach", "--name", name, "--stop-signal", "KILL"}, args...)
	d.home.remember(t, d.command(t, append(args, image, "sleep", "600")...))
	return d.inspect(t, name)
}

// inspect asks the daemon about a container.
func (d *docker) inspect(t testing.TB, name string) container {
	t.Helper()
	return parseInspect(t, d.command(t, "inspect", "--type", "container", name))
}

// exec runs a command in a container; the options come first.
func (d *docker) exec(t testing.TB, args ...string) string {
	t.Helper()
	return d.command(t, append([]string{"exec"}, args...)...)
}

// remove kills and removes a container.
func (d *docker) remove(t testing.TB, name string) {
	t.Helper()
	d.command(t, "rm", "--force", "--volumes", name)
}

// parseInspect reads what docker inspect and podman inspect print alike.
func parseInspect(t testing.TB, out string) container {
	t.Helper()
	var all []struct {
		ID, Name string
		State    struct {
			Pid    int
			Status string
		}
		NetworkSettings struct {
			SandboxKey string
			Networks   map[string]struct{ IPAddress string }
		}
		HostConfig struct{ NetworkMode string }
	}
	if err := json.Unmarshal([]byte(out), &all); err != nil || len(all) != 1 {
		t.Fatal(fmt.Errorf("parse the answer about one container: %w: %s", err, out))
	}
	c := all[0]
	got := container{id: c.ID, name: c.Name, pid: c.State.Pid, sandboxKey: c.NetworkSettings.SandboxKey, state: c.State.Status}
	got.ownsKey = got.sandboxKey != "" && !strings.HasPrefix(c.HostConfig.NetworkMode, "container:")
	if got.state == "exited" {
		got.state = "stopped"
	}
	for _, network := range c.NetworkSettings.Networks {
		if network.IPAddress != "" {
			got.ips = append(got.ips, network.IPAddress)
		}
	}
	return got
}
