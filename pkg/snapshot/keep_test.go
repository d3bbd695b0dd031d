// SPDX-License-Identifier: Apache-2.0

package snapshot

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestPrune(t *testing.T) {
	dir := t.TempDir()
	s := machine(time.Date(2026, 3, 8, 12, 0, 0, 5, time.UTC)).Snapshot
	keep := []string{
		"nsinspect-node1-20260301T120001Z.json.gz",   // younger than a week
		"nsinspect-node1-20260309T120000Z.json.gz",   // of another clock
		"nsinspect-node10-20260101T000000Z.json.gz",  // of another host
		"nsinspect-node1-20200101T000000.5Z.json.gz", // no name of ours
		"nsinspect-node1-20260101T000000Z.json", "nsinspect-node1-2026.json.gz", "other.json.gz", "nsinspect-node1-20250101T000000Z.json.gz/", "link",
	}
	gone := []string{"nsinspect-node1-20260301T115959Z.json.gz", "nsinspect-node1-20200101T000000Z.json.gz"}
	for _, name := range append(gone, keep...) {
		file := filepath.Join(dir, name)
		switch {
		case name[len(name)-1] == '/':
			if err := os.Mkdir(file, 0o755); err != nil {
				t.Fatal(err)
			}
		case name == "link":
			name = "nsinspect-node1-20240101T000000Z.json.gz"
			if err := os.Symlink("other.json.gz", filepath.Join(dir, name)); err != nil {
				t.Fatal(err)
			}
		default:
			if err := os.WriteFile(file, nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	want := []string{
		"nsinspect-node1-20200101T000000.5Z.json.gz",
		"nsinspect-node1-20240101T000000Z.json.gz", "nsinspect-node1-20250101T000000Z.json.gz", "nsinspect-node1-2026.json.gz",
		"nsinspect-node1-20260101T000000Z.json", "nsinspect-node1-20260301T120001Z.json.gz", "nsinspect-node1-20260309T120000Z.json.gz",
		"nsinspect-node10-20260101T000000Z.json.gz", "other.json.gz",
	}
	if err := Prune(dir, s, Keep{Time: 7 * 24 * time.Hour}); err != nil {
		t.Fatal(err)
	}
	var got []string
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		got = append(got, e.Name())
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("what is left (-want +got):\n%s", diff)
	}
	for _, want := range []string{"nsinspect-node1-20260308T120000Z.json.gz", "nsinspect-node1-20260308T120001Z.json.gz"} {
		name := FileName(dir, s)
		if name != want {
			t.Errorf("%s, want %s", name, want)
		}
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// What is too large together is thinned out, in time and not in number, and keeps the file that was
// just written.
func TestPruneToSize(t *testing.T) {
	s := machine(time.Date(2026, 3, 8, 12, 0, 0, 5, time.UTC)).Snapshot
	const written = "nsinspect-node1-20260308T120000Z.json.gz"
	for _, test := range []struct {
		what       string
		hours      []int // before it
		size, keep int64
		want       []int
	}{
		{"all fit", []int{4, 3, 2, 1, 0}, 100, 500, []int{4, 3, 2, 1, 0}},
		{"one too many", []int{4, 3, 2, 1, 0}, 100, 499, []int{4, 2, 1, 0}},
		{"room for three", []int{4, 3, 2, 1, 0}, 100, 300, []int{4, 2, 0}},
		{"what is dense goes first", []int{40, 30, 20, 10, 3, 2, 1, 0}, 100, 600, []int{40, 30, 20, 10, 3, 0}},
		{"room for one and a half", []int{2, 1, 0}, 100, 150, []int{0}},
		{"too large alone", []int{2, 1, 0}, 100, 1, []int{0}},
		{"of another clock", []int{0, -2, -3}, 100, 100, []int{0}},
	} {
		dir := t.TempDir()
		write := func(name string, size int64) {
			if err := os.WriteFile(filepath.Join(dir, name), make([]byte, size), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		named := func(hours int) string {
			return "nsinspect-node1-" + s.Taken.Add(-time.Duration(hours)*time.Hour).Format(fileTime) + ".json.gz"
		}
		for _, h := range test.hours {
			write(named(h), test.size)
		}
		const another = "nsinspect-node2-20260308T110000Z.json.gz"
		write(another, 1<<20)
		if err := Prune(dir, s, Keep{Size: test.keep, Written: written}); err != nil {
			t.Errorf("%s: %v", test.what, err)
		}
		want := map[string]bool{another: true}
		for _, h := range test.want {
			want[named(h)] = true
		}
		got := map[string]bool{}
		entries, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			got[e.Name()] = true
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: what is left (-want +got):\n%s", test.what, diff)
		}
	}
}

// A year of files, one an hour, into which one is written after another: those that are left are
// spread over the time that is kept.
func TestPruneKeepsWholeTime(t *testing.T) {
	dir := t.TempDir()
	begin := time.Date(2026, 3, 8, 12, 0, 0, 0, time.UTC)
	const hours, week, room = 1000, 168, 20
	for i := range hours {
		s := machine(begin.Add(time.Duration(i) * time.Hour)).Snapshot
		name := FileName(dir, s)
		if err := os.WriteFile(filepath.Join(dir, name), make([]byte, 100), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := Prune(dir, s, Keep{Time: week * time.Hour, Size: room * 100, Written: name}); err != nil {
			t.Fatal(err)
		}
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(entries) != room {
		t.Errorf("%d files, want %d", len(entries), room)
	}
	last := begin.Add((hours - 1 - week) * time.Hour)
	for _, e := range entries {
		taken, ok := takenAt(e, machine(begin).Snapshot)
		if gap := taken.Sub(last); !ok || gap > 2*week/room*time.Hour {
			t.Errorf("%s: %s after the one before", e.Name(), gap)
		}
		last = taken
	}
}
