// SPDX-License-Identifier: Apache-2.0

//go:build amd64 || arm64

package trace

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nsinspect/nsinspect/internal/kernel"
)

const (
	// latency is how long an event may wait in the kernel while others come: a
	// reader that each wakes costs the traced more than all else.
	latency = 25 * time.Millisecond
	// idleAfter is how long nothing has come before the next event is to wake the
	// reader, which otherwise polls every idlePoll, or Options.Pace.
	idleAfter = 500 * time.Millisecond
	idlePoll  = 250 * time.Millisecond
)

// backend is one tier in use.
type backend interface {
	// next fills the event and returns true, or returns false if none came
	// until the deadline.
	next(e *Event, deadline time.Time) (bool, error)
	// more reports whether next has an event at once, as far as is known.
	more() bool
	// interrupt has next return at once, from another goroutine.
	interrupt()
	lost() ([]Loss, error)
	// detach ends the recording. What was recorded stays to be read.
	detach() error
	close() error
}

// tiers is the one table of tiers, by number.
var tiers = []tier{
	{TierInfo{1, "tracepoints", []Limitation{LacksPtraced}}, openCalls},
	{TierInfo{2, "functions", []Limitation{LacksFiltered, LacksPtraced}}, openFunctions},
	{TierInfo{3, "untyped", []Limitation{
		LacksShortLived, LacksOrigins, LacksOtherOrigins, LacksTargets, LacksFiltered, LacksPtraced, LacksCompat32, LacksCookies, LacksParents, LacksUsers, LacksNested, LacksReasons,
	}}, openPlain},
	{TierInfo{4, "perf", []Limitation{
		LacksCalls, LacksFailures, LacksOtherMoves, LacksOtherOrigins, LacksPIDAndTime, LacksCookies, LacksParents, LacksUsers,
	}}, openPerf},
}

type tier struct {
	TierInfo
	open func(Options) (backend, error)
}

// inOrder returns the tiers as Open tries them, best first: where programs can be preempted,
// tier 2 by kprobes, which cannot, and then what else there is.
func inOrder(preemptible bool) []tier {
	all := slices.Clone(tiers)
	if untypedSeesCompat32 {
		all[2].Limitations = slices.DeleteFunc(slices.Clone(all[2].Limitations), func(l Limitation) bool { return l == LacksCompat32 })
	}
	if !preemptible {
		return all
	}
	probes := all[1]
	probes.open = openProbes
	for i := range 3 {
		all[i].Limitations = append([]Limitation{LacksPreempted}, all[i].Limitations...)
	}
	all[0], all[1] = all[1], all[0]
	return append([]tier{probes}, all...)
}

// preemptible reports whether a task can be preempted while a program at a
// tracepoint, or at a function by fentry and fexit, runs for it. Until it runs on, that
// program runs for no other task on that CPU (prog->active in __bpf_trace_run,
// kernel/trace/bpf_trace.c, and __bpf_prog_enter_recur, kernel/bpf/trampoline.c). Seen on
// 7.3 and not on 6.18, where preemption was off meanwhile. At the functions of the
// calls it takes two threads that make such calls at once, at every call any two.
func preemptible() bool { return kernel.Running().AtLeast(7, 0) }

// Tiers returns the tiers in the order in which Open tries them, each as it is at its best.
func Tiers() []TierInfo {
	var all []TierInfo
	for _, t := range inOrder(preemptible()) {
		if !slices.ContainsFunc(all, func(i TierInfo) bool { return i.Tier == t.Tier }) {
			all = append(all, t.TierInfo)
		}
	}
	return all
}

// Tracer reads what the kernel records. Its methods are for one goroutine, but
// for Close, which any may call at any time.
type Tracer struct {
	ending  atomic.Bool // the context of Open has ended
	closing atomic.Bool // Close was called
	mu      sync.Mutex  // held while backend and tracker are used
	closed  bool        // they are gone
	backend backend
	info    TierInfo
	refused []error
	tracker *tracker
	last    time.Time // when an event was read
	pace    time.Duration
	ended   bool // nothing more is recorded
	unwatch func() bool
}

// Open starts to trace, by the first tier that works. Everything that happens
// after it has returned is recorded, until ctx ends. It needs CAP_BPF and
// CAP_PERFMON, for the last tier CAP_PERFMON alone; the error names what is missing.
func Open(ctx context.Context, o Options) (*Tracer, error) {
	if o.Buffer == 0 {
		o.Buffer = 16 << 20
	}
	if err := o.check(); err != nil {
		return nil, err
	}
	o.wakeAt = uint32(o.Buffer / 4)
	t := &Tracer{pace: idlePoll}
	if o.Pace > 0 {
		t.pace = o.Pace
	}
	for _, tier := range inOrder(preemptible()) {
		if o.Tier != 0 && o.Tier != tier.Tier {
			continue
		}
		w, err := tier.open(o)
		if err == nil {
			t.backend, t.info = w, tier.TierInfo
			t.tracker = newTracker(o)
			t.unwatch = context.AfterFunc(ctx, func() {
				t.ending.Store(true)
				w.interrupt()
			})
			return t, nil
		}
		t.refused = append(t.refused, fmt.Errorf("tier %d: %w", tier.Tier, kernel.ExplainBPF(err)))
	}
	if t.refused == nil {
		return nil, fmt.Errorf("no tier %d: the tiers are 1 to %d", o.Tier, len(tiers))
	}
	return nil, t.refused[0]
}

