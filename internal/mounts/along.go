// SPDX-License-Identifier: Apache-2.0

package mounts

import (
	"cmp"
	"fmt"
	"hash/maphash"
	"slices"
	"strconv"
	"strings"

	"github.com/nsinspect/nsinspect/pkg/ns"
)

// place is where a namespace is mounted.
type place struct {
	in     *Namespace
	mount  *mount
	events events // of the mount that it is on
}

// events are the groups of mounts whose mounting and unmounting a mount takes part in: as a
// peer, and as a slave. 0 for none.
type events struct{ peers, master int }

// spot is a file that a namespace is mounted on.
type spot struct {
	root string // the namespace, as mountinfo has it
	file fileID
}

// along returns the mounts of namespaces that go away together with another one of the same
// namespace, on the same file: to unmount one unmounts those that propagation reaches from the
// mount it is on (fs/pnode.c, propagate_umount, 5.10), and to remove the file unmounts all
// (fs/namei.c, vfs_unlink, and fs/namespace.c, __detach_mounts, 5.10).
func (s *Scan) along(all []*Namespace) map[*mount]ns.Along {
	along := map[*mount]ns.Along{}
	trees := map[*Namespace]mountTree{}
	covered := func(p *place) bool {
		tree, made := trees[p.in]
		if !made {
			tree = newMountTree(p.in.mounts)
			trees[p.in] = tree
		}
		return tree.covered(p.mount)
	}
	spots(all, func(places []place) {
		here, first, masters := 0, map[int]*place{}, map[int]int{}
		for i := range places {
			p := &places[i]
			if p.events.peers != 0 && p.events.master != 0 {
				masters[p.events.peers] = p.events.master
			}
			if !s.unmounts(p) || covered(p) {
				continue
			}
			if p.in == s.Own {
				here++
			}
			if p.events.peers != 0 && first[p.events.peers] == nil {
				first[p.events.peers] = p
			}
		}
		for i := range places {
			p := &places[i]
			switch {
			case p.takenBy(first, masters) && s.unlocked(p.in):
				along[p.mount] = ns.AlongPeer
			case here > 1 || here == 1 && p.in != s.Own:
				along[p.mount] = ns.AlongFile
			}
		}
	})
	return along
}

// unmounts reports whether somebody can be advised to unmount one by its path, unless it is covered.
func (s *Scan) unmounts(p *place) bool {
	return (p.in == s.Own || p.in.member.pid != 0) && s.authority(p.in, p.mount.path).Trusted
}

// unlocked reports whether the mounts in a mount namespace may be unmounted one by one: those that
// a user namespace was made with may not (fs/pnode.c, __propagate_umount, 5.10).
func (s *Scan) unlocked(m *Namespace) bool { return m == s.Own || m.owner.Trusted }

// takenBy reports whether propagation takes a mount away with the first one of its peers, or of
// those that it or they are slaves of.
func (p *place) takenBy(first map[int]*place, masters map[int]int) bool {
	if one := first[p.events.peers]; one != nil && one != p {
		return true
	}
	master := p.events.master
	for range len(masters) + 1 {
		if first[master] != nil {
			return true
		}
		master = masters[master]
	}
	return false
}

// found is a mount of a namespace: where it is in a list, and a hash of its spot. There can be a hundred
// thousand, most of them alone on their file.
type found struct {
	hash      uint64
	in, mount int32
}

// spots hands the places where a namespace is mounted on one file to take, if they are more than
// one, in the order of the mount namespaces, of which our own is the first.
func spots(all []*Namespace, take func([]place)) {
	seed := maphash.MakeSeed()
	var mounts []found
	parents := make([]map[int]*mount, len(all))
	for i, m := range all {
		parents[i] = m.parents()
		for j, x := range m.mounts {
			if at, ok := spotOf(x, parents[i]); ok {
				mounts = append(mounts, found{maphash.Comparable(seed, at), int32(i), int32(j)})
			}
		}
	}
	slices.SortFunc(mounts, func(a, b found) int {
		return cmp.Or(cmp.Compare(a.hash, b.hash), cmp.Compare(a.in, b.in), cmp.Compare(a.mount, b.mount))
	})
	var end int
	for i := 0; i < len(mounts); i = end {
		for end = i + 1; end < len(mounts) && mounts[end].hash == mounts[i].hash; {
			end++
		}
		if end == i+1 {
			continue
		}
		var places []place
		for _, x := range mounts[i:end] {
			m := all[x.in]
			mount := m.mounts[x.mount]
			places = append(places, place{m, mount, parseEvents(parents[x.in][mount.parent].peers)})
		}
		take(places)
	}
}

// parents returns the mounts that namespaces are mounted on, by their IDs.
func (m *Namespace) parents() map[int]*mount {
	if !slices.ContainsFunc(m.mounts, isNSFS) {
		return nil
	}
	on := map[int]*mount{}
	for _, x := range m.mounts {
		if x.nsfs {
			on[x.parent] = nil
		}
	}
	for _, x := range m.mounts {
		if _, is := on[x.id]; is {
			on[x.id] = x
		}
	}
	return on
}

// spotOf returns where a mount is, if it is one of a namespace and not on another one of these.
func spotOf(x *mount, parents map[int]*mount) (spot, bool) {
	if !x.nsfs || x.path == "" {
		return spot{}, false
	}
	on := parents[x.parent]
	if on == nil || on.nsfs {
		return spot{}, false
	}
	return spot{x.root, fileAt(on, x.path)}, true
}

// parseEvents reads the optional fields of a line of mountinfo: "shared:12 master:3 propagate_from:2".
func parseEvents(fields string) (e events) {
	for field := range strings.FieldsSeq(fields) {
		name, value, _ := strings.Cut(field, ":")
		n, err := strconv.Atoi(value)
		switch {
		case err != nil:
		case name == "shared":
			e.peers = n
		case name == "master":
			e.master = n
		}
	}
	return e
}

// peers returns what propagates to a mount, in the words of mountinfo.
func (b *statmountBuf) peers() string {
	peers, master := b.u64(offPeers), b.u64(offMaster)
	switch {
	case peers != 0 && master != 0:
		return fmt.Sprintf("shared:%d master:%d", peers, master)
	case peers != 0:
		return fmt.Sprintf("shared:%d", peers)
	case master != 0:
		return fmt.Sprintf("master:%d", master)
	}
	return ""
}
