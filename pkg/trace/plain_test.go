// SPDX-License-Identifier: Apache-2.0

//go:build amd64 || arm64

package trace_test

import (
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/internal/callscript"
	"github.com/nsinspect/nsinspect/pkg/trace"
)

// TestPlainClone has tier 3 report where a clone led to only if its number is one of
// the tracer's PID namespace. Users are unknown there.
func TestPlainClone(t *testing.T) {
	for name, attr := range map[string]*unix.SysProcAttr{
		"in another PID namespace": {Cloneflags: unix.CLONE_NEWPID},
		"its twin":                 nil,
	} {
		t.Run(name, func(t *testing.T) {
			s := open(t, trace.Options{Tier: 3})
			a := newActor()
			act := a.clone(unix.CLONE_NEWNET|unix.CLONE_NEWUTS|sigchld, a.Pause)
			run := a.Start(t, callscript.Options{Attr: attr})
			run.Paused() // its child is, and stays until it is found in /proc
			e := s.cloneBy(run.PID)
			if err := run.Wait(); err != nil {
				t.Fatal(err)
			}
			if e.UID != -1 {
				t.Errorf("its user is %d, want unknown", e.UID)
			}
			if e.Ret != run.Result(act.step) {
				t.Errorf("it returned %d, want %d", e.Ret, run.Result(act.step))
			}
			want, child := known(setOf(run.Where(act.after)), e.To), int(e.Ret)
			if attr != nil {
				want, child = trace.Set{}, 0
			} else if e.To == (trace.Set{}) {
				t.Error("it led nowhere")
			}
			for ty := range e.To { // the tier knows no cookies
				want[ty].Cookie = 0
			}
			if e.To != want || e.Child != child {
				t.Errorf("it made %d in %v, want %d in %v", e.Child, e.To, child, want)
			}
		})
	}
}

// cloneBy waits for a clone that a process made.
func (s *session) cloneBy(pid int) trace.Event {
	s.t.Helper()
	for end := time.Now().Add(time.Minute); time.Now().Before(end); {
		var e [1]trace.Event
		if n, err := s.ReadBatch(e[:]); err != nil {
			s.t.Fatal(err)
		} else if n == 1 && e[0].PID == pid && e[0].Call == trace.Clone {
			return e[0]
		}
	}
	s.t.Fatalf("no clone by process %d", pid)
	return trace.Event{}
}
