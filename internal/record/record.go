// SPDX-License-Identifier: Apache-2.0

// Package record has what sources find while a scan runs, in a form that is cheap to
// make by the hundred thousand.
package record

import (
	"time"

	"github.com/nsinspect/nsinspect/pkg/ns"
)

// Record is one holder of one namespace. There are tens of thousands, nearly
// all of them processes, threads and plain files: those fit here, in a quarter of
// a Holder's memory, which costs more time to get than to fill. Any other is in
// more.
type Record struct {
	Key
	Kind         ns.Kind
	pid, tid, fd int32
	born         time.Duration
	more         *ns.Holder
}

// Key identifies a namespace within one scan.
type Key struct {
	ns.Type
	Inode uint64
}

// Of returns the record of a holder of a namespace.
func Of(k Key, h *ns.Holder) Record {
	s := Record{Key: k, Kind: h.Kind, pid: int32(h.PID), tid: int32(h.TID), fd: int32(h.FD), born: h.Born}
	if s.Holder() != *h { // it has more, or a number too large
		whole := *h
		s.more = &whole
	}
	return s
}

// Holder returns the holder of the record.
func (s *Record) Holder() ns.Holder {
	if s.more != nil {
		return *s.more
	}
	return ns.Holder{Kind: s.Kind, PID: ns.TaskID(s.pid), TID: ns.TaskID(s.tid), FD: int(s.fd), Born: s.born}
}

// PID returns the process of the holder, 0 if it has none.
func (s *Record) PID() ns.TaskID {
	if s.more != nil {
		return s.more.PID
	}
	return ns.TaskID(s.pid)
}

// List is a list of records in pieces, so that none of many is ever copied to
// make room for the next.
type List [][]Record

// Add appends a record.
func (p *List) Add(s Record) {
	const piece = 1024
	last := len(*p) - 1
	if last < 0 || len((*p)[last]) == cap((*p)[last]) {
		*p = append(*p, make([]Record, 0, piece))
		last++
	}
	(*p)[last] = append((*p)[last], s)
}

// Delete drops the records for which f returns true.
func (p List) Delete(f func(*Record) bool) {
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

// Each calls f for every record.
func (p List) Each(f func(*Record)) {
	for _, piece := range p {
		for i := range piece {
			f(&piece[i])
		}
	}
}
