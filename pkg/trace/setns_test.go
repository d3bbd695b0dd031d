// SPDX-License-Identifier: Apache-2.0

//go:build amd64 || arm64

package trace_test

import (
	"os"
	"os/exec"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/internal/callscript"
	"github.com/nsinspect/nsinspect/pkg/ns"
	"github.com/nsinspect/nsinspect/pkg/trace"
)

// TestSetns enters a namespace of every type, with its type named and without.
func TestSetns(t *testing.T) {
	h := newIsolated(t)
	s := open(t, trace.Options{})
	c := checks{}
	for _, ty := range ns.Types() {
		for name, nstype := range map[string]int{"": int(trace.FlagOf(ty)), ", any type": 0} {
			a := newActor()
			act := a.setns(firstFile, nstype)
			run := a.Run(t, callscript.Options{Files: []*os.File{h.open(ty)}})
			if errno := run.Errno(act.step); errno != 0 {
				t.Fatalf("setns of %s: %v", ty, errno)
			}
			c[ty.String()+name] = func(t *testing.T, events []trace.Event) {
				e := one(t, of(events, run.PID))
				demand(t, []trace.Event{e}, a.expected(run, "callscript"))
				demandTarget(t, e, trace.Via{Kind: trace.ViaNSFS, Path: ns.FormatLink(ty, h.where[ty].Inode)}, trace.Target{Type: ty, NS: h.part(ty)})
				if e.To[ty] != h.where[ty] || !e.Moved(ty) {
					t.Errorf("it led to %v, want %v", e.To[ty], h.where[ty])
				}
				for _, other := range ns.Types() {
					if other != ty && e.Moved(other) {
						t.Errorf("it moved between namespaces of type %s", other)
					}
				}
			}
		}
	}
	s.demand(t, c)
}

// TestSetnsPidfd enters several namespaces of a process at once.
func TestSetnsPidfd(t *testing.T) {
	h := newIsolated(t)
	const flags = unix.CLONE_NEWNET | unix.CLONE_NEWUTS | unix.CLONE_NEWIPC | unix.CLONE_NEWUSER | unix.CLONE_NEWPID | unix.CLONE_NEWNS
	s := open(t, trace.Options{})
	a := newActor()
	act := a.setns(firstFile, flags)
	run := a.Run(t, callscript.Options{Files: []*os.File{h.pidfd}})
	if errno := run.Errno(act.step); errno != 0 {
		t.Fatalf("setns: %v", errno)
	}
	e := one(t, of(s.all(), run.PID))
	demand(t, []trace.Event{e}, a.expected(run, "callscript"))
	demandTarget(t, e, trace.Via{Kind: trace.ViaPidfd, PID: h.pid}, trace.Target{NS: h.where})
	for _, ty := range ns.Types() {
		if want := flags&int(trace.FlagOf(ty)) != 0; e.Moved(ty) != want {
			t.Errorf("%s: moved %v, want %v", ty, e.Moved(ty), want)
		}
	}
}

// TestSetnsPidfdOwnAndChildren enters the namespaces of a process that has made
// others for its children: setns takes its own (validate_nsset, kernel/nsproxy.c).
func TestSetnsPidfdOwnAndChildren(t *testing.T) {
	b := callscript.New()
	before := b.Look()
	b.Call(unix.SYS_UNSHARE, unix.CLONE_NEWPID|unix.CLONE_NEWTIME)
	b.Pause()
	other := b.Start(t, callscript.Options{})
	other.Paused()
	pidfd := openPidfd(t, other.PID)

	s := open(t, trace.Options{})
	a := newActor()
	act := a.setns(firstFile, unix.CLONE_NEWPID|unix.CLONE_NEWTIME)
	run := a.Run(t, callscript.Options{Files: []*os.File{pidfd}})
	if errno := run.Errno(act.step); errno != 0 {
		t.Fatalf("setns: %v", errno)
	}
	e := one(t, of(s.all(), run.PID))
	demand(t, []trace.Event{e}, a.expected(run, "callscript"))
	demandTarget(t, e, trace.Via{Kind: trace.ViaPidfd, PID: other.PID}, trace.Target{NS: setOf(other.Where(before))})
}

func openPidfd(t testing.TB, pid int) *os.File {
	t.Helper()
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		t.Fatal(err)
	}
	f := os.NewFile(uintptr(fd), "pidfd")
	t.Cleanup(func() { f.Close() })
	return f
}

// TestSetnsDeadPidfd enters the namespaces of a process that has ended: one that
// nobody has waited for yet, and one that is gone.
func TestSetnsDeadPidfd(t *testing.T) {
	for _, reaped := range []bool{false, true} {
		cmd := exec.Command("/proc/self/exe", "-test.run=^$")
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		pidfd := openPidfd(t, cmd.Process.Pid)
		if err := unix.Waitid(unix.P_PID, cmd.Process.Pid, nil, unix.WEXITED|unix.WNOWAIT, nil); err != nil {
			t.Fatal(err)
		}
		via := trace.Via{Kind: trace.ViaPidfd, PID: cmd.Process.Pid}
		if reaped {
			via.PID = 0
			_ = cmd.Wait()
		}
		s := open(t, trace.Options{})
		a := newActor()
		act := a.setns(firstFile, unix.CLONE_NEWNET)
		run := a.Run(t, callscript.Options{Files: []*os.File{pidfd}})
		if errno := run.Errno(act.step); errno != unix.ESRCH {
			t.Fatalf("setns: %v, want ESRCH", errno)
		}
		e := one(t, of(s.all(), run.PID))
		demand(t, []trace.Event{e}, a.expected(run, "callscript"))
		demandTarget(t, e, via, trace.Target{})
		_ = cmd.Wait()
	}
}
