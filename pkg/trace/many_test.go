// SPDX-License-Identifier: Apache-2.0

//go:build amd64 || arm64

package trace_test

import (
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/internal/callscript"
	"github.com/nsinspect/nsinspect/internal/testlock"
	"github.com/nsinspect/nsinspect/pkg/ns"
	"github.com/nsinspect/nsinspect/pkg/trace"
)

// TestManyTasks has more threads alive that have called than the kernel side
// keeps entries: what others call then is reported as whole as before.
func TestManyTasks(t *testing.T) {
	testlock.Exclusive(t) // a load
	const threads = 9000
	h := newIsolated(t)
	s := open(t, trace.Options{})
	crowd := callscript.New()
	crowd.Loop(threads, func() {
		thread := crowd.Call(unix.SYS_CLONE, threadLike, 0, 0, 0, 0)
		crowd.Child(thread, func() {
			crowd.Call(unix.SYS_UNSHARE, 0)
			crowd.Call(unix.SYS_WRITE, 1, ".", 1)
			crowd.Stay()
		})
	})
	crowd.Call(unix.SYS_READ, 0, crowd.Room(1), 1)
	crowd.Call(unix.SYS_EXIT_GROUP, 0)
	many := crowd.Start(t, callscript.Options{Name: "crowd"})
	for range threads {
		many.Paused()
	}
	a := visit(false)
	run := a.Start(t, callscript.Options{Files: []*os.File{h.open(ns.Net), h.open(ns.UTS), h.pidfd}})
	run.Paused()
	run.Go()
	if err := run.Wait(); err != nil {
		t.Fatal(err)
	}
	many.Go()
	if err := many.Wait(); err != nil {
		t.Fatal(err)
	}
	events := s.all()
	demand(t, of(events, run.PID), a.expected(run, "callscript"))
	crowded, partial := of(events, many.PID), 0
	for _, e := range crowded {
		if e.Partial {
			partial++
		}
	}
	if len(crowded) != threads || partial > 0 {
		t.Errorf("%d events of %d threads, %d of them partial", len(crowded), threads, partial)
	}
	s.lostNothing()
}
