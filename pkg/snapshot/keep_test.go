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
	if err := Prune(dir, s, 7*24*time.Hour); err != nil {
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
