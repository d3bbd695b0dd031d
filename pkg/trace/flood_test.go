// SPDX-License-Identifier: Apache-2.0

//go:build amd64 || arm64

package trace_test

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/internal/callscript"
	"github.com/nsinspect/nsinspect/internal/testlock"
	"github.com/nsinspect/nsinspect/pkg/ns"
	"github.com/nsinspect/nsinspect/pkg/trace"
)

// longEnv has these tests run as long as what they show was promised for.
const longEnv = "NSINSPECT_TRACE_LONG"

func long(short, long int) int {
	if os.Getenv(longEnv) != "" {
		return long
	}
	return short
}

// flood is a script that waits on a CPU of its own, and then calls setns of its
// first file n times.
func flood(t testing.TB, n, cpu int, file *os.File) *callscript.Run {
	t.Helper()
	s := callscript.New()
	s.Call(unix.SYS_SCHED_SETAFFINITY, 0, 8, s.Words(1<<cpu))
	s.Pause()
	s.Loop(n, func() { s.Call(unix.SYS_SETNS, firstFile, unix.CLONE_NEWNET) })
	run := s.Start(t, callscript.Options{Name: floods.Comm, Files: []*os.File{file}})
	run.Paused()
	return run
}

// floods leaves out, and out of what is lost, what others on this machine do. The
// floods of other tests have other names.
var floods = trace.Filter{Comm: fmt.Sprintf("flood-%d", os.Getpid())}

// TestCount has two loops at once call setns as fast as they can, on one CPU that
// the reader has to share: what is reported and what is lost is all of it, exactly.
func TestCount(t *testing.T) {
	testlock.Exclusive(t) // a load that others would lose events by
	file := newIsolated(t).open(ns.Net)
	n := long(50_000, 200_000)
	for range long(3, 20) {
		// The default buffer, and one that has to lose.
		for name, buffer := range map[string]int{"default": 0, "small": 1 << 16} {
			t.Run(name, func(t *testing.T) { countTwo(t, file, n, buffer) })
		}
	}
}

func countTwo(t *testing.T, file *os.File, n, buffer int) {
	s := open(t, trace.Options{Buffer: buffer, Filter: floods})
	runs := []*callscript.Run{flood(t, n, 0, file), flood(t, n, 0, file)}
	start := time.Now()
	done := make(chan error, len(runs))
	for _, r := range runs {
		r.Go()
		go func() { done <- r.Wait() }()
	}
	reported := s.countWhile(done, len(runs), runs[0].PID, runs[1].PID)
	took := time.Since(start)
	lost, unknown := s.lostOf("setns")
	if reported+lost != 2*n || unknown != 0 {
		t.Errorf("%d reported and %d lost of %d, %d lost of unknown kind", reported, lost, 2*n, unknown)
	}
	t.Logf("%d calls in %v, %d lost", 2*n, took.Round(time.Millisecond), lost)
}

// countWhile reads until all are done and what was recorded is read, and counts
// the setns of these processes.
func (s *session) countWhile(done <-chan error, all int, pids ...int) (reported int) {
	s.t.Helper()
	batch := make([]trace.Event, 1024)
	for ended := 0; ; {
		select {
		case err := <-done:
			if err != nil {
				s.t.Error(err)
			}
			if ended++; ended == all {
				s.end()
			}
		default:
		}
		n, err := s.ReadBatch(batch)
		for _, e := range batch[:n] {
			if e.Call == trace.Setns && slices.Contains(pids, e.PID) {
				reported++
			}
		}
		if errors.Is(err, trace.ErrClosed) {
			return reported
		}
		if err != nil {
			s.t.Fatal(err)
		}
	}
}

// lostOf returns how many of a kind are lost, and how many of no known kind.
func (s *session) lostOf(kind string) (of, unknown int) {
	s.t.Helper()
	losses, err := s.Lost()
	if err != nil {
		s.t.Fatal(err)
	}
	for _, l := range losses {
		switch l.Kind {
		case kind:
			of = int(l.Total)
		case "unknown":
			unknown = int(l.Total)
		}
	}
	return of, unknown
}

// TestSteady makes 20,000 calls a second, evenly: none of them is lost.
func TestSteady(t *testing.T) {
	testlock.Exclusive(t) // it goes before all others, and measures
	const everyMS = 20
	n := long(2, 30) * 1000 * everyMS
	file := newIsolated(t).open(ns.Net)
	s := open(t, trace.Options{})
	script := callscript.New()
	// Before others where that is allowed, so that it keeps its pace on a busy machine.
	script.Call(unix.SYS_SCHED_SETSCHEDULER, 0, unix.SCHED_FIFO, script.Words(1))
	// Absolute times, so that lateness does not add up.
	period := script.Words(0, 1_000_000, 0, 1_000_000) // struct itimerspec
	timer := script.Call(unix.SYS_TIMERFD_CREATE, unix.CLOCK_MONOTONIC, 0)
	script.Call(unix.SYS_TIMERFD_SETTIME, timer, 0, period, 0)
	expired := script.Room(8)
	script.Loop(n/everyMS, func() {
		script.Call(unix.SYS_READ, timer, expired, 8)
		for range everyMS {
			script.Call(unix.SYS_SETNS, firstFile, 0)
		}
	})
	start := time.Now()
	run := script.Start(t, callscript.Options{Files: []*os.File{file}})
	done := make(chan error, 1)
	go func() { done <- run.Wait() }()
	reported := s.countWhile(done, 1, run.PID)
	t.Logf("%d calls in %v", n, time.Since(start).Round(time.Millisecond))
	if reported != n {
		t.Errorf("%d reported of %d", reported, n)
	}
	s.lostNothing()
}

// TestNoReader has nobody read: the traced loop comes to its end, the buffer
// holds what it can, what it cannot is counted, and memory stays as it is.
func TestNoReader(t *testing.T) {
	testlock.Exclusive(t) // a load that others would lose events by
	file := newIsolated(t).open(ns.Net)
	n := long(100_000, 1_000_000)
	s := open(t, trace.Options{Buffer: 1 << 20, Filter: floods})
	run := flood(t, n, 0, file)
	before := residentKB(t)
	run.Go()
	if err := run.Wait(); err != nil {
		t.Fatal(err)
	}
	after := residentKB(t)
	lost, unknown := s.lostOf("setns")
	reported := len(of(s.all(), run.PID))
	t.Logf("%d calls: %d reported, %d lost; memory %d KiB before and %d after", n, reported, lost, before, after)
	if reported+lost != n || unknown != 0 || reported == 0 || lost == 0 {
		t.Errorf("%d reported and %d lost of %d, %d of unknown kind", reported, lost, n, unknown)
	}
	if after > before+4096 {
		t.Errorf("memory grew from %d to %d KiB", before, after)
	}
}

// residentKB returns what this process has in memory, in KiB.
func residentKB(t testing.TB) int {
	t.Helper()
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		t.Fatal(err)
	}
	var total, resident int
	if _, err := fmt.Sscan(string(text), &total, &resident); err != nil {
		t.Fatal(err)
	}
	return resident * os.Getpagesize() / 1024
}
