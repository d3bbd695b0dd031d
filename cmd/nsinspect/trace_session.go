// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/internal/render"
	"github.com/nsinspect/nsinspect/pkg/trace"
)

// tracer is what the command needs of a trace.Tracer.
type tracer interface {
	Tier() trace.TierInfo
	Refused() []error
	ReadBatch([]trace.Event) (int, error)
	Lost() ([]trace.Loss, error)
	Finish() (trace.Summary, error)
	Close() error
}

func openTracer(ctx context.Context, o trace.Options) (tracer, error) { return trace.Open(ctx, o) }

const (
	batchSize = 1024                   // events that are read at once: 0.7 MiB
	flushSize = 64 << 10               // bytes after which output is written without waiting for the batch's end
	lostEvery = 100 * time.Millisecond // while events come
	idleEvery = time.Second            // while none do
)

// traceSession is one trace at work: what is read from the kernel is written at
// once, and nothing is kept beyond a batch and what folding holds back. Who reads
// slowly makes the kernel's buffer overflow, which is counted there.
type traceSession struct {
	*app
	job    *traceJob
	out    io.Writer
	tracer tracer
	names  *trace.Names
	owners *ownerFinder
	lives  *lifeTeller // nil if nobody asked
	events *render.Events
	fold   *folder
	buf    []byte

	shown  int // events written, a folded one as one
	stats  render.TraceStats
	totals map[string]uint64 // of what was lost, as told last
	looked time.Time         // when the losses were last looked at
}

func (a *app) newTraceSession(ctx context.Context, j *traceJob, out io.Writer) (*traceSession, error) {
	names, err := trace.NewNames(ctx, a.netnsDirs)
	if err != nil {
		return nil, err
	}
	debug.SetGCPercent(100) // a trace runs for long, unlike all else
	t, err := a.openTracer(ctx, j.opts)
	if err != nil {
		names.Close()
		if errors.Is(err, unix.EPERM) && unix.Geteuid() != 0 {
			err = fmt.Errorf("%w: run as root, or grant them", err)
		}
		return nil, err
	}
	s := &traceSession{
		app: a, job: j, out: out, tracer: t, names: names, owners: newOwnerFinder(ctx),
		events: render.NewEvents(j.format, a.styleOf(out), names), fold: newFolder(j.fold),
		stats:  render.TraceStats{Events: map[trace.Call]int{}, Failed: map[trace.Call]int{}, Lives: map[trace.LifeKind]int{}, Tier: t.Tier().Tier},
		totals: map[string]uint64{},
	}
	if j.lifecycle {
		if s.lives, err = newLifeTeller(j, names); err != nil {
			t.Close()
			names.Close()
			return nil, err
		}
	}
	return s, nil
}

// run traces until its context ends. cancel ends that: after --duration, or when the
// command ends.
func (s *traceSession) run(cancel func(), child *child) (err error) {
	defer s.names.Close()
	defer func() { err = s.also(err, s.tracer.Close()) }()
	if s.lives != nil {
		defer func() { err = s.also(err, s.lives.lives.Close()) }()
	}
	s.begin()
	if err := s.flush(); err != nil {
		return err
	}
	go debug.FreeOSMemory() // loading took several times what tracing does
	if s.job.duration > 0 {
		defer time.AfterFunc(s.job.duration, cancel).Stop()
	}
	if child != nil {
		if err := child.start(cancel); err != nil {
			return err
		}
		defer func() { err = s.also(child.wait(), err) }()
	}
	if err := s.follow(); err != nil {
		return err
	}
	return s.end()
}

// also returns the first error, and says the second one where both cannot be told.
func (s *traceSession) also(err, other error) error {
	if err == nil {
		return other
	}
	if other != nil {
		s.note([]string{render.Escape(other.Error())})
	}
	return err
}

// begin says that it runs now.
func (s *traceSession) begin() {
	tier := s.tracer.Tier()
	start := render.TraceStart{
		Time: time.Now(), Kernel: kernelRelease(), Select: s.job.selected(), Tier: int(tier.Tier), How: tier.What,
		Blind: tier.Blind, Command: s.job.command,
	}
	for _, err := range s.tracer.Refused() {
		start.Refusals = append(start.Refusals, err.Error())
	}
	s.buf = s.events.Start(s.buf, start)
	if s.verbose {
		s.note(tierNotes(tier, s.tracer.Refused()))
	}
	if s.job.format == render.Table && s.job.command == nil {
		s.note([]string{fmt.Sprintf("tracing %s by tier %d; Ctrl-C ends it", s.job.what(), tier.Tier)})
	}
}

