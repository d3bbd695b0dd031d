// SPDX-License-Identifier: Apache-2.0

//go:build amd64 || arm64

package trace_test

import (
	"os"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/internal/callscript"
	"github.com/nsinspect/nsinspect/internal/need"
	"github.com/nsinspect/nsinspect/pkg/ns"
	"github.com/nsinspect/nsinspect/pkg/trace"
)

// answeredCalls are calls that a filter answers as if they had been made.
var answeredCalls = map[string]struct {
	number int
	act    func(*actor) *act
}{
	"setns":   {unix.SYS_SETNS, func(a *actor) *act { return a.setns(firstFile, unix.CLONE_NEWNET) }},
	"unshare": {unix.SYS_UNSHARE, func(a *actor) *act { return a.unshare(unix.CLONE_NEWNET | unix.CLONE_NEWUTS) }},
}

// needsEveryEntry skips a test of calls that never reach their functions on kernels whose first
// tier is at those. Tier 1 may miss an entry there, and then reports only that it saw its end.
func needsEveryEntry(t *testing.T) {
	t.Helper()
	if need.KernelIs(t, 7, 0) {
		need.Missing(t, "from Linux 7.0 on tier 1 may miss an entry")
	}
}

// TestAnsweredByFilter has a filter let calls return 0 that the kernel does not make.
func TestAnsweredByFilter(t *testing.T) {
	needsEveryEntry(t)
	h := newIsolated(t)
	for name, call := range answeredCalls {
		t.Run(name, func(t *testing.T) {
			s := open(t, trace.Options{})
			a := newActor()
			a.filter(call.number, seccompErrno)
			call.act(a)
			run := a.Run(t, callscript.Options{Files: []*os.File{h.open(ns.Net)}})
			demandAnswered(t, a, run, s.all())
			s.lostNothing()
		})
	}
}

// demandAnswered demands of the only call of a script that it was answered with its
// result, and led nowhere.
func demandAnswered(t *testing.T, a *actor, run *callscript.Run, events []trace.Event) {
	t.Helper()
	act := a.acts[0]
	before, after := run.Where(act.before), run.Where(act.after)
	if act.event.Call == trace.Clone { // its child would have looked
		before = callscript.Where{}
	}
	if before != after {
		t.Fatalf("the call was made: %v, %v", before, after)
	}
	want := a.expected(run, "callscript")
	want[0].Answered, want[0].To, want[0].Child = true, trace.Set{}, 0
	got := of(events, run.PID)
	demand(t, got, want)
	for _, e := range got {
		if e.Succeeded() || e.Failed() || e.Moved(ns.Net) || e.Moved(ns.UTS) {
			t.Errorf("succeeded %v, failed %v, moved %v: %s", e.Succeeded(), e.Failed(), e.Moved(ns.Net), describe(e))
		}
	}
}

// The listener's calls, linux/seccomp.h.
const (
	seccompNotify      = 0x7fc00000
	seccompNewListener = 8
	seccompNotifRecv   = 0xc0502100
	seccompNotifSend   = 0xc0182101
)

// notification is struct seccomp_notif, response seccomp_notif_resp.
type notification struct {
	id         uint64
	pid, flags uint32
	data       [64]byte
}

type response struct {
	id, val    uint64
	err, flags int32
}

// TestAnsweredBySupervisor has a process answer another one's calls: it lets one
// return 0 and one 4242, and has one made.
func TestAnsweredBySupervisor(t *testing.T) {
	needsEveryEntry(t)
	for name, test := range map[string]struct {
		call    func(*actor) *act
		number  int
		answer  response
		carries bool // the kernel makes the call
	}{
		"unshare": {answeredCalls["unshare"].act, unix.SYS_UNSHARE, response{}, false},
		"clone": {func(a *actor) *act { return a.clone(unix.CLONE_NEWNET|sigchld, nil) }, unix.SYS_CLONE,
			response{val: 4242}, false},
		"its twin": {answeredCalls["unshare"].act, unix.SYS_UNSHARE, response{flags: unix.SECCOMP_USER_NOTIF_FLAG_CONTINUE}, true},
	} {
		t.Run(name, func(t *testing.T) {
			s := open(t, trace.Options{})
			a := newActor()
			listener := a.filterBy(test.number, seccompNotify, seccompNewListener)
			a.Pause()
			test.call(a)
			run := a.Start(t, callscript.Options{})
			run.Paused()
			answered := supervise(t, run.PID, int(run.Result(listener)), test.answer)
			run.Go()
			if err := <-answered; err != nil {
				t.Fatal(err)
			}
			if err := run.Wait(); err != nil {
				t.Fatal(err)
			}
			if test.carries {
				demand(t, of(s.all(), run.PID), a.expected(run, "callscript"))
			} else {
				demandAnswered(t, a, run, s.all())
			}
			s.lostNothing()
		})
	}
}

// supervise answers the next call that a process's filter reports, in a goroutine.
func supervise(t *testing.T, pid, listener int, answer response) <-chan error {
	t.Helper()
	pidfd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(pidfd)
	fd, err := unix.PidfdGetfd(pidfd, listener, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	done := make(chan error, 1)
	go func() {
		var n notification
		if _, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), seccompNotifRecv, uintptr(unsafe.Pointer(&n))); errno != 0 {
			done <- errno
			return
		}
		answer.id = n.id
		if _, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), seccompNotifSend, uintptr(unsafe.Pointer(&answer))); errno != 0 {
			done <- errno
			return
		}
		done <- nil
	}()
	return done
}

// TestAnsweredUnseen has the tiers that do not see an answered call report nothing of it,
// and declare that.
func TestAnsweredUnseen(t *testing.T) {
	h := newIsolated(t)
	for _, tier := range trace.Tiers() {
		if tier.Tier == 1 {
			continue
		}
		t.Run(tier.Name, func(t *testing.T) {
			s := openTier(t, tier.Tier)
			var pids []int
			for _, call := range answeredCalls {
				a := newActor()
				a.filter(call.number, seccompErrno)
				call.act(a)
				pids = append(pids, a.Run(t, callscript.Options{Files: []*os.File{h.open(ns.Net)}}).PID)
			}
			for _, e := range of(s.all(), pids...) {
				t.Error(describe(e))
			}
		})
	}
}
