// SPDX-License-Identifier: Apache-2.0

package trace_test

import (
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/internal/callscript"
	"github.com/nsinspect/nsinspect/pkg/ns"
	"github.com/nsinspect/nsinspect/pkg/trace"
)

// Numbers of arch/x86/entry/syscalls/syscall_32.tbl.
const (
	oldClone   = 120
	oldWait4   = 114
	oldUnshare = 310
	oldSetns   = 346
	clone3     = 435 // everywhere
)

// TestOldCalls calls by the 32-bit way: from a program of 32 bits, and by int 0x80
// from one of 64, which anybody may do.
func TestOldCalls(t *testing.T) {
	h := newIsolated(t)
	for name, test := range map[string]struct {
		script *callscript.Script
		call   func(s *callscript.Script, number int, args ...any) *callscript.Step
	}{
		"32-bit program": {callscript.New32(), (*callscript.Script).Call},
		"int 0x80":       {callscript.New(), (*callscript.Script).CallByInt80},
	} {
		t.Run(name, func(t *testing.T) {
			s := open(t, trace.Options{})
			a := &actor{Script: test.script}
			call := func(number int, args ...any) *callscript.Step { return test.call(a.Script, number, args...) }
			acted := func(e trace.Event, number int, args ...any) {
				before := a.Look()
				a.acted(e, before, call(number, args...)).event.ABI = "i386"
			}
			cloned := func(flags trace.Flags, number int, args ...any) {
				before := a.Look()
				step := call(number, args...)
				act := &act{event: trace.Event{Call: trace.Clone, FD: -1, Flags: flags, ABI: "i386"}, step: step, before: before}
				a.acts = append(a.acts, act)
				a.Child(step, func() { act.after = a.Look() })
				call(oldWait4, step, 0, unix.WALL, 0)
			}
			acted(trace.Event{Call: trace.Setns, FD: firstFile, Flags: unix.CLONE_NEWNET}, oldSetns, firstFile, unix.CLONE_NEWNET)
			acted(trace.Event{Call: trace.Setns, FD: -1, Flags: 0}, oldSetns, -1, 0)
			acted(trace.Event{Call: trace.Unshare, FD: -1, Flags: unix.CLONE_NEWUTS}, oldUnshare, unix.CLONE_NEWUTS)
			acted(trace.Event{Call: trace.Unshare, FD: -1, Flags: unix.CLONE_NEWNET | 1}, oldUnshare, unix.CLONE_NEWNET|1)
			cloned(unix.CLONE_NEWNET, oldClone, unix.CLONE_NEWNET|sigchld, 0, 0, 0, 0)
			cloned(unix.CLONE_NEWNS|unix.CLONE_FS, oldClone, unix.CLONE_NEWNS|unix.CLONE_FS|sigchld, 0, 0, 0, 0)
			cloned(unix.CLONE_NEWNET|unix.CLONE_NEWTIME, clone3, a.Words(unix.CLONE_NEWNET|unix.CLONE_NEWTIME, 0, 0, 0, uint64(sigchld), 0, 0, 0, 0, 0, 0), 88)
			run := a.Run(t, callscript.Options{Files: []*os.File{h.open(ns.Net)}})

			for i, want := range []unix.Errno{0, unix.EBADF, 0, unix.EINVAL, 0, unix.EINVAL, 0} {
				if got := run.Errno(a.acts[i].step); got != want {
					t.Fatalf("call %d: %v, want %v", i, got, want)
				}
			}
			events := of(s.all(), run.PID)
			demand(t, events, a.expected(run, "callscript"))
			if len(events) > 0 {
				demandTarget(t, events[0], trace.Via{Kind: trace.ViaNSFS, Path: ns.FormatLink(ns.Net, h.where[ns.Net].Inode)}, trace.Target{NS: h.part(ns.Net)})
			}
			s.lostNothing()
		})
	}
}

// TestNumbersOfOtherABI calls what the numbers mean the other way: no event comes of
// it, but of the one unshare at the end.
func TestNumbersOfOtherABI(t *testing.T) {
	for name, call := range map[string]func(a *actor){
		"64-bit": func(a *actor) {
			for _, number := range []int{oldClone, oldUnshare, oldSetns} {
				a.Call(number, a.Room(64), a.Room(64), a.Room(64))
			}
		},
		"int 0x80": func(a *actor) {
			for _, number := range []int{unix.SYS_CLONE, unix.SYS_UNSHARE, unix.SYS_SETNS} {
				a.CallByInt80(number, -1, unix.CLONE_NEWNET, 0, 0, 0, 0)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := open(t, trace.Options{})
			a := newActor()
			call(a)
			a.unshare(unix.CLONE_NEWUTS)
			run := a.Run(t, callscript.Options{})
			demand(t, of(s.all(), run.PID), a.expected(run, "callscript"))
			s.lostNothing()
		})
	}
}

// TestX32 calls by the x32 way, which most kernels refuse.
func TestX32(t *testing.T) {
	needsEveryEntry(t)
	const x32 = 0x40000000 // __X32_SYSCALL_BIT
	s := open(t, trace.Options{})
	a := newActor()
	before := a.Look()
	a.acted(trace.Event{Call: trace.Unshare, FD: -1, Flags: unix.CLONE_NEWNET}, before, a.Call(x32|unix.SYS_UNSHARE, unix.CLONE_NEWNET)).event.ABI = "x32"
	run := a.Run(t, callscript.Options{})
	demand(t, of(s.all(), run.PID), a.expected(run, "callscript"))
}
