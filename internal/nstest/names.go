// SPDX-License-Identifier: Apache-2.0

package nstest

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/internal/need"
	"github.com/nsinspect/nsinspect/internal/testlock"
)

// OddNames are file names that are legal and make trouble.
var OddNames = []string{
	"two words", " ", "tab\there", "line\nbreak", "net:[4026531840]", "\\040", "back\\slash",
	"\x1b[31mred\x1b[0m", "\x1b]0;title\x07", "\r\x08\x7f", "-rf", "#", "x (deleted)", "blau-größe-网",
	"\xff\xfe", "\u202egnp.exe", strings.Repeat("n", 255),
}

// Names is a directory of names.
type Names struct {
	Dir    string
	prefix string // what every name in it is made to begin with
	t      testing.TB
}

var runNames atomic.Int32

// NewNames makes an empty names directory, which goes away when the test ends.
// It skips the test without root.
func NewNames(t testing.TB) *Names {
	t.Helper()
	need.Root(t)
	testlock.Shared(t)
	dir, err := sceneDir()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Errorf("remove names directory: %v", err)
		}
	})
	return &Names{Dir: dir, t: t}
}

// NewRunNames gives access to /run/netns, which is made as `ip netns add` makes
// it where there is none, and stays. It is that of the tests' own mount namespace,
// and a name there begins with what no other test's does, see Path.
func NewRunNames(t testing.TB) *Names {
	t.Helper()
	need.Root(t)
	testlock.Shared(t)
	if _, err := workDir(); err != nil { // its guardian watches /run/netns too
		t.Fatal(err)
	}
	if err := makeRunNetns(); err != nil {
		t.Fatal(err)
	}
	return &Names{RunNetns, fmt.Sprintf("%s%d-", namePrefix, runNames.Add(1)), t}
}

// makeRunNetns makes /run/netns a mount point, as `ip netns add` does, by the
// same lock. Were it done by ip, after names are in there, these would be
// mounted twice, once out of reach.
func makeRunNetns() error {
	if err := os.MkdirAll(RunNetns, 0o755); err != nil {
		return fmt.Errorf("make names directory: %w", err)
	}
	dir, err := os.Open(RunNetns)
	if err != nil {
		return fmt.Errorf("open names directory: %w", err)
	}
	defer dir.Close()
	if err := unix.Flock(int(dir.Fd()), unix.LOCK_EX); err != nil {
		return fmt.Errorf("lock names directory: %w", err)
	}
	err = unix.Mount("", RunNetns, "none", unix.MS_SHARED|unix.MS_REC, "")
	if !errors.Is(err, unix.EINVAL) { // EINVAL: no mount point
		return os.NewSyscallError("share names directory", err)
	}
	if err := unix.Mount(RunNetns, RunNetns, "none", unix.MS_BIND|unix.MS_REC, ""); err != nil {
		return fmt.Errorf("mount names directory on itself: %w", err)
	}
	return os.NewSyscallError("share names directory", unix.Mount("", RunNetns, "none", unix.MS_SHARED|unix.MS_REC, ""))
}

// Path is where a name is: in /run/netns with a prefix, and at most 255 bytes.
func (n *Names) Path(name string) string {
	name = n.prefix + name
	return filepath.Join(n.Dir, name[:min(len(name), unix.NAME_MAX)])
}

// Add does what `ip netns add` does: it makes a namespace held by its name
// alone. Where there is such a name already, the new one is mounted over it and
// is to be freed first. It is freed when the test ends.
func (n *Names) Add(name string) *Scene {
	n.t.Helper()
	truth, err := addName(n.Path(name))
	if err != nil {
		n.t.Fatalf("add name %q: %v", name, err)
	}
	made.add(truth)
	s := &Scene{Truth: truth, t: n.t}
	s.close = sync.OnceValue(s.end)
	n.t.Cleanup(s.Free)
	return s
}

// Bind gives the namespace of a scene a further name and so a further holder,
// which the scene's Free takes away too.
func (n *Names) Bind(name string, s *Scene) {
	n.t.Helper()
	h, err := bindName(s.File(), n.Path(name))
	if err != nil {
		n.t.Fatalf("bind name %q: %v", name, err)
	}
	s.Holders = append(s.Holders, h)
}

// Symlink makes a name that is a symbolic link, dangling or not.
func (n *Names) Symlink(name, target string) string {
	n.t.Helper()
	return n.plain(name, func(path string) error { return os.Symlink(target, path) })
}

// File makes a plain file, which is no namespace.
func (n *Names) File(name, content string) string {
	n.t.Helper()
	return n.plain(name, func(path string) error { return os.WriteFile(path, []byte(content), 0o644) })
}

// FIFO makes a named pipe, which blocks whoever opens it for reading.
func (n *Names) FIFO(name string) string {
	n.t.Helper()
	return n.plain(name, func(path string) error { return unix.Mkfifo(path, 0o644) })
}

// Socket makes a socket file that nobody listens at.
func (n *Names) Socket(name string) string {
	n.t.Helper()
	return n.plain(name, func(path string) error { return unix.Mknod(path, unix.S_IFSOCK|0o644, 0) })
}

// Device makes a character device that no driver has, 60:0 of the numbers kept
// for local use.
func (n *Names) Device(name string) string {
	n.t.Helper()
	return n.plain(name, func(path string) error {
		return unix.Mknod(path, unix.S_IFCHR|0o644, int(unix.Mkdev(60, 0)))
	})
}

// Directory makes a directory.
func (n *Names) Directory(name string) string {
	n.t.Helper()
	return n.plain(name, func(path string) error { return os.Mkdir(path, 0o755) })
}

// plain makes a file that is removed when the test ends.
func (n *Names) plain(name string, f func(path string) error) string {
	n.t.Helper()
	path := n.Path(name)
	if err := f(path); err != nil {
		n.t.Fatalf("make name %q: %v", name, err)
	}
	n.t.Cleanup(func() {
		if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
			n.t.Errorf("remove name: %v", err)
		}
	})
	return path
}
