// SPDX-License-Identifier: Apache-2.0

package trace

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/internal/names"
	"github.com/nsinspect/nsinspect/internal/nstest"
	"github.com/nsinspect/nsinspect/pkg/ns"
)

// Without any event a name that comes is there, and one that goes is not, and the change
// is not older than reported.
func TestNamesFollow(t *testing.T) {
	dir := nstest.NewNames(t)
	first := dir.Add("first")
	n, err := NewNames([]string{dir.Dir})
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	if err := n.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	target := NS{first.Inode, first.Cookie}
	if got := n.Current(ns.Net, target); !slices.Equal(got, []string{"first"}) {
		t.Errorf("it starts with %q", got)
	}
	n.Since()
	follow := func(change func(), want ...string) {
		t.Helper()
		n.Follow() // up to here nothing has changed
		n.Since()
		before := time.Now()
		change()
		after := time.Now()
		nstest.Eventually(t, func() string {
			n.Follow()
			got, since := n.Current(ns.Net, target), n.Since()
			if !slices.Equal(got, want) {
				return fmt.Sprintf("called %q, want %q", got, want)
			}
			if since.IsZero() || since.After(after) {
				return fmt.Sprintf("changed after %v, but it was between %v and %v", since, before, after)
			}
			return ""
		})
	}
	follow(func() { dir.Bind("second", first) }, "first", "second")
	follow(func() {
		if err := unix.Unmount(dir.Path("second"), unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	}, "first")
	follow(func() { dir.Symlink("third", "first") }, "first", "third")
	follow(func() {
		if err := os.Rename(dir.Path("third"), dir.Path("zero")); err != nil {
			t.Error(err)
		}
	}, "first", "zero")
	follow(func() {
		if err := os.Remove(dir.Path("zero")); err != nil {
			t.Error(err)
		}
	}, "first")
}

// Names in a directory that cannot be read stay; those that are read in it later may be
// old.
func TestNamesGaps(t *testing.T) {
	at := func(inode uint64, path string) names.Named {
		return names.Named{Type: ns.Net, Inode: inode, Name: ns.Name{Name: filepath.Base(path), Path: path, Authority: ns.RootAuthority}}
	}
	n := &Names{known: map[id]knownNames{}}
	gap := []ns.Gap{{Path: "/run/b/", Err: unix.EACCES}, {Path: "/run/a", Err: unix.ENOENT}}
	n.take(found{named: []names.Named{at(1, "/run/a/one")}, gaps: gap[:1]})
	n.take(found{named: []names.Named{at(1, "/run/a/one"), at(2, "/run/b/two"), at(3, "/run/a/three")}})
	if old := n.Old(ns.Net, NS{Inode: 2}); !slices.Equal(old, []string{"two"}) || n.Old(ns.Net, NS{Inode: 3}) != nil {
		t.Errorf("old are %q and %q", old, n.Old(ns.Net, NS{Inode: 3}))
	}
	n.Since()
	n.take(found{named: []names.Named{at(3, "/run/a/three")}, gaps: gap})
	if got := n.Current(ns.Net, NS{Inode: 2}); !slices.Equal(got, []string{"two"}) {
		t.Errorf("in the directory that could not be read: %q", got)
	}
	if got := n.Current(ns.Net, NS{Inode: 1}); got != nil {
		t.Errorf("in the other one there is still %q", got)
	}
	if got := n.Names(ns.Net, NS{Inode: 3}); !slices.Equal(got, []string{"three"}) || n.Old(ns.Net, NS{Inode: 3}) != nil {
		t.Errorf("%q", got)
	}
}
