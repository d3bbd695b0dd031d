// SPDX-License-Identifier: Apache-2.0

package names_test

import (
	"context"
	"path/filepath"
	"strconv"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/internal/host"
	"github.com/nsinspect/nsinspect/internal/names"
	"github.com/nsinspect/nsinspect/internal/need"
	"github.com/nsinspect/nsinspect/internal/nstest"
	"github.com/nsinspect/nsinspect/pkg/ns"
)

func TestNamesReader(t *testing.T) {
	dir := nstest.NewNames(t)
	h, err := host.Open("/")
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	gone := filepath.Join(dir.Dir, "nosuch")
	r := names.NewReader(h, []string{dir.Dir, dir.Dir + "/.", gone})
	read := func() map[string]names.Named {
		t.Helper()
		all, gaps := r.Read(context.Background())
		reported := false
		for _, g := range gaps {
			reported = reported || g.Path == gone && g.Err == unix.ENOENT
		}
		if !reported {
			t.Errorf("a directory that is not there is no gap: %v", gaps)
		}
		found := map[string]names.Named{}
		for _, n := range all {
			if filepath.Dir(n.Name.Path) != dir.Dir {
				continue
			}
			if _, twice := found[n.Name.Name]; twice {
				t.Errorf("%s is reported twice", n.Name.Name)
			}
			found[n.Name.Name] = n
		}
		return found
	}
	if len(read()) != 0 {
		t.Error("names in an empty directory")
	}
	dir.Add("blue")
	dir.Symlink("azure", "blue")
	dir.Symlink("uts", "/proc/self/ns/uts")
	got := read()
	var st unix.Stat_t
	if err := unix.Stat(filepath.Join(dir.Dir, "blue"), &st); err != nil {
		t.Fatal(err)
	}
	if b := got["blue"]; b.Inode != st.Ino || b.Type != ns.Net || (b.Cookie == 0) == need.KernelIs(t, 5, 14) || b.Name.Kind != ns.NameMount {
		t.Errorf("blue is %+v, want inode %d and a cookie", b, st.Ino)
	}
	if a, b := got["azure"], got["blue"]; a.Inode != b.Inode || a.Cookie != b.Cookie || a.Name.Kind != ns.NameSymlink {
		t.Errorf("a symlink leads to %+v, not to %+v", a, b)
	}
	if u := got["uts"]; u.Type != ns.UTS || u.Cookie != 0 {
		t.Errorf("a name of a UTS namespace is %+v", u)
	}
	if r.Initial(ns.User) != 4026531837 {
		t.Errorf("the first user namespace is %d", r.Initial(ns.User))
	}
}

func BenchmarkNamesReader(b *testing.B) {
	dir := nstest.NewNames(b)
	scene := dir.Add("0")
	for i := range 1000 {
		dir.Bind(strconv.Itoa(i+1), scene)
	}
	h, err := host.Open("/")
	if err != nil {
		b.Fatal(err)
	}
	defer h.Close()
	r := names.NewReader(h, []string{dir.Dir})
	for b.Loop() {
		r.Read(context.Background())
	}
}
