// SPDX-License-Identifier: Apache-2.0

package trace

import (
	"context"
	"time"

	"github.com/nsinspect/nsinspect/internal/host"
	"github.com/nsinspect/nsinspect/internal/kernel"
	"github.com/nsinspect/nsinspect/pkg/ns"
	"github.com/nsinspect/nsinspect/pkg/owner"
)

const (
	// ownerAge is how long the owner of a process is kept: no PID is reused that
	// soon, as all others are given first (kernel/pid.c, alloc_pid, 6.18).
	ownerAge = 100 * time.Millisecond
	// ownerPatience is how long events wait for their owner.
	ownerPatience = 20 * time.Millisecond
	// ownerLimit is how long all events together wait for one look-up.
	ownerLimit = 10 * ownerPatience
	// mostOwners bounds how many processes are known, and asked about at once.
	mostOwners = 4096
)

// Owners finds the owners of the processes of events, in a goroutine of its own:
// what does not answer soon leaves events without an owner. A process that has ended
// before it was looked up has none. It is for one caller at a time.
type Owners struct {
	known map[int]foundOwner // by PID
	asked chan []int
	found chan map[int]foundOwner
	busy  bool      // asked, and not answered yet
	since time.Time // when that was asked
}

type foundOwner struct {
	*owner.Owner
	born time.Duration // since boot, when the process started, rounded down to a tick; 0 if it has ended
	at   time.Time     // when it was found
}

// NewOwners starts to read the files that runtimes keep of containers. It
// ends with ctx.
func NewOwners(ctx context.Context) *Owners {
	f := &Owners{known: map[int]foundOwner{}, asked: make(chan []int, 1), found: make(chan map[int]foundOwner, 1)}
	go f.serve(ctx)
	return f
}

func (f *Owners) serve(ctx context.Context) {
	h, err := host.Open("/")
	if err != nil {
		return // no owner is known then; without /proc there are worse errors
	}
	defer h.Close()
	x := owner.Read(ctx, owner.Options{Host: h})
	offset := kernel.BootOffset()
	for {
		select {
		case <-ctx.Done():
			return
		case pids := <-f.asked:
			owners := make(map[int]foundOwner, len(pids))
			for _, pid := range pids {
				owners[pid] = findOwner(h, x, ns.TaskID(pid), offset)
			}
			f.found <- owners
		}
	}
}

// findOwner returns the owner of the process that has a PID, with when it started: it is
// that of the events since, and of none before. Where /proc is of another PID namespace,
// whose numbers are not those of the events, it is of nobody. offset is kernel.BootOffset.
func findOwner(h *host.Host, x *owner.Index, pid ns.TaskID, offset time.Duration) foundOwner {
	if !h.OwnTaskIDs() {
		return foundOwner{}
	}
	st, err := h.ReadStat(pid.String())
	if err != nil { // it has ended
		return foundOwner{}
	}
	return foundOwner{Owner: x.Of(pid, st.Born()), born: max(1, st.Born()-offset)}
}

// Update finds the owners of some events, before they are written. It waits until the
// deadline at most, and not at all once a look-up has taken longer than ownerLimit.
func (f *Owners) Update(events []Event, deadline time.Time) {
	if own := time.Now().Add(ownerPatience); own.Before(deadline) {
		deadline = own
	}
	if f.busy && time.Since(f.since) > ownerLimit {
		deadline = time.Now()
	}
	if f.busy && !f.take(deadline) {
		return
	}
	if pids := f.unknown(events); len(pids) > 0 {
		f.busy, f.since = true, time.Now()
		f.asked <- pids
		f.take(deadline)
	}
}

// unknown returns the processes without an owner that was found lately.
func (f *Owners) unknown(events []Event) []int {
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
func (f *Owners) take(deadline time.Time) bool {
	select {
	case owners := <-f.found:
		f.learn(owners)
		return true
	default:
	}
	late := time.NewTimer(time.Until(deadline))
	defer late.Stop()
	select {
	case owners := <-f.found:
		f.learn(owners)
		return true
	case <-late.C:
		return false
	}
}

// learn keeps an answer.
func (f *Owners) learn(owners map[int]foundOwner) {
	f.busy = false
	for pid, o := range owners {
		o.at = time.Now()
		f.known[pid] = o
	}
}

// Find is Of, and reports whether the process was there to be asked.
func (f *Owners) Find(e *Event) (o *owner.Owner, known bool) {
	k := f.known[e.PID]
	return f.Of(e), k.born != 0 && k.born <= e.Boot
}

// Of returns the owner of the process of an event, nil if it has none or that is unknown.
// A process that started after the event is another one, which has its PID by now.
func (f *Owners) Of(e *Event) *owner.Owner {
	o := f.known[e.PID]
	if o.Owner == nil || o.born > e.Boot {
		return nil
	}
	return o.Owner
}
