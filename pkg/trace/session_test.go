// SPDX-License-Identifier: Apache-2.0

package trace_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/nsinspect/nsinspect/internal/need"
	"github.com/nsinspect/nsinspect/internal/testlock"
	"github.com/nsinspect/nsinspect/pkg/trace"
)

// session is a tracer at work.
type session struct {
	*trace.Tracer
	t   testing.TB
	end context.CancelFunc
}

// open starts to trace, until the test ends, which holds the machine shared. It skips the test where this machine
// does not let the first tier work.
func open(t testing.TB, o trace.Options) *session {
	t.Helper()
	need.Root(t)
	testlock.Shared(t)
	if o.Tier == 0 {
		o.Tier = trace.Tiers()[0].Tier
	}
	ctx, end := context.WithCancel(t.Context())
	tracer, err := trace.Open(ctx, o)
	if err != nil {
		end()
		need.Missing(t, "needs a tracer: "+err.Error())
	}
	t.Cleanup(func() {
		end()
		if err := tracer.Close(); err != nil {
			t.Errorf("close tracer: %v", err)
		}
	})
	return &session{tracer, t, end}
}

// all ends the recording and returns all of it.
func (s *session) all() []trace.Event {
	s.t.Helper()
	s.end()
	var all []trace.Event
	batch := make([]trace.Event, 256)
	for {
		n, err := s.ReadBatch(batch)
		all = append(all, batch[:n]...)
		if errors.Is(err, trace.ErrClosed) {
			return all
		}
		if err != nil {
			s.t.Fatalf("read: %v", err)
		}
	}
}

// hasLost reports whether something was lost.
func (s *session) hasLost() bool {
	s.t.Helper()
	losses, err := s.Lost()
	if err != nil {
		s.t.Fatalf("losses: %v", err)
	}
	return slices.ContainsFunc(losses, func(l trace.Loss) bool { return !l.Known || l.Total > 0 })
}

// checks are what is to be demanded of the events of a session once it has ended:
// one serves many subtests.
type checks map[string]func(t *testing.T, events []trace.Event)

func (s *session) demand(t *testing.T, c checks) {
	t.Helper()
	events := s.all()
	for name, check := range c {
		t.Run(name, func(t *testing.T) { check(t, events) })
	}
	s.lostNothing()
}

// lostNothing demands that nothing is counted as lost.
func (s *session) lostNothing() {
	s.t.Helper()
	if n := s.lost(); n != 0 {
		s.t.Errorf("%d events are lost", n)
	}
}

func (s *session) lost() (n uint64) {
	s.t.Helper()
	losses, err := s.Lost()
	if err != nil {
		s.t.Fatal(err)
	}
	for _, l := range losses {
		if !l.Known {
			s.t.Errorf("tier %d does not count lost %s", s.Tier().Tier, l.Kind)
		}
		n += l.Total
	}
	return n
}

// of returns the events of these processes, and those that made them.
func of(events []trace.Event, pids ...int) []trace.Event {
	return slices.DeleteFunc(slices.Clone(events), func(e trace.Event) bool {
		return !slices.Contains(pids, e.PID) && (e.Child == 0 || !slices.Contains(pids, e.Child))
	})
}

// one demands exactly one event.
func one(t testing.TB, events []trace.Event) trace.Event {
	t.Helper()
	if len(events) != 1 {
		t.Fatalf("%d events, want one: %+v", len(events), events)
	}
	return events[0]
}
