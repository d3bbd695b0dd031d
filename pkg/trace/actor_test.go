// SPDX-License-Identifier: Apache-2.0

//go:build amd64 || arm64

package trace_test

import (
	"fmt"
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/internal/callscript"
	"github.com/nsinspect/nsinspect/pkg/ns"
	"github.com/nsinspect/nsinspect/pkg/trace"
)

// act is a call of a script that must give an event, and what the script knows of
// it: where its thread was before and after, by looking.
type act struct {
	event         trace.Event // what is known beforehand
	step          *callscript.Step
	pid, tid      *callscript.Step // of a thread that is not the first; nil otherwise
	before, after *callscript.Look
}

// actor is a script of which the acts are written down.
type actor struct {
	*callscript.Script
	acts []*act
}

func newActor() *actor { return &actor{Script: callscript.New()} }

// setns appends a setns of a descriptor.
func (a *actor) setns(fd, nstype int) *act {
	before := a.Look()
	step := a.Call(unix.SYS_SETNS, fd, nstype)
	return a.acted(trace.Event{Call: trace.Setns, FD: fd, Flags: trace.Flags(uint32(nstype))}, before, step)
}

// unshare appends an unshare.
func (a *actor) unshare(flags int) *act {
	before := a.Look()
	step := a.Call(unix.SYS_UNSHARE, flags)
	return a.acted(trace.Event{Call: trace.Unshare, FD: -1, Flags: trace.Flags(flags)}, before, step)
}

func (a *actor) acted(e trace.Event, before *callscript.Look, step *callscript.Step) *act {
	e.ABI = nativeABI
	act := &act{event: e, step: step, before: before, after: a.Look()}
	a.acts = append(a.acts, act)
	return act
}

// clone appends a clone of which the child looks where it is, runs body, and
// exits; it is waited for.
func (a *actor) clone(flags int, body func()) *act {
	before := a.Look()
	step := a.Call(unix.SYS_CLONE, flags, 0, 0, 0, 0)
	return a.cloned(trace.Flags(uint32(flags)&^0xff), before, step, body)
}

// clone3 does the same by clone3, with the arguments that follow the flags.
func (a *actor) clone3(flags uint64, more ...uint64) *act {
	words := make([]uint64, 11)
	words[0] = flags
	copy(words[1:], more)
	return a.clone3At(a.Words(words...), flags)
}

func (a *actor) clone3At(args callscript.Addr, flags uint64) *act {
	before := a.Look()
	step := a.Call(unix.SYS_CLONE3, args, 88)
	return a.cloned(trace.Flags(flags), before, step, nil)
}

func (a *actor) cloned(flags trace.Flags, before *callscript.Look, step *callscript.Step, body func()) *act {
	act := &act{event: trace.Event{Call: trace.Clone, FD: -1, Flags: flags, ABI: nativeABI}, step: step, before: before}
	a.acts = append(a.acts, act)
	a.Child(step, func() {
		act.after = a.Look()
		if body != nil {
			body()
		}
	})
	a.Call(unix.SYS_WAIT4, -1, 0, unix.WALL, 0)
	return act
}

// expected are the events that the script must have given, from what it saw.
func (a *actor) expected(run *callscript.Run, name string) []trace.Event {
	var all []trace.Event
	for _, act := range a.acts {
		e := act.event
		e.PID, e.TID, e.PPID, e.Comm = run.PID, run.PID, os.Getpid(), name
		if act.tid != nil {
			e.TID = int(run.Result(act.tid))
		}
		if act.pid != nil {
			e.PID, e.PPID = int(run.Result(act.pid)), run.PID
			e.TID = e.PID
		}
		e.From = setOf(run.Where(act.before))
		if e.Errno = run.Errno(act.step); e.Errno != 0 {
			e.Ret = -1
		} else {
			e.Ret = run.Result(act.step)
			e.To = setOf(run.Where(act.after))
			if e.Call == trace.Clone {
				e.Child = int(e.Ret)
			}
		}
		all = append(all, e)
	}
	return all
}

func setOf(w callscript.Where) (s trace.Set) {
	for i, inode := range w.Inode {
		s[i].Inode = inode
	}
	s[ns.Net].Cookie = w.Cookie
	return s
}

// demand demands these events and no other. Of what was expected, times, files, reasons
// and targets are left to the caller, and types of which the kernel reported the
// script nothing.
func demand(t *testing.T, got, want []trace.Event) {
	t.Helper()
	for i := range max(len(got), len(want)) {
		switch {
		case i >= len(got):
			t.Errorf("event %d is missing: %s", i, describe(want[i]))
		case i >= len(want):
			t.Errorf("event %d is one too many: %s", i, describe(got[i]))
		default:
			demandSame(t, i, got[i], want[i])
		}
	}
}

func demandSame(t *testing.T, i int, got, want trace.Event) {
	t.Helper()
	got.From, got.To = known(got.From, want.From), known(got.To, want.To)
	if want.Errno != 0 && got.To != (trace.Set{}) {
		t.Errorf("event %d failed and led to %v", i, got.To)
	}
	if got.Duration <= 0 && !got.Partial && !got.Refused && !got.Answered {
		t.Errorf("event %d took %v", i, got.Duration)
	}
	got.Time, got.Boot, got.Duration = want.Time, want.Boot, want.Duration
	got.Via, got.Target, got.Reason = want.Via, want.Target, want.Reason
	if got != want {
		t.Errorf("event %d is\n%s, want\n%s", i, describe(got), describe(want))
	}
}

// known leaves in a set the types that the other knows.
func known(s, other trace.Set) trace.Set {
	for i := range s {
		if other[i].Inode == 0 {
			s[i] = trace.NS{}
		}
	}
	return s
}

func describe(e trace.Event) string { return fmt.Sprintf("%+v", e) }
