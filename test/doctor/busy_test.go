// SPDX-License-Identifier: Apache-2.0

//go:build amd64 || arm64

package doctor

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/internal/need"
	"github.com/nsinspect/nsinspect/internal/nstest"
)

// To remove a file fails where something is mounted on it, and takes the mount away where that
// is in another mount namespace.
func TestBusyFile(t *testing.T) {
	need.Program(t, "unshare", "mount", "sh", "setpriv")
	dir := nstest.NewNames(t)
	if err := os.Chmod(dir.Dir, 0o755); err != nil {
		t.Fatal(err)
	}
	p := newPatient(t).in(dir)
	here, elsewhere, users := dir.File("here", ""), dir.File("two words", ""), dir.File("users", "")
	if err := unix.Mount("/etc/passwd", here, "", unix.MS_BIND, ""); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(here, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	mountElsewhere(t, elsewhere, "unshare", "--mount", "--propagation", "private")
	mountElsewhere(t, users, "setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "unshare", "--user", "--map-root-user", "--mount")
	for _, f := range p.expect(t, "leftover-file", "leftover-file", "leftover-file") {
		mine := f.Path == users // who made that mount is of no concern to root
		if len(f.Fix) == 0 == mine || strings.Contains(f.Summary, "something else is mounted on it") == mine {
			t.Errorf("finding %+v", f)
		}
	}
}

// mountElsewhere binds a file to another one in a mount namespace that a command makes.
func mountElsewhere(t *testing.T, file string, command ...string) {
	t.Helper()
	cmd := exec.Command(command[0], append(command[1:], "sh", "-c", `mount -c --bind /etc/passwd "./$0" && echo in && exec sleep 600`, filepath.Base(file))...)
	cmd.Dir = filepath.Dir(file) // the way there may be closed to other users
	cmd.Stderr = os.Stderr
	nstest.StartReady(t, cmd)
}
