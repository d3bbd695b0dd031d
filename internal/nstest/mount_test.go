// SPDX-License-Identifier: Apache-2.0

package nstest

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func checkMountPrivate(t *testing.T, s *Scene) {
	h := s.Holders[0]
	if got := inode(t, "/proc/%d/ns/mnt", h.PID); got != h.MountNS {
		t.Errorf("process is in mount namespace %d, want %d", got, h.MountNS)
	}
	if own := inode(t, "/proc/self/ns/mnt"); own == h.MountNS {
		t.Error("that is our own mount namespace")
	}
	if got := inode(t, "/proc/%d/root%s", h.PID, h.Path); got != s.Inode {
		t.Errorf("path opens %d, want %d", got, s.Inode)
	}
}

// checkMountFD enters the mount namespace that no process is in.
func checkMountFD(t *testing.T, s *Scene) {
	h := s.Holders[0]
	if got := inode(t, "/proc/%d/fd/%d", h.Pin.PID, *h.Pin.FD); got != h.MountNS {
		t.Errorf("fd is mount namespace %d, want %d", got, h.MountNS)
	}
	checkApart(t, s, fmt.Sprintf("/proc/%d/fd/%d", h.Pin.PID, *h.Pin.FD))
}

func checkMountMount(t *testing.T, s *Scene) {
	h := s.Holders[0]
	path := fmt.Sprintf("/proc/%d/root%s", h.Pin.PID, h.Pin.Path)
	if got := inode(t, "%s", path); got != h.MountNS {
		t.Errorf("path opens mount namespace %d, want %d", got, h.MountNS)
	}
	if got := inode(t, "/proc/%d/ns/mnt", h.Pin.PID); got != h.Pin.MountNS {
		t.Errorf("process is in mount namespace %d, want %d", got, h.Pin.MountNS)
	}
	checkApart(t, s, path)
}

// checkApart checks that no task is in the scene's mount namespace, which file opens, and
// its mount in there.
func checkApart(t *testing.T, s *Scene, file string) {
	t.Helper()
	h := s.Holders[0]
	tasks, _ := filepath.Glob("/proc/[0-9]*/task/[0-9]*/ns/mnt")
	for _, task := range tasks {
		if link, _ := os.Readlink(task); link == fmt.Sprintf("mnt:[%d]", h.MountNS) {
			t.Errorf("%s is in the mount namespace", task)
		}
	}
	err := onThread(func() error {
		fd, err := unix.Open(file, unix.O_RDONLY|unix.O_CLOEXEC, 0)
		if err != nil {
			return err
		}
		defer unix.Close(fd)
		if err := unix.Unshare(unix.CLONE_FS); err != nil {
			return err
		}
		if err := unix.Setns(fd, unix.CLONE_NEWNS); err != nil {
			return err
		}
		top, err := topMount(h.Path)
		if err == nil && (top.id != h.MountID || top.root != fmt.Sprintf("net:[%d]", s.Inode)) {
			err = fmt.Errorf("mount on %s is %+v, want ID %d", h.Path, top, h.MountID)
		}
		return err
	})
	if err != nil {
		t.Errorf("look into mount namespace: %v", err)
	}
}

func checkMountTree(t *testing.T, s *Scene) {
	h := s.Holders[0]
	dir := fmt.Sprintf("/proc/%d/fd/%d", h.Pin.PID, *h.Pin.FD)
	if got := inode(t, "%s%s", dir, h.Path); got != s.Inode {
		t.Errorf("path in detached tree opens %d, want %d", got, s.Inode)
	}
}

func TestOvermount(t *testing.T) {
	CheckLeaks(t)
	n := NewNames(t)
	below, above := n.Add("blue"), n.Add("blue")
	path := n.Path("blue")
	if got := inode(t, "%s", path); got != above.Inode || got == below.Inode {
		t.Errorf("name opens %d, want the upper one, %d", got, above.Inode)
	}
	checkExclusive(t, &below.Truth)
	checkExclusive(t, &above.Truth)
	above.Free()
	checkGone(t, above.Namespace)
	if got := inode(t, "%s", path); got != below.Inode {
		t.Errorf("name opens %d, want the lower one, %d", got, below.Inode)
	}
}

func TestTwoNames(t *testing.T) {
	CheckLeaks(t)
	n := NewNames(t)
	for _, k := range []Kind{Process, Thread, FD, FDThread, FDDetached, Mount, MountPrivate} {
		s := Make(t, k)
		n.Bind("of "+string(k), s)
		if got := inode(t, "%s", n.Path("of "+string(k))); got != s.Inode || len(s.Holders) != 2 {
			t.Errorf("name of %s opens %d, want %d", k, got, s.Inode)
		}
		checkExclusive(t, &s.Truth)
		s.Free()
		checkGone(t, s.Namespace)
	}
	s := n.Add("red")
	n.Bind("rouge", s)
	checkExclusive(t, &s.Truth)
}

func TestOddNames(t *testing.T) {
	CheckLeaks(t)
	n := NewNames(t)
	for _, name := range OddNames {
		s := n.Add(name)
		if got := inode(t, "%s", filepath.Join(n.Dir, name)); got != s.Inode {
			t.Errorf("name %q opens %d, want %d", name, got, s.Inode)
		}
	}
	entries, err := os.ReadDir(n.Dir)
	if err != nil || len(entries) != len(OddNames) {
		t.Errorf("directory has %d names, want %d (%v)", len(entries), len(OddNames), err)
	}
	for _, e := range entries {
		if !slices.Contains(OddNames, e.Name()) {
			t.Errorf("name %q was not asked for", e.Name())
		}
	}
}

func TestPlainNames(t *testing.T) {
	CheckLeaks(t)
	n := NewNames(t)
	s := Make(t, Process)
	if got := inode(t, "%s", n.Symlink("link", s.File())); got != s.Inode {
		t.Errorf("symlink opens %d, want %d", got, s.Inode)
	}
	if _, err := os.Stat(n.Symlink("dangling", "/nowhere")); !os.IsNotExist(err) {
		t.Errorf("dangling link: %v", err)
	}
	for path, want := range map[string]os.FileMode{
		n.File("file", "x"):   0,
		n.FIFO("fifo"):        os.ModeNamedPipe,
		n.Socket("socket"):    os.ModeSocket,
		n.Device("device"):    os.ModeDevice | os.ModeCharDevice,
		n.Directory("folder"): os.ModeDir,
	} {
		if st, err := os.Lstat(path); err != nil || st.Mode().Type() != want {
			t.Errorf("%s is %v, want %v (%v)", path, st.Mode().Type(), want, err)
		}
	}
}

func TestParseMounts(t *testing.T) {
	got, err := parseMounts(strings.NewReader(
		`45 27 0:4 net:[4026532177] /run/netns/two\040words\012\134040` + "\r" + ` rw shared:7 - nsfs nsfs rw` + "\n"))
	want := []mountEntry{{45, "net:[4026532177]", "/run/netns/two words\n\\040\r", "nsfs"}}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("got %+v, %v", got, err)
	}
	for _, bad := range []string{"x", "x 27 0:4 / / rw - nsfs", "45 27 0:4 / / rw nsfs"} {
		if got, err := parseMounts(strings.NewReader(bad)); err == nil {
			t.Errorf("%q gave %+v", bad, got)
		}
	}
}
