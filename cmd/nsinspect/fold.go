// SPDX-License-Identifier: Apache-2.0

package main

import (
	"time"

	"github.com/nsinspect/nsinspect/internal/render"
	"github.com/nsinspect/nsinspect/pkg/scan"
	"github.com/nsinspect/nsinspect/pkg/trace"
)

// maxHeld is how many events a folder holds back at most, about 6 MiB. Beyond it
// the oldest is told unfolded.
const maxHeld = 8192

// folder joins a thread's quick round trip into one event: away, and back to
// where it was within a time. An event that takes a thread away is held back for
// that time at most, and everything behind it waits with it, so that the order
// stays. The zero time folds nothing.
type folder struct {
	within time.Duration
	held   []heldEvent
	told   int         // how many events have left at the front, ever
	away   map[int]int // thread → which event, counted as told is, took it away
}

type heldEvent struct {
	trip  render.Trip
	until time.Time // when it is told at the latest; zero for at once
}

func newFolder(within time.Duration) *folder {
	return &folder{within: within, away: map[int]int{}}
}

// add takes an event that has come now.
func (f *folder) add(e *trace.Event, now time.Time) {
	h := heldEvent{trip: render.Trip{Event: *e}}
	if f.within > 0 && e.TID != 0 && moves(e) {
		if at, ok := f.away[e.TID]; ok {
			out := &f.held[at-f.told]
			out.until = time.Time{} // whatever comes of it, it waits no longer
			delete(f.away, e.TID)
			if returns(&out.trip.Event, e) && e.Time.Sub(out.trip.Time) <= f.within {
				out.trip.Back = &h.trip.Event
				return
			}
		}
		h.until = now.Add(f.within)
		f.away[e.TID] = f.told + len(f.held)
	}
	f.held = append(f.held, h)
}

// next returns the oldest event if it need not wait any longer, nil if there is
// none or it has to. It is valid until the next call of add.
func (f *folder) next(now time.Time, all bool) *render.Trip {
	if len(f.held) == 0 {
		return nil
	}
	h := &f.held[0]
	if !all && now.Before(h.until) && len(f.held) < maxHeld {
		return nil
	}
	if at, ok := f.away[h.trip.TID]; ok && at == f.told {
		delete(f.away, h.trip.TID)
	}
	f.held = f.held[1:]
	f.told++
	return &h.trip
}

// moves reports whether a call moved its own thread.
func moves(e *trace.Event) bool {
	if e.Call == trace.Clone {
		return false
	}
	for _, t := range scan.Types() {
		if e.Moved(t) {
			return true
		}
	}
	return false
}

// returns reports whether a thread is back where it was before it left.
func returns(out, back *trace.Event) bool {
	for _, t := range scan.Types() {
		left := out.Moved(t)
		if left && (out.From[t].Inode == 0 || back.To[t] != out.From[t]) || !left && back.Moved(t) {
			return false
		}
	}
	return true
}
