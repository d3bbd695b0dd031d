// SPDX-License-Identifier: Apache-2.0

package mounts

import "hash/maphash"

// mountTree answers whether a path reaches a given mount. There is one for each mount namespace,
// which may have a hundred thousand mounts: a key of a map has 24 bytes, a slot here has four.
type mountTree struct {
	root   *mount
	seed   maphash.Seed
	mounts []*mount
	slots  []int32 // by the hash of what a mount is on: its place in mounts, from 1 on, and 0 where there is none
	tops   []int32 // by the place of a mount: that of what top found above it, from 1 on
}

// mountedOn is a path of a mount that another one is on.
type mountedOn struct {
	parent int
	path   string
}

func newMountTree(mounts []*mount) mountTree {
	atRoot := map[int]bool{} // the mounts on "/", which may lie on each other
	for _, m := range mounts {
		if m.path == "/" {
			atRoot[m.id] = true
		}
	}
	size := 4
	for size < 2*len(mounts) {
		size *= 2
	}
	t := mountTree{seed: maphash.MakeSeed(), mounts: mounts, slots: make([]int32, size), tops: make([]int32, len(mounts))}
	for i, m := range mounts {
		// What is below the root may be listed, too, and no path leads to it: from 7.0 on the root
		// that the kernel started with lies on an empty one, and that of a chroot on what is outside.
		if lowest := m.parent == m.id || !atRoot[m.parent]; m.path == "/" && lowest {
			t.root = m
		} else {
			*t.slot(m.parent, m.path) = int32(i + 1)
		}
	}
	return t
}

// slot returns where the last mount is noted that was made on a path of a mount.
func (t mountTree) slot(parent int, path string) *int32 {
	mask := uint64(len(t.slots) - 1)
	for at := maphash.Comparable(t.seed, mountedOn{parent, path}); ; at++ {
		slot := &t.slots[at&mask]
		if *slot == 0 {
			return slot
		}
		if m := t.mounts[*slot-1]; m.parent == parent && m.path == path {
			return slot
		}
	}
}

// covered reports whether the mount point of m, opened as a path, leads to
// another mount than m. Without a root mount in the list nothing is known and
// nothing is called covered.
func (t mountTree) covered(m *mount) bool {
	if t.root == nil {
		return false
	}
	return t.reach(m.path) != m
}

// reach returns the mount that a path leads to. There must be a root mount.
func (t mountTree) reach(path string) *mount {
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
func (t mountTree) top(at *mount, path string) *mount {
	var passed []int32
	found := int32(0)
	for range t.mounts {
		over := *t.slot(at.id, path)
		if over == 0 {
			break
		}
		passed, found = append(passed, over), over
		if top := t.tops[over-1]; top != 0 {
			found = top
			break
		}
		at = t.mounts[over-1]
	}
	if found == 0 {
		return at
	}
	for _, over := range passed {
		t.tops[over-1] = found
	}
	return t.mounts[found-1]
}

// propagated returns the covered mounts that are copies that propagation made of a
// mount on the same path: an unmount of that one takes them along. It makes one
// where a directory is mounted on itself and shares its mounts with what it
// covers, as `ip netns` has /run/netns wherever /run is shared (fs/pnode.c,
// propagate_umount, 5.10).
func propagated(t mountTree, mounts []*mount) map[*mount]bool {
	type place struct{ path, root, peers string }
	at := func(m *mount) place { return place{m.path, m.root, m.peers} }
	var below []*mount // mostly none
	reached := map[place]bool{}
	for _, m := range mounts {
		if m.nsfs && m.peers != "" && t.covered(m) {
			below = append(below, m)
			reached[at(m)] = false
		}
	}
	for _, m := range mounts {
		if len(below) > 0 && m.nsfs && m.peers != "" && !t.covered(m) {
			if _, asked := reached[at(m)]; asked {
				reached[at(m)] = true
			}
		}
	}
	copies := map[*mount]bool{}
	for _, m := range below {
		if reached[at(m)] {
			copies[m] = true
		}
	}
	return copies
}
