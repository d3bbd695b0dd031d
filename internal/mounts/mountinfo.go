// SPDX-License-Identifier: Apache-2.0

package mounts

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"
	"unique"

	"github.com/moby/sys/mountinfo"
)

// Parse reads a mountinfo file, in which later mounts lie over earlier
// ones. A line that cannot be parsed costs that line, not the file: the mounts
// are returned together with the error that names it.
func Parse(r io.Reader) ([]*mountinfo.Info, error) {
	text, err := io.ReadAll(r)
	if err != nil {
		return nil, err
	}
	mounts, err := mountinfo.GetMountsFromReader(strings.NewReader(string(text)), nil)
	if err == nil {
		return mounts, nil
	}
	mounts = nil
	var errs []error
	for line := range strings.Lines(string(text)) {
		one, err := mountinfo.GetMountsFromReader(strings.NewReader(line), nil)
		if errors.Is(err, bufio.ErrTooLong) {
			err = fmt.Errorf("mount line of %d bytes is too long", len(line))
		}
		if err != nil {
			errs = append(errs, err)
		}
		mounts = append(mounts, one...)
	}
	return mounts, errors.Join(errs...)
}

// compact has many mounts use no more memory than they need: each has its line, of which most
// is like that of others. What nothing here reads is let go.
func compact(mounts []*mountinfo.Info) {
	const many = 512 // before that it costs more than it brings
	if len(mounts) < many {
		return
	}
	for _, m := range mounts {
		m.Root, m.Mountpoint, m.Optional = strings.Clone(m.Root), unique.Make(m.Mountpoint).Value(), unique.Make(m.Optional).Value()
		m.FSType, m.Source, m.VFSOptions, m.Options = unique.Make(m.FSType).Value(), "", "", ""
	}
}

// mountTree answers whether a path reaches a given mount.
type mountTree struct {
	root *mountinfo.Info
	on   map[mountedOn]*mountinfo.Info // the last mount made on a path of a mount
	tops map[mountedOn]*mountinfo.Info // answers of top
}

type mountedOn struct {
	parent int
	path   string
}

func newMountTree(mounts []*mountinfo.Info) mountTree {
	ids := make(map[int]bool, len(mounts))
	for _, m := range mounts {
		ids[m.ID] = true
	}
	t := mountTree{on: make(map[mountedOn]*mountinfo.Info, len(mounts)), tops: map[mountedOn]*mountinfo.Info{}}
	var base *mountinfo.Info
	for _, m := range mounts {
		switch lowest := m.Parent == m.ID || !ids[m.Parent]; {
		case lowest && m.Mountpoint == "/":
			t.root = m
		case lowest && m.Mountpoint == "":
			base = m
		default:
			t.on[mountedOn{m.Parent, m.Mountpoint}] = m
		}
	}
	if t.root == nil {
		// The kernel lists what is below the root, too, which no path leads to: from
		// 7.0 on the root that it started with lies on an empty one.
		t.root = base
	}
	return t
}

// covered reports whether the mount point of m, opened as a path, leads to
// another mount than m. Without a root mount in the list nothing is known and
// nothing is called covered.
func (t mountTree) covered(m *mountinfo.Info) bool {
	if t.root == nil {
		return false
	}
	return t.reach(m.Mountpoint) != m
}

// reach returns the mount that a path leads to. There must be a root mount.
func (t mountTree) reach(path string) *mountinfo.Info {
	at := t.top(t.root, "/")
	for i := 1; i <= len(path); i++ {
		if i == len(path) || path[i] == '/' {
			at = t.top(at, path[:i])
		}
	}
	return at
}

// top follows the mounts that lie on path in mount at, the ones on those, and
// so on. It keeps the answer for each of them: they can be thousands.
func (t mountTree) top(at *mountinfo.Info, path string) *mountinfo.Info {
	var passed []mountedOn
	for range len(t.on) {
		k := mountedOn{at.ID, path}
		if top := t.tops[k]; top != nil {
			at = top
			break
		}
		over := t.on[k]
		if over == nil {
			break
		}
		passed = append(passed, k)
		at = over
	}
	for _, k := range passed {
		t.tops[k] = at
	}
	return at
}

// propagated returns the covered mounts that are copies that propagation made of a
// mount on the same path: an unmount of that one takes them along. It makes one
// where a directory is mounted on itself and shares its mounts with what it
// covers, as `ip netns` has /run/netns wherever /run is shared (fs/pnode.c,
// propagate_umount, 5.10).
func propagated(t mountTree, mounts []*mountinfo.Info) map[*mountinfo.Info]bool {
	type place struct{ path, root, peers string }
	at := func(m *mountinfo.Info) place { return place{m.Mountpoint, m.Root, m.Optional} }
	reached := map[place]bool{}
	for _, m := range mounts {
		if IsNSFS(m) && m.Optional != "" && !t.covered(m) {
			reached[at(m)] = true
		}
	}
	copies := map[*mountinfo.Info]bool{}
	for _, m := range mounts {
		if IsNSFS(m) && reached[at(m)] && t.covered(m) {
			copies[m] = true
		}
	}
	return copies
}
