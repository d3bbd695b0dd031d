// SPDX-License-Identifier: Apache-2.0

package links

import (
	"context"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/pkg/scan"
)

// pairs are the kinds of links that come in pairs.
var pairs = []string{"veth", "vxcan", "netkit"}

// at is where a link is: a namespace and a link in it, by their places.
type at struct{ ns, link int }

// findPeers finds the other ends of pairs. A link tells the index of its other
// end, and the ID that its own namespace has given to that one's. IDs mean
// something only in the namespace that gave them, so it is asked there which
// namespace an ID is of; and two links are a pair only if each says so of the
// other.
func (r *reader) findPeers(ctx context.Context) {
	p := peers{reader: r, byIndexes: map[[2]int][]at{}, ids: make([]map[int]int, len(r.ends))}
	for i := range r.ends {
		for j, e := range r.ends[i] {
			if slices.Contains(pairs, e.kind) && e.parent != 0 {
				p.byIndexes[[2]int{e.index, e.parent}] = append(p.byIndexes[[2]int{e.index, e.parent}], at{i, j})
				r.snap.Namespaces[i].Links[j].Peer = &scan.Peer{Index: e.parent}
			}
		}
	}
	var todo []int
	for i := range r.ends {
		if len(p.questions(i)) > 0 {
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

// candidates are the links that may be the other end of one.
func (p *peers) candidates(a at) []at {
	e := p.end(a)
	return p.byIndexes[[2]int{e.parent, e.index}]
}

// questions are the IDs in a namespace that stand for another namespace with the
// other end of a pair, and which ones each may stand for.
func (p *peers) questions(i int) map[int][]int {
	q := map[int][]int{}
	for j, e := range p.ends[i] {
		if e.nsid < 0 || p.snap.Namespaces[i].Links[j].Peer == nil {
			continue
		}
		for _, c := range p.candidates(at{i, j}) {
			if p.end(c).nsid >= 0 && p.end(c).kind == e.kind && c.ns != i {
				q[e.nsid] = append(q[e.nsid], c.ns)
			}
		}
	}
	return q
}

// ask finds out in one namespace which namespaces the IDs are of. One that cannot
// be asked leaves peers unknown; that it cannot be entered was said when its
// links were read.
func (p *peers) ask(v *scan.Visitor, i int) (apply func()) {
	ids := map[int]int{}
	_ = p.inside(v, i, func(s *socket) error { // as above
		known := map[int]int{} // what each namespace's ID is, -1 if it has none
		for id, candidates := range p.questions(i) {
			for _, c := range candidates {
				got, asked := known[c]
				if !asked {
					if p.over.Load() {
						return nil
					}
					got = p.idOf(s, c)
					known[c] = got
				}
				if got == id {
					ids[id] = c
					break
				}
			}
		}
		return nil
	})
	return func() { p.ids[i] = ids }
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

// match sets the peer of a link, if it has one that says the same.
func (p *peers) match(a at) {
	link := &p.snap.Namespaces[a.ns].Links[a.link]
	if link.Peer == nil {
		return
	}
	for _, c := range p.candidates(a) {
		if p.leads(a, c.ns) && p.leads(c, a.ns) && p.end(c).kind == link.Kind && c != a {
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
