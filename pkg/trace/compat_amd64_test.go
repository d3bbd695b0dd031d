// SPDX-License-Identifier: Apache-2.0

package trace_test

import (
	"testing"

	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/internal/callscript"
	"github.com/nsinspect/nsinspect/pkg/trace"
)

// What an event has as its ABI.
const (
	nativeABI = "x86_64"
	oldABI    = "i386"
)

// Numbers of arch/x86/entry/syscalls/syscall_32.tbl.
const (
	oldClone   = 120
	oldWait4   = 114
	oldUnshare = 310
	oldSetns   = 346
)

var (
	oldWays = []oldWay{
		{"32-bit program", callscript.New32, (*callscript.Script).Call},
		{"int 0x80", callscript.New, (*callscript.Script).CallByInt80},
	}
	forks = []int{unix.SYS_FORK, unix.SYS_VFORK} // calls that are like a clone
)

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
