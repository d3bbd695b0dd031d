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
// path, is shared by all that are alike. That is half of a Holder's memory, which costs more
// time to get than to fill.
type Record struct {
	Inode    uint64
	Type     ns.Type
	Kind     ns.Kind
	pid, tid ns.TaskID
	fd       int32
	born     time.Duration
	more     *more // what else it has; nil if nothing
}

// more is what a holder has beside numbers. That of a mount is its own.
type more struct {
	like *ns.Holder
	path string
	id   int32 // of a mount
}

// Key identifies a namespace within one scan.
type Key struct {
	ns.Type
	Inode uint64
}

// Key returns what the record is of.
func (s *Record) Key() Key { return Key{s.Type, s.Inode} }

// Holder returns the holder of the record.
func (s *Record) Holder() (h ns.Holder) {
	if s.more != nil {
		h = *s.more.like
		h.Path, h.MountID = s.more.path, s.more.id
	}
	h.Kind, h.PID, h.TID, h.FD, h.Born = s.Kind, s.pid, s.tid, s.fd, s.born
	return h
}

// PID returns the process of the holder, 0 if it has none.
func (s *Record) PID() ns.TaskID { return s.pid }

// List is a list of records in pieces, so that none of many is ever copied to
// make room for the next.
type List struct {
	pieces [][]Record
	alike  map[ns.Holder]*more // by what it has beside numbers and its path
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
	s := Record{Inode: k.Inode, Type: k.Type, Kind: h.Kind, pid: h.PID, tid: h.TID, fd: h.FD, born: h.Born}
	if s.Holder() == *h {
		return s
	}
	if s.more = p.rest(h); h.Path != "" || h.MountID != 0 {
		s.more = &more{s.more.like, h.Path, h.MountID}
	}
	return s
}

// rest returns what a holder has beside numbers and its path, one of all that are alike, unless it
// is of this holder one.
func (p *List) rest(h *ns.Holder) *more {
	rest := *h
	rest.PID, rest.TID, rest.FD, rest.Born, rest.Path, rest.MountID = 0, 0, 0, 0, "", 0
	if same := p.alike[rest]; same != nil {
		return same
	}
	kept := rest
	one := &more{like: &kept}
	if h.Closing() {
		return one
	}
	if p.alike == nil {
		p.alike = map[ns.Holder]*more{}
	}
	p.alike[rest] = one
	return one
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
