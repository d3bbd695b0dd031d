// SPDX-License-Identifier: Apache-2.0

//go:build amd64 || arm64

package trace_test

import (
	"fmt"
	"os"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/internal/callscript"
	"github.com/nsinspect/nsinspect/internal/need"
	"github.com/nsinspect/nsinspect/pkg/ns"
	"github.com/nsinspect/nsinspect/pkg/trace"
)

// ownUser makes a user namespace in which the script is root.
var ownUser = &unix.SysProcAttr{
	Cloneflags:  unix.CLONE_NEWUSER,
	UidMappings: []syscall.SysProcIDMap{{Size: 1}}, GidMappings: []syscall.SysProcIDMap{{Size: 1}},
}

// companion appends a task that stays until the script is waited for, and shares with it.
func (a *actor) companion(flags int) {
	task := a.Call(unix.SYS_CLONE, flags, 0, 0, 0, 0)
	a.Child(task, func() { a.Call(unix.SYS_READ, 0, a.Room(1), 1) })
}

// limit appends that the script's user namespace allows so many of a type.
func (a *actor) limit(name, most string) {
	fd := a.Call(unix.SYS_OPENAT, unix.AT_FDCWD, "/proc/sys/user/"+name, unix.O_WRONLY, 0)
	a.Call(unix.SYS_WRITE, fd, most, len(most))
	a.Call(unix.SYS_CLOSE, fd)
}

func unsharing(flags int) func(*actor) *callscript.Step {
	return func(a *actor) *callscript.Step { return a.Call(unix.SYS_UNSHARE, flags) }
}

func entering(flags int) func(*actor) *callscript.Step {
	return func(a *actor) *callscript.Step { return a.Call(unix.SYS_SETNS, firstFile, flags) }
}

// in is a namespace that only the script knows, that of its own user namespace.
var in = trace.NS{Inode: 1}

type reasonCase struct {
	attr   *unix.SysProcAttr
	file   string
	before func(*actor)
	call   func(*actor) *callscript.Step
	errno  unix.Errno
	want   trace.Reason
}

func reasonCases(host trace.NS) map[string]reasonCase {
	capability := func(name string, in trace.NS) trace.Reason {
		return trace.Reason{Kind: trace.ReasonCapability, Capability: name, UserNS: in}
	}
	kind := func(k trace.ReasonKind) trace.Reason { return trace.Reason{Kind: k} }
	limit := func(name string) trace.Reason { return trace.Reason{Kind: trace.ReasonLimit, Limit: name, UserNS: in} }
	nobody := (*actor).unprivileged
	cases := map[string]reasonCase{
		"unshare, unprivileged": {nil, "", nobody, unsharing(unix.CLONE_NEWNET), unix.EPERM, capability("CAP_SYS_ADMIN", in)},
		"clone, unprivileged": {nil, "", nobody, func(a *actor) *callscript.Step {
			return a.Call(unix.SYS_CLONE, unix.CLONE_NEWNET|sigchld, 0, 0, 0, 0)
		}, unix.EPERM, capability("CAP_SYS_ADMIN", in)},
		"in a chroot":            {nil, "", func(a *actor) { a.Call(unix.SYS_CHROOT, "/proc") }, unsharing(unix.CLONE_NEWUSER | unix.CLONE_NEWNET), unix.EPERM, kind(trace.ReasonChroot)},
		"threads":                {nil, "", func(a *actor) { a.companion(threadLike) }, unsharing(unix.CLONE_NEWUSER), unix.EINVAL, kind(trace.ReasonThreads)},
		"a flag that is none":    {nil, "", func(a *actor) { a.companion(threadLike) }, unsharing(unix.CLONE_NEWUSER | 1), unix.EINVAL, trace.Reason{}},
		"setns with threads":     {nil, "user of the house", func(a *actor) { a.companion(threadLike) }, entering(unix.CLONE_NEWUSER), unix.EINVAL, kind(trace.ReasonThreads)},
		"shared root directory":  {nil, "mnt", func(a *actor) { a.companion(unix.CLONE_FS | sigchld) }, entering(0), unix.EINVAL, kind(trace.ReasonSharedFS)},
		"its own user namespace": {nil, "user", func(*actor) {}, entering(unix.CLONE_NEWUSER), unix.EINVAL, kind(trace.ReasonSame)},
		"not that type":          {nil, "user", func(*actor) {}, entering(unix.CLONE_NEWNET), unix.EINVAL, trace.Reason{}},
		"no net namespaces":      {ownUser, "", func(a *actor) { a.limit("max_net_namespaces", "0") }, unsharing(unix.CLONE_NEWNET), unix.ENOSPC, limit("max_net_namespaces")},
		"one uts namespace": {ownUser, "", func(a *actor) { a.limit("max_uts_namespaces", "1"); a.Call(unix.SYS_UNSHARE, unix.CLONE_NEWUTS) },
			func(a *actor) *callscript.Step {
				return a.Call(unix.SYS_CLONE, unix.CLONE_NEWUTS|unix.CLONE_NEWIPC|sigchld, 0, 0, 0, 0)
			}, unix.ENOSPC, limit("max_uts_namespaces")},
		"two limits": {ownUser, "", func(a *actor) { a.limit("max_net_namespaces", "0"); a.limit("max_uts_namespaces", "0") },
			unsharing(unix.CLONE_NEWNET | unix.CLONE_NEWUTS), unix.ENOSPC, trace.Reason{}},
	}
	for _, t := range []string{"net", "uts", "ipc", "cgroup", "mnt", "pid", "time"} {
		cases["not of the owner of "+t] = reasonCase{ownUser, t, func(*actor) {}, entering(0), unix.EPERM, capability("CAP_SYS_ADMIN", host)}
	}
	cases["not of the user namespace"] = reasonCase{ownUser, "user", func(*actor) {}, entering(0), unix.EPERM, capability("CAP_SYS_ADMIN", host)}
	return cases
}

