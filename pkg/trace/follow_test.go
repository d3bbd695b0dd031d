// SPDX-License-Identifier: Apache-2.0

//go:build amd64 || arm64

package trace_test

import (
	"runtime"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/internal/callscript"
	"github.com/nsinspect/nsinspect/pkg/trace"
)

// onThread runs f on a thread that ends with it.
func onThread(t testing.TB, f func() error) {
	t.Helper()
	done := make(chan error)
	go func() {
		runtime.LockOSThread()
		done <- f()
	}()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

// TestFollow follows what this process starts: children, their threads, theirs,
// and those that turn away from all of them; nothing that was there before.
func TestFollow(t *testing.T) {
	family := func() (*actor, map[string]*callscript.Step) {
		a := newActor()
		made := map[string]*callscript.Step{}
		fork := func(name string, body func()) {
			made[name] = a.Call(unix.SYS_CLONE, sigchld, 0, 0, 0, 0)
			a.Child(made[name], body)
			a.Call(unix.SYS_WAIT4, made[name], 0, 0, 0)
		}
		a.Pause()
		a.unshare(unix.CLONE_NEWUTS)
		thread := a.Call(unix.SYS_CLONE, unix.CLONE_VM|unix.CLONE_FS|unix.CLONE_FILES|unix.CLONE_SIGHAND|unix.CLONE_THREAD, 0, 0, 0, 0)
		a.Child(thread, func() { a.Call(unix.SYS_UNSHARE, unix.CLONE_NEWUTS) })
		made["vforked"] = a.Call(unix.SYS_CLONE, unix.CLONE_VM|unix.CLONE_VFORK|sigchld, 0, 0, 0, 0)
		a.Child(made["vforked"], func() { a.Call(unix.SYS_UNSHARE, unix.CLONE_NEWIPC) })
		fork("child", func() {
			a.Call(unix.SYS_UNSHARE, unix.CLONE_NEWUTS)
			fork("grandchild", func() { a.Call(unix.SYS_UNSHARE, unix.CLONE_NEWUTS) })
		})
		fork("middle", func() { // ends before its daemon does something
			a.Call(unix.SYS_SETSID)
			made["daemon"] = a.Call(unix.SYS_CLONE, sigchld, 0, 0, 0, 0)
			a.Child(made["daemon"], func() {
				// It holds the pipe that Paused reads: its parent's end is seen by its own.
				a.Call(unix.SYS_WAIT4, -1, 0, 0, 0)
				a.Call(unix.SYS_UNSHARE, unix.CLONE_NEWIPC)
				a.Call(unix.SYS_WRITE, 1, ".", 1)
			})
		})
		return a, made
	}
	stranger, _ := family()
	before := stranger.Start(t, callscript.Options{Name: "before"})
	before.Paused()

	s := open(t, trace.Options{Follow: true})
	a, made := family()
	run := a.Start(t, callscript.Options{Name: "followed"})
	run.Paused()
	before.Go()
	run.Go()
	for _, r := range []*callscript.Run{before, run} {
		r.Paused() // its daemon is through
		if err := r.Wait(); err != nil {
			t.Fatal(err)
		}
	}
	onThread(t, func() error { return unix.Unshare(unix.CLONE_NEWUTS) }) // our own

	got := map[int]int{}
	for _, e := range s.all() {
		if e.Call != trace.Unshare || e.Failed() || e.Comm != "followed" {
			t.Errorf("not of what this process started: %s", describe(e))
		}
		got[e.PID]++
	}
	want := map[int]int{run.PID: 2} // one of them its thread's
	for name, n := range map[string]int{"vforked": 1, "child": 1, "grandchild": 1, "middle": 0, "daemon": 1} {
		if n > 0 {
			want[int(run.Result(made[name]))] = n
		}
	}
	for pid, n := range want {
		if got[pid] != n {
			t.Errorf("%d events of process %d, want %d", got[pid], pid, n)
		}
	}
	if len(got) != len(want) {
		t.Errorf("events of processes %v, want %v", got, want)
	}
	s.lostNothing()
}

// TestTwoTracers has two tracers at once see the same, while a third comes and goes.
func TestTwoTracers(t *testing.T) {
	ours := trace.Options{Filter: trace.Filter{Comm: "callscript"}} // others may call more than a buffer takes
	one, two := open(t, ours), open(t, ours)
	var want []trace.Event
	var pids []int
	for i := range 3 {
		if i == 1 {
			open(t, trace.Options{}).all()
		}
		a := visit(false)
		run := a.Start(t, callscript.Options{})
		run.Paused()
		run.Go()
		if err := run.Wait(); err != nil {
			t.Fatal(err)
		}
		pids = append(pids, run.PID)
		want = append(want, a.expected(run, "callscript")...)
	}
	a, b := of(one.all(), pids...), of(two.all(), pids...)
	demand(t, a, want)
	demand(t, b, want)
	one.lostNothing()
	two.lostNothing()
}
