// SPDX-License-Identifier: Apache-2.0

package host_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/internal/host"
	"github.com/nsinspect/nsinspect/internal/nsfs"
	"github.com/nsinspect/nsinspect/internal/nstest"
)

// What a file system that does not answer is asked for takes a moment, and a second time
// none.
func TestHangingTree(t *testing.T) {
	if !nstest.PrivateMounts(t) {
		return
	}
	top := t.TempDir()
	for _, dir := range []string{"hanging", "below/mounted"} {
		if err := os.MkdirAll(filepath.Join(top, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	h, err := host.Open("/")
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	below, err := h.OpenTree(filepath.Join(top, "below"))
	if err != nil {
		t.Fatal(err)
	}
	defer below.Close()
	// Mounted after the table of mounts was read.
	for _, dir := range []string{"hanging", "below/mounted"} {
		nstest.HangingFS(t, filepath.Join(top, dir))
	}
	if err := os.Symlink(filepath.Join(top, "hanging/a"), filepath.Join(top, "link")); err != nil {
		t.Fatal(err)
	}
	looks := map[string]func() error{
		"tree":     func() error { _, err := h.OpenTree(filepath.Join(top, "hanging")); return err },
		"tree ..":  func() error { _, err := h.OpenTree(filepath.Join(top, "hanging/../hanging/b")); return err },
		"symlink":  func() error { _, _, err := h.LookupNamespace(filepath.Join(top, "link")); return err },
		"mount":    func() error { _, _, err := below.ReadFile("mounted/file", 10); return err },
		"mount ls": func() error { _, err := below.ReadDir("mounted", 10); return err },
		"magic":    func() error { _, err := h.OpenTree("/proc/self/root" + top + "/hanging"); return err },
	}
	for name, look := range looks {
		for range 2 {
			start := time.Now()
			if err := look(); !errors.Is(err, host.ErrNoAnswer) {
				t.Errorf("%s: %v", name, err)
			}
			if took := time.Since(start); took > host.Patience+5*time.Second { // a busy machine
				t.Errorf("%s took %v", name, took)
			}
		}
	}
	if _, err := below.ReadDir(".", 10); err != nil {
		t.Errorf("what is beside it: %v", err)
	}
}

// What a helper has opened is opened here, too; a descriptor of this process is not one of the
// helper's.
func TestHelperOpens(t *testing.T) {
	h, err := host.Open("/")
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	file, err := os.Open("/proc/self/ns/uts")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	wantType, want, err := nsfs.Read(int(file.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{
		fmt.Sprintf("/proc/self/root/proc/%d/ns/uts", os.Getpid()),
		fmt.Sprintf("/proc/self/fd/%d", file.Fd()),
		fmt.Sprintf("/dev/fd/%d", file.Fd()),
	} {
		fd, err := h.OpenNamespace(name)
		if err != nil {
			t.Errorf("open %s: %v", name, err)
			continue
		}
		if typ, inode, err := nsfs.Read(fd); err != nil || typ != wantType || inode != want {
			t.Errorf("%s is %v %d, %v", name, typ, inode, err)
		}
		unix.Close(fd)
		if typ, inode, err := h.LookupNamespace(name); err != nil || typ != wantType || inode != want {
			t.Errorf("%s leads to %v %d, %v", name, typ, inode, err)
		}
	}
	for _, name := range []string{"/proc/self/root/etc/passwd", "/etc/passwd"} {
		if fd, err := h.OpenNamespace(name); err != nsfs.ErrNotNamespace {
			t.Errorf("open %s: %d, %v", name, fd, err)
		}
	}
}

// A helper returns what a direct look does.
func TestHelperAgrees(t *testing.T) {
	if !nstest.PrivateMounts(t) {
		return
	}
	top := t.TempDir()
	for name, text := range map[string]string{"a": "text\xff\n", "b": ""} {
		if err := os.WriteFile(filepath.Join(top, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("a", filepath.Join(top, "link")); err != nil {
		t.Fatal(err)
	}
	h, err := host.Open("/")
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	direct, err := h.OpenTree(top)
	if err != nil {
		t.Fatal(err)
	}
	defer direct.Close()
	asked, err := h.OpenTree("/proc/self/root" + top)
	if err != nil {
		t.Fatal(err)
	}
	defer asked.Close()
	for _, name := range []string{"a", "b", "link", "missing", "."} {
		for _, most := range []int64{100, 3} {
			text, _, err := direct.ReadFile(name, most)
			itsText, _, itsErr := asked.ReadFile(name, most)
			if string(text) != string(itsText) || !errors.Is(itsErr, err) {
				t.Errorf("%s: %q, %v and %q, %v", name, text, err, itsText, itsErr)
			}
		}
	}
	for _, most := range []int{100, 2} {
		entries, err := direct.ReadDir(".", most)
		its, itsErr := asked.ReadDir(".", most)
		if len(entries) != len(its) || !errors.Is(itsErr, err) {
			t.Errorf("%d entries, %v and %d, %v", len(entries), err, len(its), itsErr)
		}
		for i := range min(len(entries), len(its)) {
			if entries[i].Name() != its[i].Name() || entries[i].IsDir() != its[i].IsDir() {
				t.Errorf("%v and %v", entries[i], its[i])
			}
		}
	}
	if _, err := h.OpenTree("/proc/self/root" + top + "/missing"); !errors.Is(err, unix.ENOENT) {
		t.Errorf("a missing directory: %v", err)
	}
}
