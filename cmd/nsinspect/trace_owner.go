// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/internal/host"
	"github.com/nsinspect/nsinspect/pkg/ns"
	"github.com/nsinspect/nsinspect/pkg/owner"
	"github.com/nsinspect/nsinspect/pkg/trace"
)

const (
	// ownerAge is how long the owner of a process is kept: no PID is reused that
	// soon, as all others are given first (kernel/pid.c, alloc_pid, 6.18).
	ownerAge = 100 * time.Millisecond
	// ownerSlack is how far the clocks of events and of start times may be apart: those
	// count in ticks.
	ownerSlack = 2 * host.Tick
	// ownerPatience is how long events wait for their owner.
	ownerPatience = 20 * time.Millisecond
	// mostOwners bounds how many processes are known, and asked about at once.
	mostOwners = 4096
)

// ownerFinder finds the owners of the processes of events, in a goroutine of its own:
// what does not answer soon leaves events without an owner. A process that has ended
// before it was looked up has none.
type ownerFinder struct {
	known map[int]foundOwner // by PID
	asked chan []int
	found chan map[int]foundOwner
	busy  bool // asked, and not answered yet
}

type foundOwner struct {
	*owner.Owner
	born time.Time // when the process started; zero if it has ended
	at   time.Time // when it was found
}

// newOwnerFinder starts to read the files that runtimes keep of containers. It
// ends with ctx.
func newOwnerFinder(ctx context.Context) *ownerFinder {
	f := &ownerFinder{known: map[int]foundOwner{}, asked: make(chan []int, 1), found: make(chan map[int]foundOwner, 1)}
	go f.serve(ctx)
	return f
}

func (f *ownerFinder) serve(ctx context.Context) {
	h, err := host.Open("/")
	if err != nil {
		return // no owner is known then; without /proc there are worse errors
	}
	defer h.Close()
	x := owner.Read(ctx, owner.Options{Host: h})
	boot := bootTime()
	for {
		select {
		case <-ctx.Done():
			return
		case pids := <-f.asked:
			owners := make(map[int]foundOwner, len(pids))
			for _, pid := range pids {
				owners[pid] = findOwner(h, x, ns.TaskID(pid), boot)
			}
			f.found <- owners
		}
	}
}

// findOwner returns the owner of the process that has a PID, with when it started: it is
// that of the events since, and of none before. Where /proc is of another PID namespace,
// whose numbers are not those of the events, it is of nobody.
func findOwner(h *host.Host, x *owner.Index, pid ns.TaskID, boot time.Time) foundOwner {
	if !h.OwnTaskIDs() {
		return foundOwner{}
	}
	st, err := h.ReadStat(pid.String())
	if err != nil { // it has ended
		return foundOwner{}
	}
	return foundOwner{Owner: x.Of(pid, st.Born()), born: boot.Add(st.Born())}
}

// bootTime returns the wall clock's time at boot, as the start times in /proc count from it.
// Both are of this process's time namespace.
func bootTime() time.Time {
	var ts unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_BOOTTIME, &ts) // cannot fail: there since Linux 2.6.39
	return time.Now().Round(0).Add(-time.Duration(ts.Nano()))
}

// update finds the owners of some events, before they are written. It waits until the
// deadline at most.
func (f *ownerFinder) update(events []trace.Event, deadline time.Time) {
	if own := time.Now().Add(ownerPatience); own.Before(deadline) {
		deadline = own
	}
	if f.busy && !f.take(deadline) {
		return
	}
	if pids := f.unknown(events); len(pids) > 0 {
		f.busy = true
		f.asked <- pids
		f.take(deadline)
	}
}

// unknown returns the processes without an owner that was found lately.
func (f *ownerFinder) unknown(events []trace.Event) []int {
	now := time.Now()
	if len(f.known) > mostOwners {
		clear(f.known)
	}
	var pids []int
	for i := range events {
		pid := events[i].PID
		if k, ok := f.known[pid]; pid == 0 || ok && now.Sub(k.at) < ownerAge || len(pids) == mostOwners {
			continue
		}
		f.known[pid] = foundOwner{at: now}
		pids = append(pids, pid)
	}
	return pids
}

// take waits for an answer, and reports whether it came.
func (f *ownerFinder) take(deadline time.Time) bool {
	late := time.NewTimer(time.Until(deadline))
	defer late.Stop()
	select {
	case owners := <-f.found:
		f.busy = false
		for pid, o := range owners {
			o.at = time.Now()
			f.known[pid] = o
		}
		return true
	case <-late.C:
		return false
	}
}

// of returns the owner of the process of an event, nil if it has none or that is unknown.
// A process that started after the event is another one, which has its PID by now.
func (f *ownerFinder) of(e *trace.Event) *owner.Owner {
	o := f.known[e.PID]
	if o.Owner == nil || o.born.After(e.Time.Add(ownerSlack)) {
		return nil
	}
	return o.Owner
}
