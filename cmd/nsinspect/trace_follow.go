// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/internal/render"
	"github.com/nsinspect/nsinspect/pkg/owner"
	"github.com/nsinspect/nsinspect/pkg/trace"
)

const (
	// namePatience is how long events wait for names that are being looked for: on a busy
	// machine a look takes longer than usual.
	namePatience = 500 * time.Millisecond
	// hungPatience is the same once that was not enough.
	hungPatience = 50 * time.Millisecond
	// livePatience is how old an event may become by that where somebody looks on:
	// 50 ms after its call it is on the terminal.
	livePatience = 45 * time.Millisecond
)

// follow writes events as they come, until there are no more. Where nothing can be
// written any more it counts them.
func (s *traceSession) follow(r *batchReader) {
	for b := range r.full {
		s.signals.beat()
		s.handle(b)
		r.free <- b
	}
}

func (s *traceSession) handle(b *batch) {
	events, last := b.events[:b.n], b.err != nil
	if s.live {
		s.events.Resize(s.styleOf(s.out.to).Width)
	}
	if s.out.err == nil {
		deadline := s.deadline(events)
		s.names.UpdateUntil(events, deadline)
		s.hung = s.hung || time.Now().After(deadline)
		s.owners.Update(events, deadline)
	}
	s.pass(b)
	s.emit(last)
	s.emitLost(b.lost)
	if b.lost != nil && s.out.err == nil && s.out.gone() {
		s.out.giveUp(unix.EPIPE)
	}
	s.out.flush()
	if s.out.err != nil {
		s.end()
	}
	if last && b.err != trace.ErrClosed {
		s.fail(b.err)
	}
}

// pass passes on the calls of a batch that are selected, and with --lifecycle the rest.
func (s *traceSession) pass(b *batch) {
	if s.lifecycle != nil {
		s.order(b)
		return
	}
	for i := range b.events[:b.n] {
		e := &b.events[i]
		o, known := s.owners.Find(e)
		if s.selector.call(e, o, known) {
			s.fold.add(e, o, time.Now())
			s.emit(false)
		}
	}
}

// deadline returns until when events may wait for names and owners.
func (s *traceSession) deadline(events []trace.Event) time.Time {
	switch {
	case len(events) == 0 || !s.live && s.hung:
		return time.Now().Add(hungPatience)
	case !s.live:
		return time.Now().Add(namePatience)
	}
	return events[0].Time.Add(events[0].Duration + livePatience)
}

// fail ends the trace by an error. What was recorded is written nevertheless.
func (s *traceSession) fail(err error) {
	s.err = s.also(s.err, err)
	s.end()
}

// emit adds to the output what need not be held back any longer.
func (s *traceSession) emit(all bool) {
	now := time.Now()
	for h := s.fold.next(now, all); h != nil; h = s.fold.next(now, all) {
		i := item{}
		if h.life == nil {
			i = tripItem(&h.Trip)
		} else {
			i.life = h.life.Kind
		}
		if s.enough() {
			s.more += i.calls()
			continue
		}
		switch {
		case h.life != nil:
			s.out.buf = s.events.Life(s.out.buf, h.life)
		case s.events.LeavesOut(&h.Trip):
			s.stats.LeftOut++
			continue
		default:
			s.out.buf = s.events.Append(s.out.buf, &h.Trip)
		}
		s.added(i)
	}
}

// order passes on what has become of network namespaces, and the calls of a batch, in
// order of time.
func (s *traceSession) order(b *batch) {
	events, last := s.selected(b.events[:b.n]), b.err != nil
	lives, err := s.lifecycle.changes(events, b.read, last)
	if err != nil && s.err == nil {
		s.fail(err)
	}
	if s.job.syscalls {
		for i := range events {
			e, o := &events[i], s.owners.Of(&events[i])
			if (!s.job.failed || e.Failed()) && s.selector.fits(e, o) {
				s.sorter.add(ordered{at: e.Time, call: e, owner: o})
			}
		}
	}
	for i := range lives {
		var o *owner.Owner
		if by := lives[i].By; by != nil {
			o = s.owners.Of(by)
		}
		if !s.selector.life(&lives[i], o) {
			continue
		}
		s.sorter.add(ordered{at: lives[i].Time, life: &lives[i]})
	}
	for _, o := range s.sorter.next(b.read, last) {
		if o.life != nil {
			s.fold.addLife(o.life)
		} else {
			s.fold.add(o.call, o.owner, time.Now())
		}
		s.emit(false)
	}
}

