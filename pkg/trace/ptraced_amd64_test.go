// SPDX-License-Identifier: Apache-2.0

package trace_test

import (
	"runtime"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/internal/callscript"
	"github.com/nsinspect/nsinspect/internal/need"
	"github.com/nsinspect/nsinspect/pkg/ns"
	"github.com/nsinspect/nsinspect/pkg/trace"
)

// TestAnsweredByPtracer has a ptracer answer an unshare with 0, by PTRACE_SYSEMU and by
// an invalid number: nothing is reported of what was not made.
func TestAnsweredByPtracer(t *testing.T) {
	need.Root(t)
	for name, emulate := range map[string]bool{"emulated": true, "skipped": false} {
		t.Run(name, func(t *testing.T) {
			s := open(t, trace.Options{})
			a := newActor()
			a.Pause()
			step := a.Call(unix.SYS_UNSHARE, unix.CLONE_NEWNET)
			run := a.Start(t, callscript.Options{})
			run.Paused()
			p := seize(t, run.PID)
			run.Go()
			p.answer(emulate)
			if err := run.Wait(); err != nil {
				t.Fatal(err)
			}
			if got := run.Result(step); got != 0 {
				t.Fatalf("the call returned %d", got)
			}
			for _, e := range of(s.all(), run.PID) {
				t.Errorf("of a call that was not made: %s, moved %v", describe(e), e.Moved(ns.Net))
			}
			s.lostNothing()
		})
	}
}

// ptracer answers the unshare of a process. It is for one thread.
type ptracer struct {
	t   *testing.T
	pid int
}

// seize makes the calling thread the ptracer of a process until the test ends.
func seize(t *testing.T, pid int) *ptracer {
	t.Helper()
	runtime.LockOSThread()
	t.Cleanup(runtime.UnlockOSThread)
	p := &ptracer{t, pid}
	const options = unix.PTRACE_O_TRACESYSGOOD | unix.PTRACE_O_EXITKILL
	p.do(unix.PTRACE_SEIZE, options)
	p.do(unix.PTRACE_INTERRUPT, 0)
	p.wait()
	return p
}

func (p *ptracer) do(request int, data uintptr) {
	p.t.Helper()
	if _, _, errno := unix.Syscall6(unix.SYS_PTRACE, uintptr(request), uintptr(p.pid), 0, data, 0, 0); errno != 0 {
		p.t.Fatalf("ptrace request %#x: %v", request, errno)
	}
}

// wait waits for a stop.
func (p *ptracer) wait() {
	p.t.Helper()
	var status unix.WaitStatus
	if _, err := unix.Wait4(p.pid, &status, 0, nil); err != nil || !status.Stopped() {
		p.t.Fatalf("wait for a stop: %v, status %#x", err, int(status))
	}
}

// answer answers the next unshare with 0, has the calls before it made, and detaches.
func (p *ptracer) answer(emulate bool) {
	p.t.Helper()
	for {
		var r unix.PtraceRegs
		if emulate {
			p.do(unix.PTRACE_SYSEMU, 0)
		} else {
			p.do(unix.PTRACE_SYSCALL, 0)
		}
		p.wait()
		if err := unix.PtraceGetRegs(p.pid, &r); err != nil {
			p.t.Fatal(err)
		}
		switch unshare := r.Orig_rax == unix.SYS_UNSHARE; {
		case unshare && emulate:
			r.Rax = 0
			p.set(&r)
			p.do(unix.PTRACE_DETACH, 0)
			return
		case unshare:
			r.Orig_rax = ^uint64(0)
			p.set(&r)
			p.do(unix.PTRACE_SYSCALL, 0)
			p.wait()
			r.Rax = 0
			p.set(&r)
			p.do(unix.PTRACE_DETACH, 0)
			return
		case emulate: // once more, for real: the end of this one, entry and end of that
			r.Rax = r.Orig_rax
			r.Rip -= 2 // the size of the instruction
			p.set(&r)
			for range 3 {
				p.do(unix.PTRACE_SYSCALL, 0)
				p.wait()
			}
		}
	}
}

func (p *ptracer) set(r *unix.PtraceRegs) {
	p.t.Helper()
	if err := unix.PtraceSetRegs(p.pid, r); err != nil {
		p.t.Fatal(err)
	}
}
