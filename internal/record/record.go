// SPDX-License-Identifier: Apache-2.0

// Package record has what sources find while a scan runs, in a form that is cheap to
// make by the hundred thousand.
package record

import (
	"time"

	"github.com/nsinspect/nsinspect/pkg/ns"
)

// Record is one holder of one namespace. There are tens of thousands, nearly
// all of them processes, threads, files, sockets and mounts: what of these is no number, and no
// path, is shared by all that are alike. That is a quarter of a Holder's memory, which costs more
// time to get than to fill.
type Record struct {
	Key
	Kind         ns.Kind
	whole        bool // like is the holder
	pid, tid, fd int32
	born         time.Duration
	like         *ns.Holder // what else it has; nil if nothing
	mount        *mount     // what else a mount has
}

// mount is what a mount has of its own.
type mount struct {
	path string
	id   int
}

// Key identifies a namespace within one scan.
type Key struct {
	ns.Type
	Inode uint64
}

// Holder returns the holder of the record.
func (s *Record) Holder() (h ns.Holder) {
	if s.like != nil {
		h = *s.like
	}
	if s.whole {
		return h
	}
	h.Kind, h.PID, h.TID, h.FD, h.Born = s.Kind, ns.TaskID(s.pid), ns.TaskID(s.tid), int(s.fd), s.born
	if m := s.mount; m != nil {
		h.Path, h.MountID = m.path, m.id
	}
	return h
}

// PID returns the process of the holder, 0 if it has none.
func (s *Record) PID() ns.TaskID {
	if s.whole {
		return s.like.PID
	}
	return ns.TaskID(s.pid)
}

// List is a list of records in pieces, so that none of many is ever copied to
// make room for the next.
type List struct {
	pieces [][]Record
	alike  map[ns.Holder]*ns.Holder // by what it has beside numbers and its path
}

// Add appends the record of a holder of a namespace.
func (p *List) Add(k Key, h *ns.Holder) {
	const piece = 1024
	last := len(p.pieces) - 1
	if last < 0 || len(p.pieces[last]) == cap(p.pieces[last]) {
		p.pieces = append(p.pieces, make([]Record, 0, piece))
		last++
	}
	p.pieces[last] = append(p.pieces[last], p.record(k, h))
}

func (p *List) record(k Key, h *ns.Holder) Record {
	s := Record{Key: k, Kind: h.Kind, pid: int32(h.PID), tid: int32(h.TID), fd: int32(h.FD), born: h.Born}
	if s.Holder() == *h {
		return s
	}
	if h.Kind == ns.KindMount {
		s.mount = &mount{h.Path, h.MountID}
	}
	s.like = p.rest(h)
	if s.Holder() != *h { // it has more, or a number too large
		whole := *h
		s.whole, s.like = true, &whole
	}
	return s
}

// rest returns what a holder has beside numbers and its path. Of those that are alike that is one, unless it
// is of this holder alone.
func (p *List) rest(h *ns.Holder) *ns.Holder {
	rest := *h
	rest.PID, rest.TID, rest.FD, rest.Born, rest.Path, rest.MountID = 0, 0, 0, 0, "", 0
	if same := p.alike[rest]; same != nil {
		return same
	}
	kept := rest
	if h.Closing() {
		return &kept
	}
	if p.alike == nil {
		p.alike = map[ns.Holder]*ns.Holder{}
	}
	p.alike[rest] = &kept
	return &kept
}

// Join takes over the records of another list, in its pieces.
func (p *List) Join(q List) { p.pieces = append(p.pieces, q.pieces...) }

// Len returns how many records there are.
func (p *List) Len() (n int) {
	for _, piece := range p.pieces {
		n += len(piece)
	}
	return n
}

// Delete drops the records for which f returns true.
func (p *List) Delete(f func(*Record) bool) {
	for i, piece := range p.pieces {
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
		p.pieces[i] = piece[:kept]
	}
}

// Drain calls f for every record, in pieces that the list has no more.
func (p *List) Drain(f func(*Record)) {
	for i, piece := range p.pieces {
		for j := range piece {
			f(&piece[j])
		}
		p.pieces[i] = nil
	}
	*p = List{}
}

// Each calls f for every record.
func (p *List) Each(f func(*Record)) {
	for _, piece := range p.pieces {
		for i := range piece {
			f(&piece[i])
		}
	}
}
