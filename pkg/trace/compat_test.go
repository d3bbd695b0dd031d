// SPDX-License-Identifier: Apache-2.0

//go:build amd64 || arm64

package trace_test

import (
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/internal/callscript"
	"github.com/nsinspect/nsinspect/pkg/ns"
	"github.com/nsinspect/nsinspect/pkg/trace"
)

const clone3 = 435 // everywhere

// oldWay is a way to make a 32-bit call.
type oldWay struct {
	name string
	make func() *callscript.Script
	call func(s *callscript.Script, number int, args ...any) *callscript.Step
}

// TestOldCalls calls by the 32-bit way: from a program of 32 bits, and on amd64 by
// int 0x80 from one of 64, which anybody may do.
func TestOldCalls(t *testing.T) {
	h := newIsolated(t)
	for _, way := range oldWays {
		t.Run(way.name, func(t *testing.T) {
			s := open(t, trace.Options{})
			a := &actor{Script: way.make()}
			call := func(number int, args ...any) *callscript.Step { return way.call(a.Script, number, args...) }
			acted := func(e trace.Event, number int, args ...any) {
				before := a.Look()
				a.acted(e, before, call(number, args...)).event.ABI = oldABI
			}
			cloned := func(flags trace.Flags, number int, args ...any) {
				before := a.Look()
				step := call(number, args...)
				act := &act{event: trace.Event{Call: trace.Clone, FD: -1, Flags: flags, ABI: oldABI}, step: step, before: before}
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