// Tier returns the tier that runs.
func (t *Tracer) Tier() TierInfo { return t.info }

// Refused returns why the tiers before it do not run.
func (t *Tracer) Refused() []error { return t.refused }

// Read waits for an event and returns it. Once the tracer's context has ended it
// returns what had been recorded until then, and then ErrClosed.
func (t *Tracer) Read() (Event, error) {
	var one [1]Event
	for {
		n, err := t.ReadBatch(one[:])
		if n > 0 || err != nil {
			return one[0], err
		}
	}
}

// ReadBatch fills events with what has been recorded and returns how many there
// are. It waits a moment for the first (25 ms, or Options.Pace where nothing has come for
// long) and not for any other, so it returns 0 where nothing happened. It ends as
// Read does. Once the tracer was closed, by another goroutine while it waits too, it
// returns ErrClosed.
func (t *Tracer) ReadBatch(events []Event) (int, error) {
	if err := t.use(); err != nil {
		return 0, err
	}
	defer t.mu.Unlock()
	return t.readBatch(events)
}

// use begins to use backend and tracker, until mu is unlocked. It returns ErrClosed
// once the tracer was closed.
func (t *Tracer) use() error {
	if t.closing.Load() {
		return ErrClosed
	}
	t.mu.Lock()
	if t.closed {
		t.mu.Unlock()
		return ErrClosed
	}
	return nil
}

func (t *Tracer) readBatch(events []Event) (int, error) {
	if t.ending.Load() {
		if err := t.detach(); err != nil {
			return 0, err
		}
	}
	n := 0
	for n < len(events) && (n == 0 || t.backend.more()) {
		if t.closing.Load() {
			return n, ErrClosed
		}
		deadline := time.Now()
		switch {
		case t.ended, n > 0:
		case deadline.Sub(t.last) > idleAfter:
			deadline = deadline.Add(t.pace)
		default:
			deadline = deadline.Add(min(t.pace, latency))
		}
		got, err := t.backend.next(&events[n], deadline)
		if err != nil {
			return n, fmt.Errorf("read events: %w", err)
		}
		if !got {
			break
		}
		t.tracker.note(&events[n])
		n++
	}
	if n > 0 {
		t.last = time.Now()
	}
	if n == 0 && t.ended {
		return 0, ErrClosed
	}
	return n, nil
}

// Lost returns how many calls of each kind were not recorded, since the tracer opened.
// It returns ErrClosed once the tracer was closed.
func (t *Tracer) Lost() ([]Loss, error) {
	if err := t.use(); err != nil {
		return nil, err
	}
	defer t.mu.Unlock()
	return t.backend.lost()
}

// Detach ends the recording, if it has not ended. What was recorded stays to be
// read. It first looks where every thread is, for Finish: that must be known of the
// moment at which the recording ends, however long reading the rest takes. The end
// of the tracer's context has ReadBatch and Read detach. It returns ErrClosed once the
// tracer was closed.
func (t *Tracer) Detach() error {
	if err := t.use(); err != nil {
		return err
	}
	defer t.mu.Unlock()
	return t.detach()
}

func (t *Tracer) detach() error {
	if t.ended {
		return nil
	}
	t.ended = true
	t.tracker.lookAgain()
	if err := t.backend.detach(); err != nil {
		return fmt.Errorf("end the recording: %w", err)
	}
	return nil
}

// Finish ends the recording, if it has not ended, and compares where every thread
// was then with where its events place it. Events still unread are read for it. It
// returns ErrClosed if the tracer was closed.
func (t *Tracer) Finish() (Summary, error) {
	if err := t.use(); err != nil {
		return Summary{}, err
	}
	defer t.mu.Unlock()
	if err := t.detach(); err != nil {
		return Summary{}, err
	}
	for one := make([]Event, 1); ; {
		switch _, err := t.readBatch(one); {
		case t.closing.Load():
			return Summary{}, ErrClosed
		case errors.Is(err, ErrClosed):
			return t.tracker.compare()
		case err != nil:
			return Summary{}, err
		}
	}
}

// Close ends the recording and takes everything out of the kernel. It waits until
// what other goroutines do with the tracer has ended, which is at once. A second one does nothing.
func (t *Tracer) Close() error {
	t.unwatch()
	t.closing.Store(true)
	t.backend.interrupt()
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return nil
	}
	t.closed = true
	return errors.Join(t.backend.close(), t.tracker.close())
}
