// SPDX-License-Identifier: Apache-2.0

package runtimes

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/nsinspect/nsinspect/internal/need"
)

// lxc is LXC with a directory of containers of its own.
type lxc struct {
	home *home
	dir  string
}

func needLXC(t testing.TB) {
	t.Helper()
	need.Root(t)
	need.Program(t, "lxc-start", "lxc-info", "lxc-stop", "tar")
}

func newLXC(t testing.TB) *lxc {
	t.Helper()
	needLXC(t)
	h := newHome(t)
	return &lxc{home: h, dir: h.mkdir(t, "lxc")}
}

// make makes a container that is to run a command, and returns its name, which is
// unique: the cgroup is made of it.
func (l *lxc) make(t testing.TB, name, command string) string {
	t.Helper()
	name = l.home.bridge() + "-" + name
	l.home.remember(t, name)
	rootfs := l.home.mkdir(t, "lxc", name, "rootfs")
	for _, dir := range []string{"proc", "sys", "dev"} {
		if err := os.Mkdir(filepath.Join(rootfs, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	l.home.run(t, nil, imageTar(t), "tar", "-x", "-C", rootfs)
	l.home.write(t, filepath.Join("lxc", name, "config"), fmt.Sprintf(`lxc.uts.name = %s
lxc.rootfs.path = dir:%s
lxc.net.0.type = empty
lxc.apparmor.profile = unconfined
lxc.init.cmd = /bin/%s
lxc.environment = %s=%s
`, name, rootfs, command, homeEnv, l.home.dir))
	return name
}

// run starts a container that sleeps.
func (l *lxc) run(t testing.TB, name string) container {
	t.Helper()
	name = l.make(t, name, "sleep 600")
	l.home.run(t, nil, nil, "lxc-start", "-P", l.dir, "-n", name)
	t.Cleanup(func() { l.home.run(t, nil, nil, "lxc-stop", "-P", l.dir, "-n", name, "--kill") })
	pid, err := strconv.Atoi(l.home.run(t, nil, nil, "lxc-info", "-P", l.dir, "-n", name, "-p", "-H"))
	if err != nil {
		t.Fatal(err)
	}
	return container{name: name, pid: pid, state: "running"}
}
