// SPDX-License-Identifier: Apache-2.0

//go:build amd64 || arm64

package trace_test

import (
	"os"
	"runtime"
	"sync/atomic"
	"testing"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/internal/callscript"
	"github.com/nsinspect/nsinspect/internal/testlock"
	"github.com/nsinspect/nsinspect/pkg/ns"
	"github.com/nsinspect/nsinspect/pkg/trace"
)

// threeLoops has three loops share the first CPU, each of which makes n calls and is
// preempted at any moment, inside of a program too where the kernel allows that. It
// returns how many calls are reported, and how many are lost, of whatever kind.
func threeLoops(t *testing.T, n int) (reported, lost int) {
	t.Helper()
	file := newIsolated(t).open(ns.Net)
	s := open(t, trace.Options{Filter: floods})
	var runs []*callscript.Run
	var pids []int
	for range 3 {
		run := flood(t, n, 0, file)
		runs, pids = append(runs, run), append(pids, run.PID)
	}
	done := make(chan error, len(runs))
	for _, r := range runs {
		r.Go()
		go func() { done <- r.Wait() }()
	}
	reported = s.countWhile(done, len(runs), pids...)
	known, unknown := s.lostOf("setns")
	t.Logf("%d reported, %d lost, %d lost of unknown kind", reported, known, unknown)
	return reported, known + unknown
}

// TestThreeOnOneCPU: what is reported and what is lost is all of it, exactly, and nearly all
// is reported.
func TestThreeOnOneCPU(t *testing.T) {
	testlock.Exclusive(t) // a load that others would lose events by
	const n = 3000
	reported, lost := threeLoops(t, n)
	if reported+lost != 3*n || lost > 3*n/100 {
		t.Errorf("%d reported and %d lost, of %d", reported, lost, 3*n)
	}
}

// TestThreeBesideMaps is the same while a thread on that CPU does nothing but change a BPF
// map: where it is preempted in that, kprobes are skipped. No call is uncounted; what is
// skipped meanwhile for other calls is counted too.
func TestThreeBesideMaps(t *testing.T) {
	testlock.Exclusive(t) // a load that others would lose events by
	var stop atomic.Bool
	ended := make(chan error, 1)
	go func() { ended <- changeMap(&stop) }()
	const n = 3000
	reported, lost := threeLoops(t, n)
	stop.Store(true)
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	if reported > 3*n || reported+lost < 3*n {
		t.Errorf("%d reported and %d lost, of %d", reported, lost, 3*n)
	}
}

// changeMap changes a map again and again, on the first CPU.
func changeMap(stop *atomic.Bool) error {
	runtime.LockOSThread() // and ends with it
	var first unix.CPUSet
	first.Set(0)
	if err := unix.SchedSetaffinity(0, &first); err != nil {
		return err
	}
	m, err := ebpf.NewMap(&ebpf.MapSpec{Type: ebpf.Array, KeySize: 4, ValueSize: uint32(os.Getpagesize()), MaxEntries: 1})
	if err != nil {
		return err
	}
	defer m.Close()
	value := make([]byte, os.Getpagesize())
	for !stop.Load() {
		if err := m.Put(uint32(0), value); err != nil {
			return err
		}
	}
	return nil
}
