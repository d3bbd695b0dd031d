// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"github.com/nsinspect/nsinspect/pkg/ns"
)

// state is what keeps a namespace alive, as far as the checks distinguish it. Each
// namespace has one, so that one problem is reported once.
type state uint8

const (
	inUse        state = iota // a process or thread is in it, or it is the host's own
	named                     // none is; a mount in our own mount namespace reaches it
	hidden                    // none is; such a mount is there, and no path reaches it
	foreign                   // none is; it is mounted in other mount namespaces only
	elsewhere                 // none is, nor is it mounted where a path leads; files, sockets or detached mounts hold it
	heldByKernel              // nothing explains it, or TCP connections that are still closing
)

func (x *inspection) state(n *ns.Namespace) state {
	if n.Initial {
		return inUse
	}
	s := heldByKernel
	for i := range n.Holders {
		at := heldByKernel
		switch h := &n.Holders[i]; {
		case h.Kind == ns.KindProcess || h.Kind == ns.KindThread:
			return inUse
		case h.Kind == ns.KindKernel || h.Closing():
		case h.Kind != ns.KindMount || h.Lone():
			at = elsewhere
		case h.MountNS != x.snap.MountNS:
			at = foreign
		case h.Covered || h.Path == "":
			at = hidden
		default:
			at = named
		}
		s = min(s, at)
	}
	return s
}

// inState returns the namespaces in a state, but for those that are meant to be.
func (x *inspection) inState(want state) (all []*ns.Namespace) {
	for i := range x.snap.Namespaces {
		if n := &x.snap.Namespaces[i]; x.state(n) == want && len(n.Holders) > 0 && !x.byDesign(n) {
			all = append(all, n)
		}
	}
	return all
}

// pinned reports whether a namespace is mounted on a plain file of a names
// directory in a way that the check live-pin reports.
func (x *inspection) pinned(n *ns.Namespace) bool {
	for i := range x.snap.Dangling {
		s := &x.snap.Dangling[i]
		for _, pin := range s.Pins {
			if pin.Inode == n.Inode && x.misleads(s) {
				return true
			}
		}
	}
	return false
}
