// SPDX-License-Identifier: Apache-2.0

//go:build amd64 || arm64

package trace_test

import (
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/internal/callscript"
	"github.com/nsinspect/nsinspect/internal/need"
	"github.com/nsinspect/nsinspect/pkg/ns"
	"github.com/nsinspect/nsinspect/pkg/trace"
)

// TestFilter filters by every field. The buffer has room for a few events only
// and is read at the end: what is not wanted does not even come there.
func TestFilter(t *testing.T) {
	h := newIsolated(t)
	net := h.where[ns.Net]
	for name, test := range map[string]struct {
		filter trace.Filter // PID -1 is the actor's
		want   []int        // of its acts, see visit
	}{
		"PID":          {trace.Filter{PID: -1}, []int{0, 1, 2, 3, 4, 5, 6, 7}},
		"comm":         {trace.Filter{Comm: "visitor"}, []int{0, 1, 2, 3, 4, 5, 6, 7}},
		"other comm":   {trace.Filter{Comm: "visito"}, nil},
		"longer comm":  {trace.Filter{Comm: "visitors"}, nil},
		"net":          {trace.Filter{Types: []ns.Type{ns.Net}}, []int{0, 1, 2, 3, 6, 7}},
		"ipc":          {trace.Filter{Types: []ns.Type{ns.IPC}}, []int{2, 4, 6}},
		"uts and user": {trace.Filter{Types: []ns.Type{ns.UTS, ns.User}}, []int{5}},
		"user":         {trace.Filter{Types: []ns.Type{ns.User}}, nil},
		"failed":       {trace.Filter{Failed: true}, []int{0, 2}},
		"failed ipc":   {trace.Filter{Failed: true, Types: []ns.Type{ns.IPC}}, []int{2}},
		"namespace":    {trace.Filter{NS: net}, []int{1, 2, 3, 6, 7}},
		"by inode":     {trace.Filter{NS: trace.NS{Inode: net.Inode}}, []int{1, 2, 3, 6, 7}},
		"earlier one":  {trace.Filter{NS: trace.NS{Inode: net.Inode, Cookie: net.Cookie - 1}}, nil},
		"user ID":      {trace.Filter{Comm: "visitor", UIDs: []int{65534, 0}}, []int{0, 1, 2, 3, 4, 5, 6, 7}},
		"other users":  {trace.Filter{Comm: "visitor", UIDs: []int{1, 65534}}, nil},
		"uts by inode": {trace.Filter{NS: h.where[ns.UTS]}, []int{5, 6, 7}},
	} {
		t.Run(name, func(t *testing.T) {
			if name == "earlier one" {
				need.Kernel(t, 5, 12, "cookies that a BPF program can read")
			}
			noisy := test.filter.PID == 0 && test.filter.Comm == ""
			a := visit(noisy)
			run := a.Start(t, callscript.Options{Name: "visitor", Files: []*os.File{h.open(ns.Net), h.open(ns.UTS), h.pidfd}})
			run.Paused()
			if test.filter.PID != 0 {
				test.filter.PID = run.PID
			} else if test.filter.NS == (trace.NS{}) && noisy {
				test.filter.Comm = "visitor" // others on this machine do as much
			}
			s := open(t, trace.Options{Filter: test.filter, Buffer: os.Getpagesize()})
			pids := []int{run.PID} // a scan elsewhere may enter the same namespaces
			if !noisy {
				other := newActor()
				other.noise()
				pids = append(pids, other.Run(t, callscript.Options{}).PID)
			}
			run.Go()
			if err := run.Wait(); err != nil {
				t.Fatal(err)
			}
			all := a.expected(run, "visitor")
			var want []trace.Event
			for _, i := range test.want {
				want = append(want, all[i])
			}
			demand(t, of(s.all(), pids...), want)
			s.lostNothing()
		})
	}
	t.Run("none", func(t *testing.T) { // its twin: there is more than the buffer has room for
		s := open(t, trace.Options{Buffer: os.Getpagesize(), Filter: trace.Filter{Comm: "noise"}})
		a := newActor()
		a.noise()
		run := a.Run(t, callscript.Options{Name: "noise"})
		if reported, lost := len(of(s.all(), run.PID)), s.lost(); reported == 0 || lost == 0 || reported+int(lost) != noise {
			t.Errorf("%d events are reported and %d lost, of %d", reported, lost, noise)
		}
	})
}

// visit is an actor that moves in every way, into a house and out of it. The
// files are the house's net and uts and its process.
func visit(noisy bool) *actor {
	a := newActor()
	a.Pause()
	if noisy {
		a.noise()
	}
	a.setns(-1, unix.CLONE_NEWNET)
	a.setns(firstFile, 0)
	a.setns(firstFile, unix.CLONE_NEWIPC)
	a.unshare(unix.CLONE_NEWNET)
	a.unshare(unix.CLONE_NEWIPC)
	a.setns(firstFile+1, unix.CLONE_NEWUTS)
	a.setns(firstFile+2, unix.CLONE_NEWNET|unix.CLONE_NEWIPC)
	a.clone(unix.CLONE_NEWNET|sigchld, nil)
	return a
}

// noise is how many calls noise makes.
const noise = 200

// noise makes new cgroup namespaces.
func (a *actor) noise() {
	a.Loop(noise, func() { a.Call(unix.SYS_UNSHARE, unix.CLONE_NEWCGROUP) })
}

// TestOwnProcess moves a thread of the tracer's own process, which is not reported.
func TestOwnProcess(t *testing.T) {
	s := open(t, trace.Options{})
	onThread(t, func() error { return unix.Unshare(unix.CLONE_NEWUTS) })
	a := newActor()
	a.unshare(unix.CLONE_NEWUTS)
	run := a.Run(t, callscript.Options{})
	events := s.all()
	demand(t, of(events, run.PID), a.expected(run, "callscript"))
	if own := of(events, os.Getpid()); len(own) > 0 {
		t.Errorf("of the own process: %+v", own)
	}
}
