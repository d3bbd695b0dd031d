// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime/debug"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/internal/explain"
	"github.com/nsinspect/nsinspect/internal/host"
	"github.com/nsinspect/nsinspect/internal/render"
	"github.com/nsinspect/nsinspect/internal/wire"
	"github.com/nsinspect/nsinspect/pkg/ns"
	"github.com/nsinspect/nsinspect/pkg/trace"
	"github.com/nsinspect/nsinspect/pkg/trace/lifecycle"
)

// tracer is what the command needs of a trace.Tracer.
type tracer interface {
	Tier() trace.TierInfo
	Refused() []error
	ReadBatch([]trace.Event) (int, error)
	Lost() ([]trace.Loss, error)
	Detach() error
	Finish() (trace.Summary, error)
	Close() error
}

func openTracer(ctx context.Context, o trace.Options) (tracer, error) { return trace.Open(ctx, o) }

// traceSession is one trace at work. What is read from the kernel is written at
// once: beyond a few batches, what is rendered of one and what folding holds back,
// nothing is kept. Who reads slowly makes the kernel's buffer overflow, which is
// counted there. At the end all that was recorded is written or counted as lost.
type traceSession struct {
	*app
	done      <-chan struct{} // closed when the recording ends
	end       func()          // ends it
	job       *traceJob
	tracer    tracer
	names     *trace.Names
	owners    *trace.Owners
	selector  *selector         // nil if the kernel filters by everything
	lifecycle *lifecycleWatcher // nil if nobody asked
	sorter    sorter            // of what it reports, and of calls then
	events    *render.Events
	fold      *folder
	out       *output
	to        *toFile     // of --to; nil if there is none, or nothing will be written to it
	live      bool        // it is written to a terminal
	task      *tracedTask // that it ends with; nil for none
	err       error       // the first one that ended it

	shown  int  // events added to the output, a folded one as one
	hung   bool // names did not come in time, once
	more   int  // events recorded after the last one that --count asks for
	stats  render.TraceStats
	totals map[string]uint64 // of what was lost, as reported last
}

func (a *app) newTraceSession(ctx context.Context, end func(), j *traceJob, out io.Writer) (*traceSession, error) {
	names, err := trace.NewNames(a.netnsDirs)
	if err != nil {
		return nil, err
	}
	if j.lifecycle {
		j.opts.Pace = lifecyclePace
	}
	if len(j.cgroups) > 0 {
		if j.cgroupFilter, err = trace.NewCgroups(j.cgroups); err != nil {
			names.Close()
			return nil, err
		}
		j.opts.Hierarchy = j.cgroupFilter.Hierarchy()
	}
	t, err := a.openTracer(ctx, j.opts)
	if err != nil {
		j.cgroupFilter.Close()
		names.Close()
		if errors.Is(err, unix.EPERM) && unix.Geteuid() != 0 {
			err = explain.WithHint(err, "run as root, or grant the missing capabilities")
		}
		return nil, err
	}
	debug.SetGCPercent(100) // a trace runs for long, unlike all else; what loaded its programs is garbage
	s := &traceSession{
		app: a, done: ctx.Done(), end: end, job: j, live: isTerminal(out), tracer: t, names: names, owners: trace.NewOwners(ctx),
		events: render.NewEvents(j.format, a.styleOf(out), names), fold: newFolder(j.fold),
		stats:  render.TraceStats{Events: map[trace.Call]int{}, Failed: map[trace.Call]int{}, Lives: map[lifecycle.Kind]int{}, Tier: t.Tier().Tier},
		totals: map[string]uint64{},
	}
	if s.selector, err = newSelector(j, names, &s.stats); err != nil {
		names.Close()
		return nil, errors.Join(err, t.Close())
	}
	s.out = newOutput(ctx.Done(), out, &a.signals, &s.stats)
	if j.lifecycle {
		if j.syscalls {
			s.sorter.wait = orderWait
		}
		if s.lifecycle, err = newLifecycleWatcher(ctx, j, names); err != nil {
			s.out.close()
			names.Close()
			return nil, errors.Join(err, t.Close())
		}
	}
	return s, nil
}

// run traces until the recording has ended and what came of it is written.
func (s *traceSession) run(ctx context.Context, child *child) (err error) {
	defer s.names.Close()
	defer s.selector.close()
	defer s.out.close()
	defer func() { err = s.also(err, s.unload()) }()
	if l := s.lifecycle; l != nil {
		defer func() { err = s.also(err, l.watcher.Close()) }()
	}
	s.signals.beat()
	defer context.AfterFunc(ctx, func() { s.signals.ending.Store(true) })()
	if s.job.duration > 0 {
		defer time.AfterFunc(s.job.duration, s.end).Stop()
	}
	reader := newBatchReader(s.tracer)
	reader.empty = s.lifecycle != nil || s.job.fold > 0
	go reader.run(ctx)
	s.task.watch(s.end)
	s.begin()
	go debug.FreeOSMemory() // loading took several times what tracing does
	if child != nil {
		if err := child.start(s.end); err != nil {
			s.abandon(reader, err)
			return err
		}
		defer func() { err = s.also(child.wait(), err) }()
	}
	if s.to != nil {
		s.beginFile()
	}
	s.follow(reader)
	err = s.close()
	s.signals.silent()
	return err
}

