// SPDX-License-Identifier: Apache-2.0

package actors

import (
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/internal/callscript"
	"github.com/nsinspect/nsinspect/internal/need"
	"github.com/nsinspect/nsinspect/internal/strace"
	"github.com/nsinspect/nsinspect/internal/testlock"
)

// TestCalls has scripts of calls do what no program at a shell does: by pidfd, by
// clone and clone3, by the 32-bit way, and refused in every way.
func TestCalls(t *testing.T) {
	need.Root(t)
	testlock.Shared(t)
	s := callscript.New()
	sigchld := int(unix.SIGCHLD)
	pidfd := s.Call(unix.SYS_PIDFD_OPEN, os.Getpid(), 0)
	s.Call(unix.SYS_SETNS, pidfd, 0)
	s.Call(unix.SYS_SETNS, pidfd, unix.CLONE_NEWNET|unix.CLONE_NEWUTS|unix.CLONE_NEWIPC)
	s.Call(unix.SYS_SETNS, -1, unix.CLONE_NEWNET)
	s.Call(unix.SYS_SETNS, 0, unix.CLONE_NEWNET)
	s.Call(unix.SYS_UNSHARE, 0)
	s.Call(unix.SYS_UNSHARE, unix.CLONE_NEWNET|1)
	child := func(step *callscript.Step, body func()) {
		s.Child(step, body)
		s.Call(unix.SYS_WAIT4, step, 0, unix.WALL, 0)
	}
	unshare := func() { s.Call(unix.SYS_UNSHARE, unix.CLONE_NEWUTS) }
	child(s.Call(unix.SYS_CLONE, unix.CLONE_NEWNET|sigchld, 0, 0, 0, 0), unshare)
	child(s.Call(unix.SYS_CLONE, unix.CLONE_VM|unix.CLONE_VFORK|unix.CLONE_NEWNET|sigchld, 0, 0, 0, 0), unshare)
	child(s.Call(unix.SYS_CLONE, unix.CLONE_NEWPID|sigchld, 0, 0, 0, 0), func() {
		child(s.Call(unix.SYS_CLONE, unix.CLONE_NEWNS|sigchld, 0, 0, 0, 0), unshare)
	})
	child(s.Call(unix.SYS_CLONE3, s.Words(unix.CLONE_NEWNET|unix.CLONE_NEWTIME, 0, 0, 0, uint64(sigchld), 0, 0, 0, 0, 0, 0), 88), unshare)
	child(s.Call(unix.SYS_CLONE3, s.FarWords(unix.CLONE_NEWUTS, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0), 88), unshare)
	child(s.Call(unix.SYS_CLONE, unix.CLONE_NEWNS|unix.CLONE_FS|sigchld, 0, 0, 0, 0), unshare)
	child(s.Call(unix.SYS_CLONE3, 0, 88), unshare)
	child(s.Call(unix.SYS_FORK), unshare)
	s.Call(unix.SYS_SETRESUID, 65534, 65534, 65534)
	s.Call(unix.SYS_UNSHARE, unix.CLONE_NEWNET)
	calls, events := strace.Record(t, func(straced []string) { s.Run(t, callscript.Options{Under: straced}) })
	strace.Compare(t, calls, events, "setns(*, 0) = -1 EINVAL", "setns(*, CLONE_NEWIPC|CLONE_NEWNET|CLONE_NEWUTS) = 0", "clone(CLONE_NEWNS) = 2",
		"clone(CLONE_FS|CLONE_NEWNS) = -1 EINVAL", "unshare(CLONE_NEWNET) = -1 EPERM")
	if n := calls.Count(); n != 20 {
		t.Errorf("strace saw %d calls, want 20: %v", n, calls)
	}
}

// TestOldCalls does the same by the 32-bit way.
func TestOldCalls(t *testing.T) {
	need.Root(t)
	testlock.Shared(t)
	for name, test := range map[string]struct {
		script *callscript.Script
		call   func(s *callscript.Script, number int, args ...any) *callscript.Step
	}{
		"32-bit program": {callscript.New32(), (*callscript.Script).Call},
		"int 0x80":       {callscript.New(), (*callscript.Script).CallByInt80},
	} {
		t.Run(name, func(t *testing.T) {
			const clone, wait4, unshare, setns = 120, 114, 310, 346 // arch/x86/entry/syscalls/syscall_32.tbl
			s := test.script
			test.call(s, unshare, unix.CLONE_NEWNET)
			test.call(s, setns, -1, 0)
			child := test.call(s, clone, unix.CLONE_NEWUTS|int(unix.SIGCHLD), 0, 0, 0, 0)
			s.Child(child, func() { test.call(s, unshare, unix.CLONE_NEWIPC) })
			test.call(s, wait4, child, 0, unix.WALL, 0)
			calls, events := strace.Record(t, func(straced []string) { s.Run(t, callscript.Options{Under: straced}) })
			strace.Compare(t, calls, events, "unshare(CLONE_NEWNET) = 0", "setns(-1, 0) = -1 EBADF", "clone(CLONE_NEWUTS) = *", "unshare(CLONE_NEWIPC) = 0")
		})
	}
}
