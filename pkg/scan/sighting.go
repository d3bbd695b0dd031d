// SPDX-License-Identifier: Apache-2.0

package scan

import "time"

// sighting is one holder of one namespace. There are tens of thousands, nearly
// all of them processes, threads and plain files: those fit here, in a quarter of
// a Holder's memory, which costs more time to get than to fill. Any other is in
// more.
type sighting struct {
	key
	kind         Kind
	pid, tid, fd int32
	born         time.Duration
	more         *Holder
}

// key identifies a namespace within one scan.
type key struct {
	Type
	inode uint64
}

func sightingOf(k key, h *Holder) sighting {
	s := sighting{key: k, kind: h.Kind, pid: int32(h.PID), tid: int32(h.TID), fd: int32(h.FD), born: h.born}
	if s.holder() != *h { // it has more, or a number too large
		whole := *h
		s.more = &whole
	}
	return s
}

func (s *sighting) holder() Holder {
	if s.more != nil {
		return *s.more
	}
	return Holder{Kind: s.kind, PID: int(s.pid), TID: int(s.tid), FD: int(s.fd), born: s.born}
}

func (s *sighting) process() int {
	if s.more != nil {
		return s.more.PID
	}
	return int(s.pid)
}

// pile is a list of sightings in pieces, so that none of many is ever copied to
// make room for the next.
type pile [][]sighting

func (p *pile) add(s sighting) {
	const piece = 1024
	last := len(*p) - 1
	if last < 0 || len((*p)[last]) == cap((*p)[last]) {
		*p = append(*p, make([]sighting, 0, piece))
		last++
	}
	(*p)[last] = append((*p)[last], s)
}

// remove drops the sightings that f says so of.
func (p pile) remove(f func(*sighting) bool) {
	for i, piece := range p {
		kept := 0
		for j := range piece {
			if f(&piece[j]) {
				continue
			}
			if kept != j {
				piece[kept] = piece[j]
			}
			kept++
		}
		p[i] = piece[:kept]
	}
}

// each calls f for every sighting.
func (p pile) each(f func(*sighting)) {
	for _, piece := range p {
		for i := range piece {
			f(&piece[i])
		}
	}
}
