// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"slices"

	"github.com/nsinspect/nsinspect/pkg/links"
	"github.com/nsinspect/nsinspect/pkg/ns"
)

// addLinks adds which interfaces and addresses a namespace without tasks still has: it answers
// for them, and nobody else on the same wire can have them.
func (x *inspection) addLinks(f *Finding) {
	if x.brief || x.tooYoung(f.Since) {
		return
	}
	initial := x.snap.Initial[ns.Net]
	if all := x.linksOf(f.Namespace); all != nil { // else it is of a recorded tree, or cannot be entered
		f.Links(peersIn(all, f.Namespace.Inode, initial), initial)
	}
}

// linksOf returns the links of a namespace that no task is in, nil if they were not read. Once the
// first are asked for those of all that may be reported are read.
func (x *inspection) linksOf(n *ns.Namespace) []ns.Link {
	if x.whole {
		return n.Links // read before, if at all
	}
	if x.linked == nil {
		x.linked = map[uint64][]ns.Link{}
		x.readLinks(func(n *ns.Namespace) bool {
			return x.state(n) != inUse && !x.tooYoung(n.Age.Since) && !x.byDesign(n)
		})
	}
	if _, ok := x.linked[n.Inode]; !ok {
		x.readLinks(func(other *ns.Namespace) bool { return other.Inode == n.Inode })
	}
	return x.linked[n.Inode]
}

// readLinks reads the links of some network namespaces, together with the host's, where the other
// ends of pairs are.
func (x *inspection) readLinks(of func(*ns.Namespace) bool) {
	part := *x.snap
	part.Namespaces, part.Gaps = nil, nil
	for i := range x.snap.Namespaces {
		if n := &x.snap.Namespaces[i]; n.Type == ns.Net && (n.Initial || of(n)) {
			part.Namespaces = append(part.Namespaces, *n)
		}
	}
	if links.Read(x.ctx, x.host, &part) != nil { // only if the host cannot be read, for which the scan has a gap
		return
	}
	for i := range part.Namespaces {
		x.linked[part.Namespaces[i].Inode] = part.Namespaces[i].Links
	}
}

// peersIn returns links without the other ends that are in none of some namespaces.
func peersIn(all []ns.Link, inodes ...uint64) []ns.Link {
	var out []ns.Link
	for _, l := range all {
		if l.Peer != nil && !slices.Contains(inodes, l.Peer.Inode) {
			l.Peer = nil
		}
		out = append(out, l)
	}
	return out
}