// TestReasons has calls refused in every way of which the reason is known, and in others.
func TestReasons(t *testing.T) {
	h := newIsolated(t)
	var st unix.Stat_t
	if err := unix.Stat("/proc/self/ns/user", &st); err != nil {
		t.Fatal(err)
	}
	host := trace.NS{Inode: st.Ino}
	s := open(t, trace.Options{})
	c := checks{}
	for name, test := range reasonCases(host) {
		a := newActor()
		where := a.Look()
		test.before(a)
		step := test.call(a)
		a.Pause() // companions stay until the end of the input, too
		a.Call(unix.SYS_EXIT_GROUP, 0)
		var files []*os.File
		switch test.file {
		case "":
		case "user of the house":
			files = append(files, h.open(ns.User))
		default:
			files = append(files, openFile(t, "/proc/self/ns/"+test.file, unix.O_RDONLY))
		}
		run := a.Start(t, callscript.Options{Files: files, Attr: test.attr})
		run.Paused()
		if err := run.Wait(); err != nil {
			t.Fatal(err)
		}
		if got := run.Errno(step); got != test.errno {
			t.Errorf("%s: %v, want %v", name, got, test.errno)
			continue
		}
		want := test.want
		if name == "one uts namespace" && !need.KernelIs(t, 5, 14) {
			want = trace.Reason{} // no program finds the count of the caller's own namespace
		}
		if want.UserNS == in {
			want.UserNS = trace.NS{Inode: run.Where(where).Inode[ns.User]}
		}
		c[name] = func(t *testing.T, events []trace.Event) {
			failed := 0
			for _, e := range of(events, run.PID) {
				if e.Failed() {
					failed++
					if e.Reason != want {
						t.Errorf("reason %+v, want %+v", e.Reason, want)
					}
				} else if e.Reason != (trace.Reason{}) {
					t.Errorf("it did not fail and has a reason: %s", describe(e))
				}
			}
			if failed != 1 {
				t.Errorf("%d calls failed, want 1", failed)
			}
		}
	}
	s.demand(t, c)
}

// TestReasonDepth makes PID namespaces inside of each other until there are too many.
func TestReasonDepth(t *testing.T) {
	s := open(t, trace.Options{})
	a := newActor()
	const most = 33 // MAX_PID_NS_LEVEL and one that is refused, seen from the initial one
	var deeper func(level int)
	deeper = func(level int) {
		child := a.Call(unix.SYS_CLONE, unix.CLONE_NEWPID|sigchld, 0, 0, 0, 0)
		if level < most {
			a.Child(child, func() { deeper(level + 1) })
		}
		a.Call(unix.SYS_WAIT4, -1, 0, unix.WALL, 0)
	}
	deeper(1)
	name := fmt.Sprintf("deep%d", os.Getpid())
	a.Run(t, callscript.Options{Name: name})
	refused := 0
	for _, e := range s.all() {
		if e.Comm == name && e.Failed() {
			refused++
			if e.Errno != unix.ENOSPC || e.Reason != (trace.Reason{Kind: trace.ReasonDepth}) {
				t.Errorf("refused with %v for %+v", e.Errno, e.Reason)
			}
		}
	}
	if refused != 1 {
		t.Errorf("%d calls were refused, want 1", refused)
	}
}
