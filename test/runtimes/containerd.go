// SPDX-License-Identifier: Apache-2.0

package runtimes

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/nsinspect/nsinspect/internal/need"
)

// startContainerd starts a containerd with the roots that dockerd gives the one
// it starts itself. dockerd would take the machine's own containerd where that
// runs, and share its shims and sockets with whoever uses it.
func startContainerd(t testing.TB, h *home) (d *daemon, address string) {
	t.Helper()
	address = h.path("exec", "containerd", "containerd.sock")
	h.mkdir(t, "exec", "containerd")
	config := h.write(t, "containerd.toml", fmt.Sprintf(`version = 2
root = %q
state = %q
disabled_plugins = ["io.containerd.grpc.v1.cri"]
[grpc]
  address = %q
[plugins."io.containerd.internal.v1.opt"]
  path = %q
`, h.path("data", "containerd", "daemon"), h.path("exec", "containerd", "daemon"), address, h.path("opt")))
	d = startDaemon(t, h, "containerd", "--config", config, "--log-level", "warn")
	d.waitFor(t, func() bool { return accepts(address) })
	return d, address
}

// ctr is a containerd that is spoken to by its own tool, as Kubernetes has one.
type ctr struct {
	home    *home
	address string
	rootfs  string
}

func needContainerd(t testing.TB) {
	t.Helper()
	need.Root(t)
	need.Program(t, "containerd", "ctr", "containerd-shim-runc-v2", "runc", "tar")
}

// startCtr starts a containerd whose containers share one file system.
func startCtr(t testing.TB) *ctr {
	t.Helper()
	needContainerd(t)
	h := newHome(t)
	_, address := startContainerd(t, h)
	c := &ctr{home: h, address: address, rootfs: h.mkdir(t, "rootfs")}
	h.run(t, nil, imageTar(t), "tar", "-x", "-C", c.rootfs)
	t.Cleanup(func() { c.removeAll(t) })
	return c
}

func (c *ctr) command(t testing.TB, args ...string) string {
	t.Helper()
	return c.home.run(t, nil, nil, "ctr", append([]string{"--address", c.address}, args...)...)
}

// run starts a container that sleeps. Its ID is its name, which is unique here:
// the cgroup is made of it.
func (c *ctr) run(t testing.TB, name string, args ...string) container {
	t.Helper()
	id := c.home.bridge() + "-" + name
	c.home.remember(t, id)
	args = append([]string{"run", "--detach", "--rootfs", "--env", homeEnv + "=" + c.home.dir}, args...)
	c.command(t, append(args, c.rootfs, id, "/bin/sleep", "600")...)
	for _, line := range strings.Split(c.command(t, "tasks", "ls"), "\n") {
		if f := strings.Fields(line); len(f) == 3 && f[0] == id {
			pid, err := strconv.Atoi(f[1])
			if err != nil {
				t.Fatal(err)
			}
			return container{id: id, name: id, pid: pid, state: strings.ToLower(f[2])}
		}
	}
	t.Fatalf("ctr knows no task %s", id)
	return container{}
}

func (c *ctr) removeAll(t testing.TB) {
	t.Helper()
	for _, id := range lines(c.command(t, "containers", "ls", "--quiet")) {
		c.remove(t, id)
	}
}

func (c *ctr) remove(t testing.TB, id string) {
	t.Helper()
	c.command(t, "tasks", "rm", "--force", id)
	c.command(t, "containers", "rm", id)
}