// unload ends what the tracer has in the kernel.
func (s *traceSession) unload() error {
	s.signals.unloads()
	defer s.signals.unloaded()
	return s.tracer.Close()
}

// abandon ends a trace whose command did not start: nothing is written to a file.
func (s *traceSession) abandon(reader *batchReader, err error) {
	if s.to != nil {
		s.out.giveUp(err)
	}
	s.end()
	s.follow(reader)
	s.signals.silent()
	s.to.drop()
	s.to = nil
}

// refuse ends a trace that did not begin.
func (s *traceSession) refuse(err error) error {
	s.out.close()
	s.names.Close()
	s.selector.close()
	if s.lifecycle != nil {
		err = errors.Join(err, s.lifecycle.watcher.Close())
	}
	s.to.drop()
	return errors.Join(err, s.tracer.Close())
}

// beginFile empties the file of --to, and writes to it what has come so far.
func (s *traceSession) beginFile() {
	if err := s.to.begin(); err != nil {
		s.out.giveUp(err)
		s.out.torn = true // the last records are not for a file that has something else
		s.end()
		return
	}
	s.out.flush()
}

// also returns the first error, and prints the second one, as only one can be returned.
func (s *traceSession) also(err, other error) error {
	if err == nil {
		return other
	}
	if other != nil {
		s.printNotes([]string{render.Escape(other.Error())})
	}
	return err
}

// begin prints that the trace has started. In a file that is once the command has, too.
func (s *traceSession) begin() {
	tier := s.tracer.Tier()
	start := wire.TraceStart{
		Time: time.Now(), Machine: machine(), Select: s.job.selected(), Tier: int(tier.Tier), How: explain.Tier(tier),
		Limitations: explain.Limitations(tier),
	}
	start.SetCommand(s.job.command)
	for _, err := range s.tracer.Refused() {
		start.Refusals = append(start.Refusals, err.Error())
	}
	missed := missesShorter(tier)
	unlisted := ""
	if l := s.lifecycle; l != nil {
		start.MissesShorter = (*int64)(&missed)
		for _, t := range s.job.lives {
			start.LifecycleTypes = append(start.LifecycleTypes, t.String())
		}
		if types := l.watcher.Unlisted(); types != nil {
			unlisted = explain.Unlisted(types)
			start.Limitations = append(start.Limitations, unlisted)
		}
	}
	if r := s.out.rotation; r != nil {
		r.fail = func(err error) { s.printNotes([]string{render.Escape(err.Error())}) }
		r.head = func() []byte {
			start.Time = time.Now()
			return s.events.Start(nil, start)
		}
	}
	s.out.buf = s.events.Start(s.out.buf, start)
	s.out.add(item{})
	if s.to == nil {
		s.out.flush()
	}
	if s.verbose {
		s.printNotes(tierNotes(tier, s.tracer.Refused()))
	}
	if s.job.format != render.JSON && s.job.command == nil {
		s.printNotes([]string{fmt.Sprintf("tracing %s by tier %d; Ctrl-C ends it", s.job.what(), tier.Tier)})
	}
	if s.job.format == render.Table && s.job.lifecycle && (s.verbose || s.job.command == nil) {
		s.printNotes([]string{explain.Missed(missed)})
		if unlisted != "" {
			s.printNotes([]string{"not recorded: " + unlisted})
		}
	}
}

// tierNotes returns the tier in use, its limitations, and why no better one is.
func tierNotes(tier trace.TierInfo, refused []error) []string {
	notes := []string{fmt.Sprintf("tier %d: %s", tier.Tier, explain.Tier(tier))}
	if len(tier.Limitations) > 0 {
		notes = append(notes, fmt.Sprintf("tier %d does not record: %s", tier.Tier, strings.Join(explain.Limitations(tier), "; ")))
	}
	for _, err := range refused {
		notes = append(notes, "not used: "+err.Error())
	}
	for i := range notes {
		notes[i] = render.Escape(notes[i])
	}
	return notes
}

// machine returns where the trace runs, as far as that can be read.
func machine() wire.Machine {
	h, err := host.Open("/")
	if err != nil {
		return wire.NewMachine(ns.Machine{}, "")
	}
	defer h.Close()
	return wire.NewMachine(h.Machine(), h.Kernel())
}
