// SPDX-License-Identifier: Apache-2.0

package resolve

import (
	"errors"
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/internal/host"
	"github.com/nsinspect/nsinspect/internal/nsfs"
	"github.com/nsinspect/nsinspect/internal/nstest"
	"github.com/nsinspect/nsinspect/internal/record"
	"github.com/nsinspect/nsinspect/pkg/ns"
)

// A name that leads elsewhere between the first look at it and the last is refused, at
// whatever time that happens.
func TestOpenReplacedName(t *testing.T) {
	nstest.CheckLeaks(t)
	dir := nstest.NewNames(t)
	first, second := nstest.Make(t, nstest.FD), nstest.Make(t, nstest.FD)
	h, err := host.Open("/")
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	ref, err := ParseRef("blue")
	if err != nil {
		t.Fatal(err)
	}
	blue := dir.Symlink("blue", first.File())
	lead := func(to string) {
		if err := errors.Join(os.Remove(blue), os.Symlink(to, blue)); err != nil {
			t.Fatal(err)
		}
	}
	for _, test := range []struct {
		name    string
		replace int // the look after which the name leads elsewhere, 0 for none
		before  bool
		refused bool
		leads   *nstest.Scene
	}{
		{name: "not at all", leads: first},
		{name: "after the first look", replace: 1, refused: true},
		{name: "before the second look", replace: 2, before: true, refused: true},
		{name: "after the second look", replace: 2, leads: first},
	} {
		lead(first.File())
		looks := 0
		n, fd, err := ref.openName(h, func(k record.Key, direct bool) (*ns.Namespace, error) {
			looks++
			if test.before && looks == test.replace {
				lead(second.File())
			}
			n, err := ref.lookUpNames(t.Context(), h, []string{dir.Dir}, nil, k, direct)
			if !test.before && looks == test.replace {
				lead(second.File())
			}
			return n, err
		})
		switch {
		case test.refused:
			if err == nil || fd >= 0 {
				t.Errorf("replaced %s: opened %v, %d", test.name, n, fd)
			}
		case err != nil:
			t.Errorf("replaced %s: %v", test.name, err)
		default:
			if _, inode, err := nsfs.Read(fd); err != nil || inode != test.leads.Inode || n.Inode != inode {
				t.Errorf("replaced %s: opened %d as %v, %v, want %d", test.name, inode, n, err, test.leads.Inode)
			}
			unix.Close(fd)
		}
	}
}
