// SPDX-License-Identifier: Apache-2.0

package host_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/internal/host"
	"github.com/nsinspect/nsinspect/internal/hosttest"
)

// A tree is read below itself alone, and nothing in it that is no file.
func TestTree(t *testing.T) {
	dir := hosttest.New(t, `
-- proc/2 (process) --
-- secret --
no
-- d/file --
text
-- d/sub/file --
deep
-- d/link -> file --
-- d/out -> ../secret --
-- d/dirlink -> sub --
-- d/pipe (fifo) --
-- away -> d --
`)
	h, err := host.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	tree, err := h.OpenTree("/away") // the way there may be a link
	if err != nil {
		t.Fatal(err)
	}
	defer tree.Close()
	for name, want := range map[string]error{
		"file": nil, "sub/file": nil, "link": unix.ELOOP, "out": unix.ELOOP, "dirlink/file": unix.ELOOP,
		"../secret": unix.EXDEV, "pipe": host.ErrNotRegular, "sub": host.ErrNotRegular, "none": unix.ENOENT,
	} {
		text, authority, err := tree.ReadFile(name, 100)
		if !errors.Is(err, want) || want == nil && (len(text) != 4 || !authority.Trusted) {
			t.Errorf("%s: %q of %v, %v; want %v", name, text, authority, err, want)
		}
	}
	if _, _, err := tree.ReadFile("file", 3); err != host.ErrTooLarge {
		t.Errorf("4 bytes of 3: %v", err)
	}
	if entries, err := tree.ReadDir(".", 3); len(entries) != 3 || err != host.ErrTooLarge {
		t.Errorf("6 entries of 3: %v, %v", entries, err)
	}
	if entries, err := tree.ReadDir(".", 6); len(entries) != 6 || err != nil {
		t.Errorf("6 entries: %v, %v", entries, err)
	}
	if _, err := h.OpenTree("/none"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no directory: %v", err)
	}
	if err := os.WriteFile(filepath.Join(dir, "proc/2/cgroup"), []byte("0::/\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if text, err := h.ReadProc(2, "cgroup", 100); string(text) != "0::/\n" || err != nil {
		t.Errorf("cgroup: %q, %v", text, err)
	}
	if _, err := h.ReadProc(2, "cgroup", 2); err != host.ErrTooLarge {
		t.Errorf("5 bytes of 2: %v", err)
	}
}
