// SPDX-License-Identifier: Apache-2.0

package main

import (
	"time"

	"github.com/nsinspect/nsinspect/internal/render"
	"github.com/nsinspect/nsinspect/pkg/ns"
	"github.com/nsinspect/nsinspect/pkg/owner"
	"github.com/nsinspect/nsinspect/pkg/trace"
	"github.com/nsinspect/nsinspect/pkg/trace/lifecycle"
)

// maxHeld is how many events a folder holds back at most, 3 MiB with those that
// were folded into them. Beyond it the oldest is printed as it is.
const maxHeld = 2048

// folder joins a thread's quick round trip into one event: away, and back to
// where it was within a time. An event that takes a thread away is held back for
// that time at most, and everything behind it waits with it, so that the order
// stays. The zero time folds nothing.
type folder struct {
	within  time.Duration
	ring    []heldEvent // the held ones are those numbered printed to printed+held-1, each at its number modulo the length
	printed int         // how many have been printed, ever
	held    int
	away    map[int]int // thread → number of the event that took it away
}

type heldEvent struct {
	render.Trip
	life  *lifecycle.Event // in place of a call; nil for a call
	until time.Time        // when it is printed at the latest; zero for at once
}

func newFolder(within time.Duration) *folder {
	return &folder{within: within, away: map[int]int{}, ring: make([]heldEvent, 16)}
}

// number returns the event of a number.
func (f *folder) number(n int) *heldEvent { return &f.ring[n%len(f.ring)] }

// add takes an event that has come now, and its owner.
func (f *folder) add(e *trace.Event, o *owner.Owner, now time.Time) {
	until := time.Time{}
	if f.within > 0 && e.TID != 0 && moves(e) {
		if n, ok := f.away[e.TID]; ok {
			out := f.number(n)
			out.until = time.Time{} // whatever comes of it, it waits no longer
			delete(f.away, e.TID)
			if returns(&out.Event, e) && e.Time.Sub(out.Time) <= f.within {
				back := *e
				out.Back = &back
				return
			}
		}
		until = now.Add(f.within)
		f.away[e.TID] = f.printed + f.held
	}
	h := f.room()
	h.Event, h.Back, h.Owner, h.life, h.until = *e, nil, o, nil, until
}

// addLife takes what has become of a network namespace: it waits for the events before
// it only.
func (f *folder) addLife(l *lifecycle.Event) {
	h := f.room()
	h.Trip, h.life, h.until = render.Trip{}, l, time.Time{}
}

// room returns the place of one more event.
func (f *folder) room() *heldEvent {
	if f.held == len(f.ring) {
		f.grow()
	}
	f.held++
	return f.number(f.printed + f.held - 1)
}

func (f *folder) grow() {
	wider := folder{ring: make([]heldEvent, 2*len(f.ring))}
	for n := f.printed; n < f.printed+f.held; n++ {
		*wider.number(n) = *f.number(n)
	}
	f.ring = wider.ring
}

// next returns the oldest event if it need not wait any longer, nil if there is
// none or it has to. It is valid until the next call of add.
func (f *folder) next(now time.Time, all bool) *heldEvent {
	if f.held == 0 {
		return nil
	}
	h := f.number(f.printed)
	if !all && now.Before(h.until) && f.held < maxHeld {
		return nil
	}
	if n, ok := f.away[h.TID]; ok && n == f.printed {
		delete(f.away, h.TID)
	}
	f.printed++
	f.held--
	return h
}

// moves reports whether a call moved its own thread.
func moves(e *trace.Event) bool {
	if e.Call == trace.Clone {
		return false
	}
	for _, t := range ns.Types() {
		if e.Moved(t) {
			return true
		}
	}
	return false
}

// returns reports whether a thread is back where it was before it left.
func returns(out, back *trace.Event) bool {
	for _, t := range ns.Types() {
		left := out.Moved(t)
		if left && (out.From[t].Inode == 0 || back.To[t] != out.From[t]) || !left && back.Moved(t) {
			return false
		}
	}
	return true
}