// tierNotes says how it looks, why not better, and what it cannot see.
func tierNotes(tier trace.TierInfo, refused []error) []string {
	notes := []string{fmt.Sprintf("tier %d: %s", tier.Tier, tier.What)}
	if len(tier.Blind) > 0 {
		notes = append(notes, fmt.Sprintf("tier %d cannot see: %s", tier.Tier, strings.Join(tier.Blind, "; ")))
	}
	for _, err := range refused {
		notes = append(notes, "not by "+err.Error())
	}
	for i := range notes {
		notes[i] = render.Escape(notes[i])
	}
	return notes
}

// follow writes events as they come, until there are no more or enough.
func (s *traceSession) follow() error {
	batch := make([]trace.Event, batchSize)
	for {
		n, err := s.tracer.ReadBatch(batch)
		s.names.Update(batch[:n])
		s.owners.update(batch[:n])
		for i := range batch[:n] {
			if !s.job.syscalls {
				break
			}
			s.fold.add(&batch[i], s.owners.of(batch[i].PID), time.Now())
			if enough, err := s.tell(false); enough || err != nil {
				return err
			}
		}
		ended := err == trace.ErrClosed
		if err != nil && !ended {
			return err
		}
		if enough, err := s.tell(ended); enough || err != nil {
			return err
		}
		if enough, err := s.tellLives(batch[:n], ended); enough || err != nil {
			return err
		}
		if err := s.lookAround(n); err != nil {
			return err
		}
		if err := s.flush(); err != nil || ended {
			return err
		}
	}
}

// tell writes what need not be held back any longer, and reports whether that
// was all that was asked for.
func (s *traceSession) tell(all bool) (enough bool, err error) {
	now := time.Now()
	for t := s.fold.next(now, all); t != nil; t = s.fold.next(now, all) {
		s.buf = s.events.Append(s.buf, t)
		s.tally(&t.Event)
		if t.Back != nil {
			s.tally(t.Back)
		}
		s.shown++
		if s.shown == s.job.count {
			return true, s.flush()
		}
		if len(s.buf) >= flushSize {
			if err := s.flush(); err != nil {
				return false, err
			}
		}
	}
	return false, nil
}

func (s *traceSession) tally(e *trace.Event) {
	s.stats.Events[e.Call]++
	if e.Failed() {
		s.stats.Failed[e.Call]++
	}
}

// lookAround says which counts of what was lost have grown, now and then, and
// notices when nobody reads any more.
func (s *traceSession) lookAround(events int) error {
	now := time.Now()
	if pause := now.Sub(s.looked); pause < lostEvery || events == 0 && pause < idleEvery {
		return nil
	}
	s.looked = now
	if readerGone(s.out) {
		// As the next event's line would: on stdout it ends the program by SIGPIPE.
		s.buf = append(s.buf, '\n')
		return s.flush()
	}
	lost, err := s.tracer.Lost()
	if err != nil {
		return fmt.Errorf("read what was lost: %w", err)
	}
	for _, l := range lost {
		if grown := l.Total - s.totals[l.Kind]; l.Known && grown > 0 {
			s.buf = s.events.Lost(s.buf, now, l, grown)
			s.totals[l.Kind] = l.Total
		}
	}
	return nil
}

func (s *traceSession) flush() error {
	if len(s.buf) == 0 {
		return nil
	}
	_, err := s.out.Write(s.buf)
	s.buf = s.buf[:0]
	if err != nil {
		return fmt.Errorf("write output: %w", err)
	}
	return nil
}

// end looks at every thread once more and says what came of it all.
func (s *traceSession) end() error {
	summary, err := s.tracer.Finish()
	if err == nil {
		s.stats.Summary = &summary
	}
	notes := []string{}
	if err != nil {
		notes = append(notes, render.Escape(fmt.Sprintf("what was not seen is unknown: %v", err)))
	}
	lost, err := s.tracer.Lost()
	if err != nil {
		return fmt.Errorf("read what was lost: %w", err)
	}
	s.stats.Lost = lost
	s.names.Update(nil)
	now := time.Now()
	for _, l := range lost {
		s.buf = s.events.Lost(s.buf, now, l, l.Total-s.totals[l.Kind])
	}
	s.buf = s.events.End(s.buf, now, s.stats)
	if err := s.flush(); err != nil {
		return err
	}
	if s.job.format == render.JSON && s.out == s.stderr {
		return nil // the end record has said it, and nothing else belongs between JSON
	}
	s.note(append(s.events.TraceNotes(s.stats), notes...))
	return nil
}

// readerGone reports whether what is written there goes to a pipe that nobody
// will read any more.
func readerGone(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	fds := []unix.PollFd{{Fd: int32(f.Fd())}}
	n, err := unix.Poll(fds, 0)
	return err == nil && n > 0 && fds[0].Revents&unix.POLLERR != 0
}

func kernelRelease() string {
	var uts unix.Utsname
	if unix.Uname(&uts) != nil {
		return "" // cannot happen: uname fails only for a bad address
	}
	return unix.ByteSliceToString(uts.Release[:])
}