// selected removes the calls of a batch that are not selected. Those that an expression
// leaves out create namespaces all the same.
func (s *traceSession) selected(events []trace.Event) []trace.Event {
	if s.selector == nil {
		return events
	}
	return slices.DeleteFunc(events, func(e trace.Event) bool {
		o, known := s.owners.Find(&e)
		fits, certain := s.selector.caller(&e, o, known)
		if !fits {
			s.selector.leaveOut(certain)
		}
		return !fits
	})
}

// enough reports whether all is shown that --count asks for.
func (s *traceSession) enough() bool { return s.job.count > 0 && s.shown == s.job.count }

func (s *traceSession) added(i item) {
	s.out.add(i)
	s.shown++
	if s.enough() {
		s.end()
	}
}

// emitLost adds which counts of what was lost have grown.
func (s *traceSession) emitLost(lost []trace.Loss) {
	now := time.Now()
	for _, l := range lost {
		if grown := l.Total - s.totals[l.Kind]; l.Known && grown > 0 {
			s.out.buf = s.events.Lost(s.out.buf, now, l, grown)
			s.out.add(item{})
			s.totals[l.Kind] = l.Total
		}
	}
}

// close writes what came of it all. What was not written is in the counts of what
// was lost, on the output if that goes on, and on stderr.
func (s *traceSession) close() error {
	notes, err := s.conclude()
	if err != nil {
		return s.also(s.err, err)
	}
	now := time.Now()
	var records []byte
	for _, l := range s.stats.Lost {
		records = s.events.Lost(records, now, l, l.Total-s.totals[l.Kind])
	}
	s.out.finish(s.events.End(records, now, s.stats))
	if s.summarizes() {
		s.printNotes(append(s.events.TraceNotes(s.stats), notes...))
	}
	if s.out.err == nil {
		return s.err
	}
	if readerGone(s.out.err) {
		// A write to stdout or stderr by its os.File ends the program by SIGPIPE.
		if _, err := s.out.to.Write([]byte{'\n'}); err != nil {
			s.out.err = err
		}
	}
	return s.also(s.err, fmt.Errorf("write output: %w", s.out.err))
}

// summarizes reports whether the summary goes to stderr. JSON there has had it in the
// end record, and nothing else belongs between. Where the reader has gone, as head
// does, it is for what was lost alone.
func (s *traceSession) summarizes() bool {
	if s.job.format == render.JSON && s.out.to == s.stderr {
		return false
	}
	return !readerGone(s.out.err) || slices.ContainsFunc(s.stats.Lost, func(l trace.Loss) bool { return l.Total > 0 })
}

// conclude fills the statistics, once all events are written or counted.
func (s *traceSession) conclude() (notes []string, err error) {
	summary, err := s.tracer.Finish()
	if err == nil {
		s.stats.Summary = &summary
	} else {
		notes = append(notes, render.Escape(fmt.Sprintf("what was not seen is unknown: %v", err)))
	}
	lost, err := s.tracer.Lost()
	if err != nil {
		return nil, fmt.Errorf("read what was lost: %w", err)
	}
	s.stats.Lost = s.out.losses(lost, s.job.lifecycle)
	if s.enough() {
		s.stats.AfterCount = &s.more
	}
	s.names.Update(nil)
	return append(notes, s.task.notes()...), nil
}

// printNotes writes sentences to stderr, where that is read.
func (s *traceSession) printNotes(notes []string) {
	out := newOutput(s.done, s.stderr, &s.signals, &render.TraceStats{})
	defer out.close()
	out.most = errPatience
	for _, line := range notes {
		out.buf = append(append(append(out.buf, "nsinspect: "...), line...), '\n')
		out.add(item{})
	}
	out.flush() // where that fails there is nowhere to report it
}
