// SPDX-License-Identifier: Apache-2.0

//go:build amd64 || arm64

package trace_test

import (
	"os"
	"slices"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/internal/callscript"
	"github.com/nsinspect/nsinspect/internal/testlock"
	"github.com/nsinspect/nsinspect/pkg/ns"
	"github.com/nsinspect/nsinspect/pkg/trace"
)

// TestFinish looks at every thread at the end, while one moves all the time and
// others have moved and stay: nothing was missed.
func TestFinish(t *testing.T) {
	testlock.Exclusive(t) // every thread of the machine is compared
	h := newIsolated(t)
	net := []*os.File{h.open(ns.Net), openFile(t, "/proc/self/ns/net", unix.O_RDONLY)}
	s := open(t, trace.Options{})
	s.Looked()
	// Who comes and goes, until the test ends.
	restless := callscript.New()
	restless.Pause()
	restless.Loop(1<<40, func() {
		restless.Call(unix.SYS_SETNS, firstFile, 0)
		restless.Call(unix.SYS_SETNS, firstFile+1, 0)
		// So that the buffer takes seconds of it, however slowly it is read.
		restless.Call(unix.SYS_NANOSLEEP, restless.Words(0, 50_000), 0)
	})
	mover := restless.Start(t, callscript.Options{Name: "restless", Files: net})
	mover.Paused()
	var stayed []*callscript.Run
	for i := range 20 {
		a := newActor()
		a.unshare(unix.CLONE_NEWNET)
		if i%2 == 0 {
			a.setns(firstFile, 0)
		}
		a.Pause()
		run := a.Start(t, callscript.Options{Name: "stays", Files: net})
		run.Paused()
		stayed = append(stayed, run)
	}
	mover.Go()
	summary, err := s.Finish()
	if err != nil {
		t.Fatal(err)
	}
	if len(summary.Disagreements) > 0 {
		t.Errorf("disagreements: %+v", summary.Disagreements)
	}
	if summary.Checked < len(stayed) {
		t.Errorf("%d threads checked, and %d moved", summary.Checked, len(stayed))
	}
	for _, d := range summary.SplitThreads {
		if d.Comm == "stays" || d.Comm == "restless" {
			t.Errorf("a process that moved whole is reported as split: %+v", d)
		}
	}
	s.lostNothing()
}

// TestFinishMissed has the events of a move lost: the end shows that.
func TestFinishMissed(t *testing.T) {
	testlock.Exclusive(t) // every thread of the machine is compared
	a := newActor()
	before := a.Look()
	a.Pause()
	a.noise()
	a.Call(unix.SYS_UNSHARE, unix.CLONE_NEWNET)
	after := a.Look()
	a.Pause()
	run := a.Start(t, callscript.Options{Name: "missed"})
	run.Paused()

	s := open(t, trace.Options{Buffer: os.Getpagesize()})
	s.Looked()
	run.Go()
	run.Paused()
	if s.lost() == 0 {
		t.Fatal("nothing is lost")
	}
	summary, err := s.Finish()
	if err != nil {
		t.Fatal(err)
	}
	want := trace.Disagreement{
		PID: run.PID, TID: run.PID, Comm: "missed",
		Tracked: setOf(run.Where(before))[ns.Net], Found: setOf(run.Where(after))[ns.Net],
	}
	if !slices.Contains(summary.Disagreements, want) { // others may have moved as well
		t.Errorf("disagreements %+v, want %+v among them", summary.Disagreements, want)
	}
}

// TestFinishSplitThread has a thread move alone and stay there.
func TestFinishSplitThread(t *testing.T) {
	testlock.Exclusive(t) // every thread of the machine is compared
	s := open(t, trace.Options{})
	a := newActor()
	before := a.Look()
	var after *callscript.Look
	var tid *callscript.Step
	thread := a.Call(unix.SYS_CLONE, threadLike, 0, 0, 0, 0)
	a.Child(thread, func() {
		tid = a.Call(unix.SYS_GETTID)
		a.Call(unix.SYS_UNSHARE, unix.CLONE_NEWNET)
		after = a.Look()
		a.Pause()
	})
	a.Call(unix.SYS_READ, 0, a.Room(1), 1)
	run := a.Start(t, callscript.Options{Name: "split"})
	run.Paused()
	summary, err := s.Finish()
	if err != nil {
		t.Fatal(err)
	}
	want := trace.Disagreement{
		PID: run.PID, TID: int(run.Result(tid)), Comm: "split",
		Tracked: setOf(run.Where(before))[ns.Net], Found: setOf(run.Where(after))[ns.Net],
	}
	if !slices.Contains(summary.SplitThreads, want) {
		t.Errorf("split threads %+v, want %+v among them", summary.SplitThreads, want)
	}
	if len(summary.Disagreements) > 0 {
		t.Errorf("disagreements: %+v", summary.Disagreements)
	}
}
