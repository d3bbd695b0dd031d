// SPDX-License-Identifier: Apache-2.0

package snapshot

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// A file of a directory that was replaced since is neither followed nor waited for.
func TestOpenEntry(t *testing.T) {
	dir := t.TempDir()
	file, link, fifo := filepath.Join(dir, "file"), filepath.Join(dir, "link"), filepath.Join(dir, "fifo")
	err := errors.Join(os.WriteFile(file, written(t, whole(), Encoding{}), 0o600), os.Symlink(file, link), unix.Mkfifo(fifo, 0o600))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := OpenEntry(file, nil); err != nil {
		t.Error(err)
	}
	if _, err := OpenEntry(link, nil); !errors.Is(err, unix.ELOOP) {
		t.Errorf("a symlink: %v", err)
	}
	if _, err := OpenEntry(fifo, nil); err == nil || !strings.HasSuffix(err.Error(), " is not a regular file") { // else it waits
		t.Errorf("a FIFO: %v", err)
	}
}

// What OpenToCompare leaves out makes no difference to Compare.
func TestOpenToCompare(t *testing.T) {
	dir := t.TempDir()
	save := func(name string, f *File) string {
		name = filepath.Join(dir, name)
		if err := os.WriteFile(name, written(t, f, Encoding{}), 0o600); err != nil {
			t.Fatal(err)
		}
		return name
	}
	changed := whole()
	n := changed.Snapshot.Find(3)
	n.Names, n.Holders, n.Links[0].Up = n.Names[:1], n.Holders[:4], !n.Links[0].Up
	changed.Report.Findings[0].Severity++
	names := []string{save("old", whole()), save("new", changed)}
	var all, some [2]*File
	for i, name := range names {
		var err error
		if all[i], err = Open(name, nil); err != nil {
			t.Fatal(err)
		}
		if some[i], err = OpenToCompare(name, nil); err != nil {
			t.Fatal(err)
		}
		if f := some[i]; len(f.Answers)+len(f.Sockets.Hits)+len(f.Snapshot.Kept.Local) > 0 {
			t.Errorf("%s is read in full", name)
		}
		if f := all[i]; len(f.Answers) == 0 || len(f.Sockets.Hits) == 0 || len(f.Snapshot.Kept.Local) == 0 {
			t.Errorf("%s is not read in full", name)
		}
	}
	want, got := describe(Compare(all[0], all[1], Options{})), describe(Compare(some[0], some[1], Options{}))
	if want == "" || got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
	if d := Compare(all[0], some[0], Options{}); !d.Same() {
		t.Errorf("a file is different from itself:\n%s", describe(d))
	}
}

// A list in pieces has what was added, in its order.
func TestPieces(t *testing.T) {
	for _, n := range []int{0, 1, leastPiece, leastPiece + 1, 3*mostPiece + 7} {
		var list pieces[int]
		for i := range n {
			if list.add(i); list.len() != i+1 {
				t.Fatalf("len() = %d of %d", list.len(), i+1)
			}
		}
		all := list.joined()
		if len(all) != n || cap(all) != n || list.len() != 0 {
			t.Errorf("%d elements of %d, room for %d, %d left", len(all), n, cap(all), list.len())
		}
		for i, got := range all {
			if got != i {
				t.Fatalf("element %d of %d is %d", i, n, got)
			}
		}
	}
}
