// SPDX-License-Identifier: Apache-2.0

package links

import (
	"bytes"
	"context"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/internal/nsfs"
	"github.com/nsinspect/nsinspect/pkg/ns"
)

// pairs are the kinds of links that come in pairs.
var pairs = []string{"veth", "vxcan", "netkit"}

// at is where a link is: a namespace and a link in it, by their places.
type at struct{ ns, link int }

// findPeers finds the other ends of pairs. A link has the index of its other
// end, and the ID that its own namespace has given to that one's. IDs mean
// something only in the namespace that gave them, so it is asked there which
// namespace an ID is of; and two links are a pair only if each refers to the
// other.
func (r *reader) findPeers(ctx context.Context) {
	p := peers{reader: r, byIndexes: map[[2]int][]at{}, ids: make([]map[int]int, len(r.ends))}
	for i := range r.ends {
		for j, e := range r.ends[i] {
			if slices.Contains(pairs, e.kind) && e.parent != 0 {
				p.byIndexes[[2]int{e.index, e.parent}] = append(p.byIndexes[[2]int{e.index, e.parent}], at{i, j})
				r.snap.Namespaces[i].Links[j].Peer = &ns.Peer{Index: e.parent}
			}
		}
	}
	var todo []int
	for i := range r.ends {
		if slices.ContainsFunc(r.ends[i], func(e end) bool { return e.nsid >= 0 && slices.Contains(pairs, e.kind) }) {
			todo = append(todo, i)
		}
	}
	r.each(ctx, todo, p.ask)
	for i := range r.ends {
		for j := range r.ends[i] {
			p.match(at{i, j})
		}
	}
}

// peers is the state of findPeers.
type peers struct {
	*reader
	byIndexes map[[2]int][]at // ends of pairs by their index and that of the other end
	ids       []map[int]int   // by namespace: which namespace each ID in it is of
}

func (p *peers) end(a at) end { return p.ends[a.ns][a.link] }

// candidates are the links that may be the other end of one: of the same kind, and
// each with the index that the other speaks of.
func (p *peers) candidates(a at) []at {
	e := p.end(a)
	var fit []at
	for _, c := range p.byIndexes[[2]int{e.parent, e.index}] {
		if other := p.end(c); other.kind == e.kind && (e.nsid < 0) == (other.nsid < 0) && (e.nsid < 0) == (c.ns == a.ns) && c != a {
			fit = append(fit, c)
		}
	}
	return fit
}

// ask finds out in one namespace which namespaces the IDs are of. One that cannot
// be asked leaves peers unknown; that it cannot be entered became a gap when its
// links were read.
func (p *peers) ask(v *nsfs.Thread, i int) (apply func()) {
	ids := map[int]int{}
	_ = p.inside(v, i, openSocket, func(s *socket) error { // as above
		known := map[int]int{} // the ID of each namespace, -1 if it has none
		for j, e := range p.ends[i] {
			if _, done := ids[e.nsid]; done || e.nsid < 0 || !slices.Contains(pairs, e.kind) {
				continue
			}
			for _, c := range p.narrow(s, e, p.candidates(at{i, j})) {
				if p.over.Load() {
					return nil
				}
				if _, asked := known[c.ns]; !asked {
					known[c.ns] = p.idOf(s, c.ns)
				}
				if known[c.ns] == e.nsid {
					ids[e.nsid] = c.ns
					break
				}
			}
		}
		return nil
	})
	return func() { p.ids[i] = ids }
}

// narrow leaves out those of many candidates that have another hardware address
// than the other end has: in a laboratory all links have the same few indexes.
// Asking for a link of another namespace needs CAP_NET_ADMIN over that
// (net/core/rtnetlink.c, rtnl_get_net_ns_capable, 6.18) and Linux 5.0; where it is
// refused, all are candidates.
func (p *peers) narrow(s *socket, e end, all []at) []at {
	const few = 4
	if len(all) <= few {
		return all
	}
	mac, err := s.macIn(e.nsid, e.parent)
	if err != nil {
		return all
	}
	return slices.DeleteFunc(all, func(c at) bool {
		return !bytes.Equal(p.snap.Namespaces[c.ns].Links[c.link].MAC, mac)
	})
}

// idOf asks for the ID of a namespace, -1 if it has none or has ended.
func (p *peers) idOf(s *socket, c int) int {
	fd, err := p.opener.Open(&p.snap.Namespaces[c])
	if err != nil {
		return -1
	}
	defer unix.Close(fd)
	id, err := s.nsid(fd)
	if err != nil {
		return -1
	}
	return id
}

// match sets the peer of a link, if it has one that refers back.
func (p *peers) match(a at) {
	link := &p.snap.Namespaces[a.ns].Links[a.link]
	if link.Peer == nil {
		return
	}
	for _, c := range p.candidates(a) {
		if p.leads(a, c.ns) && p.leads(c, a.ns) {
			other := &p.snap.Namespaces[c.ns]
			link.Peer.Inode, link.Peer.Name = other.Inode, other.Links[c.link].Name
			return
		}
	}
}

// leads reports whether the other end of a link is in a namespace.
func (p *peers) leads(a at, ns int) bool {
	e := p.end(a)
	if e.nsid < 0 {
		return a.ns == ns
	}
	target, known := p.ids[a.ns][e.nsid]
	return known && target == ns
}
