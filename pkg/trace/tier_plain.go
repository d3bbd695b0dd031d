// SPDX-License-Identifier: Apache-2.0

//go:build amd64 || arm64

package trace

import (
	"errors"
	"time"
)

// plain is tier 3: programs at the entry and the return of every system call that
// do not use kernel types. Where threads are is read from /proc when an event is read,
// which is a moment later.
type plain struct {
	*recorder
	places *places
	filter Filter
}

func openPlain(o Options) (backend, error) {
	if err := o.needsKernelTypes(); err != nil {
		return nil, err
	}
	p := &plain{filter: o.Filter}
	o.Filter.Types, o.Filter.NS = nil, NS{} // the kernel side cannot filter by them
	o.wakeAt = 1                            // at once: a thread may end soon
	programs, hooks, err := loadPlain(o)
	if err != nil {
		return nil, err
	}
	if p.recorder, err = record(programs, hooks); err != nil {
		return nil, err
	}
	if p.places, err = newPlaces(); err != nil {
		return nil, errors.Join(err, p.close())
	}
	return p, nil
}

func (p *plain) next(e *Event, deadline time.Time) (bool, error) {
	for {
		got, err := p.recorder.next(e, deadline)
		if !got || err != nil {
			return got, err
		}
		p.locate(e)
		if p.filter.match(e) {
			return true, nil
		}
	}
}

// locate fills where the event led from and to.
func (p *plain) locate(e *Event) {
	switch {
	case e.Failed():
		e.From = p.places.at(e.TID, e.Boot)
	case e.Call == Clone:
		e.From = p.places.at(e.TID, e.Boot)
		e.To = p.places.visit(e.Child, e.Boot+e.Duration)
	default:
		e.From = p.places.at(e.TID, e.Boot)
		e.To = p.places.visit(e.TID, e.Boot)
	}
}

// match is the filter for what a kernel side did not filter.
func (f *Filter) match(e *Event) bool {
	switch {
	case f.PID != 0 && f.PID != e.PID && f.PID != e.TID,
		f.Comm != "" && f.Comm != e.Comm,
		f.Failed && !e.Failed(),
		len(f.Types) > 0 && !f.about(e):
		return false
	}
	return f.NS == (NS{}) || f.in(&e.From) || f.in(&e.To) || f.in(&e.Target.NS)
}

// about reports whether the event is about one of the types asked for. Net is
// among Types of every event, so its flag or a move has to show it.
func (f *Filter) about(e *Event) bool {
	for _, t := range f.Types {
		if e.Flags&FlagOf(t) != 0 || e.Moved(t) || e.Via.Kind == ViaNSFS && e.Target.Type == t {
			return true
		}
	}
	return false
}

func (f *Filter) in(s *Set) bool {
	for _, ns := range s {
		if ns.is(f.NS) {
			return true
		}
	}
	return false
}
