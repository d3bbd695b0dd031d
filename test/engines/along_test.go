// SPDX-License-Identifier: Apache-2.0

//go:build amd64 || arm64

package engines

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/internal/host"
	"github.com/nsinspect/nsinspect/internal/need"
	"github.com/nsinspect/nsinspect/internal/nstest"
)

// Where a name is mounted in more than one place: mount namespaces that are made before the name
// and after it, and where else its directory is bound in ours.
var alongCases = []struct {
	name          string
	private       bool // the directory neither propagates nor receives mounts
	plain         bool // it is no names directory: its files stay
	before, after []string
	bind          string // how mounts propagate where the directory is bound, "" if it is not
	commands      int
}{
	{name: "slave", before: []string{slave}, commands: 1},
	{name: "slave of a plain directory", before: []string{slave}, plain: true, commands: 1},
	{name: "slave, made after it", after: []string{slave}, plain: true, commands: 1},
	{name: "peers and slaves", before: []string{slave, peer, slave}, after: []string{peer}, plain: true, commands: 1},
	{name: "slave of a slave", before: []string{slaveOfSlave}, plain: true, commands: 1},
	{name: "private", private: true, after: []string{private}, commands: 1},
	{name: "private of a plain directory", private: true, after: []string{private, private}, plain: true, commands: 3},
	{name: "user's", private: true, after: []string{users}, commands: 1},
	{name: "bound here, shared", bind: "shared", plain: true, commands: 1},
	{name: "bound here, private", bind: "private", after: []string{private}, commands: 2},
}

// Commands that print a line once they are in a mount namespace of their own.
const (
	wait         = "echo in; exec sleep 600"
	slave        = "exec unshare --mount --propagation slave sh -c '" + wait + "'"
	peer         = "exec unshare --mount --propagation unchanged sh -c '" + wait + "'"
	private      = "exec unshare --mount --propagation private sh -c '" + wait + "'"
	users        = "exec setpriv --reuid=65534 --regid=65534 --clear-groups unshare --user --mount sh -c '" + wait + "'"
	slaveOfSlave = `exec unshare --mount --propagation slave sh -c 'mount --make-shared "$0" && exec unshare --mount --propagation slave sh -c "` + wait + `"' "$0"`
)

// TestAlong pastes what is advised for a name that is mounted in several places: no command
// is for what an earlier one has taken away, or ends who is in a mount namespace with a copy.
func TestAlong(t *testing.T) {
	CheckKernel(t)
	need.Program(t, "unshare", "setpriv", "mount", "umount", "dash")
	h, err := host.Open("/")
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	for e, opts := range optionsOf(t) {
		opts.Host, opts.Details = h, true
		for _, c := range alongCases {
			t.Run(engineNames[e]+"/"+c.name, func(t *testing.T) {
				names := nstest.NewNames(t)
				mountShared(t, names.Dir, c.private)
				if opts.NamesDirs = nil; !c.plain {
					opts.NamesDirs = []string{names.Dir}
				}
				for _, command := range c.before {
					inMounts(t, command, names.Dir)
				}
				scene := names.Add("x")
				if c.bind != "" {
					bindDir(t, names.Dir, c.bind)
				}
				for _, command := range c.after {
					inMounts(t, command, names.Dir)
				}
				verdict, steps := verdictOn(t, opts, scene)
				commands := 0
				for _, step := range steps {
					if step.Command != "" || strings.Contains(verdict, "umount -N of util-linux") { // busybox has none
						commands++
					}
					if strings.Contains(step.Command, "kill") {
						t.Errorf("ends who has a copy: %s", step.Command)
						continue
					}
					do(t, step, scene)
				}
				if commands != c.commands || commands != len(steps) {
					t.Errorf("%d commands of %d steps, want %d: %s", commands, len(steps), c.commands, verdict)
				}
				if !gone(t, opts, scene) {
					t.Errorf("still alive after what was advised: %s", verdict)
				}
			})
		}
	}
}

func mountShared(t *testing.T, dir string, private bool) {
	t.Helper()
	flag := uintptr(unix.MS_SHARED)
	if private {
		flag = unix.MS_PRIVATE
	}
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "mode=0755"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	if err := unix.Mount("", dir, "", flag, ""); err != nil {
		t.Fatal(err)
	}
}

// bindDir binds a directory to another one, with what is mounted in it.
func bindDir(t *testing.T, dir, propagation string) {
	t.Helper()
	to := filepath.Join(dir, "..", filepath.Base(dir)+"-bound")
	if err := os.Mkdir(to, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.Remove(to); err != nil {
			t.Error(err)
		}
	})
	if err := unix.Mount(dir, to, "", unix.MS_BIND|unix.MS_REC, ""); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(to, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	if propagation == "private" {
		if err := unix.Mount("", to, "", unix.MS_PRIVATE|unix.MS_REC, ""); err != nil {
			t.Fatal(err)
		}
	}
}

// inMounts runs a command of the shell, whose $0 is a directory, that enters a mount namespace of its own.
func inMounts(t *testing.T, command, dir string) {
	t.Helper()
	nstest.StartReady(t, exec.Command("sh", "-c", command, dir))
}
