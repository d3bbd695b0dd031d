// SPDX-License-Identifier: Apache-2.0

package names

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/internal/host"
	"github.com/nsinspect/nsinspect/internal/need"
)

// What may change a name is reported, also in a directory that comes later, and one that
// comes again.
func TestWatch(t *testing.T) {
	need.Root(t)
	h, err := host.Open("/")
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	top := t.TempDir()
	dir := filepath.Join(top, "run", "netns")
	w := NewReader(h, []string{dir}).Watch()
	defer w.Close()
	at := func(name string) string { return filepath.Join(dir, name) }
	for _, step := range []struct {
		what string
		do   func() error
	}{
		{"a directory above is made", func() error { return os.Mkdir(filepath.Dir(dir), 0o755) }},
		{"the directory is made", func() error { return os.Mkdir(dir, 0o755) }},
		{"an entry is made", func() error { return os.WriteFile(at("a"), nil, 0o644) }},
		{"something is mounted", func() error { return unix.Mount("/proc/self/ns/uts", at("a"), "", unix.MS_BIND, "") }},
		{"it is unmounted", func() error { return unix.Unmount(at("a"), unix.MNT_DETACH) }},
		{"an entry is renamed", func() error { return os.Rename(at("a"), at("b")) }},
		{"a symlink is made", func() error { return os.Symlink("/proc/self/ns/net", at("c")) }},
		{"an entry is removed", func() error { return os.Remove(at("b")) }},
		{"the directory is moved away", func() error { return os.Rename(dir, filepath.Join(top, "away")) }},
		{"the directory is made again", func() error { return os.Mkdir(dir, 0o755) }},
		{"an entry is made there", func() error { return os.WriteFile(at("d"), nil, 0o644) }},
	} {
		w.Arm()
		for w.Changed(0) { // other tests mount too
			w.Arm()
		}
		if err := step.do(); err != nil {
			t.Fatalf("%s: %v", step.what, err)
		}
		if !w.Changed(10 * time.Second) {
			t.Errorf("%s: nothing is reported", step.what)
		}
	}
	if w.Blind() {
		t.Error("a directory could not be watched")
	}
}

// What is of no interest is not reported, and keeps no watch.
func TestWatchOthers(t *testing.T) {
	h, err := host.Open("/")
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	top := t.TempDir()
	dir := filepath.Join(top, "netns")
	for _, path := range []string{dir, filepath.Join(top, "other")} {
		if err := os.Mkdir(path, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	w := NewReader(h, []string{dir}).Watch()
	defer w.Close()
	w.Arm()
	watches := len(w.wanted)
	if err := os.WriteFile(filepath.Join(top, "beside"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(top, "other", "file"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if w.read() {
		t.Error("a file beside the directory is reported")
	}
	for range 3 {
		if err := os.Rename(dir, dir+"-away"); err != nil {
			t.Fatal(err)
		}
		if err := os.RemoveAll(dir + "-away"); err != nil {
			t.Fatal(err)
		}
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		if !w.read() {
			t.Error("another directory in its place is not reported")
		}
		w.Arm()
	}
	if len(w.wanted) != watches {
		t.Errorf("%d watches, %d before", len(w.wanted), watches)
	}
}
