// SPDX-License-Identifier: Apache-2.0

package enter

import (
	"errors"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/internal/need"
	"github.com/nsinspect/nsinspect/pkg/ns"
)

func TestCheckName(t *testing.T) {
	for _, name := range []string{"", ".", "..", "a/b", "/", "a\x00", strings.Repeat("x", 256)} {
		if CheckName(name) == nil {
			t.Errorf("%q is taken", name)
		}
	}
	for _, name := range []string{"blue", "...", ".hidden", "two words", strings.Repeat("x", 255)} {
		if err := CheckName(name); err != nil {
			t.Errorf("%q: %v", name, err)
		}
	}
}

// What cannot be mounted leaves no file behind.
func TestAttachLeavesNothing(t *testing.T) {
	need.Root(t)
	path := t.TempDir()
	dir, err := openDir(path)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(dir)
	r, w, err := os.Pipe() // its file system cannot be mounted
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	if err := attach(dir, "blue", int(r.Fd()), 1); err == nil {
		t.Error("a pipe is mounted")
	}
	if left, err := os.ReadDir(path); err != nil || len(left) > 0 {
		t.Errorf("%v left, %v", left, err)
	}
	// A file that is there is not touched.
	if err := os.Symlink("/nowhere", path+"/blue"); err != nil {
		t.Fatal(err)
	}
	if err := attach(dir, "blue", int(r.Fd()), 1); !errors.Is(err, unix.EEXIST) {
		t.Errorf("the error is %v", err)
	}
	if target, err := os.Readlink(path + "/blue"); err != nil || target != "/nowhere" {
		t.Errorf("%s, %v", target, err)
	}
}

// A file of another namespace than is meant gets no name.
func TestNameVerifies(t *testing.T) {
	fd, err := unix.Open("/proc/self/ns/net", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	if err := Name(fd, ns.Namespace{Type: ns.Net, Inode: 1}, "nsinspect-test-other"); err == nil || !strings.Contains(err.Error(), "not net:[1]") {
		t.Errorf("the error is %v", err)
	}
}
