// SPDX-License-Identifier: Apache-2.0

package main

import (
	"slices"
	"testing"
	"time"

	"github.com/nsinspect/nsinspect/pkg/trace"
	"github.com/nsinspect/nsinspect/pkg/trace/lifecycle"
)

// What comes within the wait is in order of time, and nothing stays behind.
func TestSorter(t *testing.T) {
	at := func(ms int) time.Time { return time.UnixMilli(int64(ms)) }
	s := sorter{wait: 10 * time.Millisecond}
	var got []int64
	take := func(ready []ordered) {
		for _, o := range ready {
			got = append(got, o.at.UnixMilli())
		}
	}
	call := trace.Event{Time: at(7), PID: 7}
	s.add(ordered{at: at(5), life: &lifecycle.Event{Time: at(5)}})
	s.add(ordered{at: at(7), call: &call})
	call.PID = 8 // the reader's batch is used again
	take(s.next(at(12), false))
	if len(got) > 0 {
		t.Errorf("%v is not waited for", got)
	}
	s.add(ordered{at: at(3), call: &call})
	take(s.next(at(15), false))
	take(s.next(at(16), false))
	if want := []int64{3, 5}; !slices.Equal(got, want) {
		t.Errorf("in order %v, want %v", got, want)
	}
	if s.held[0].call.PID != 7 {
		t.Error("a call that waits was overwritten")
	}
	take(s.next(at(16), true))
	if want := []int64{3, 5, 7}; !slices.Equal(got, want) {
		t.Errorf("in the end %v, want %v", got, want)
	}
	for i := range maxOrdered + 5 {
		s.add(ordered{at: at(1000 + i), call: &call})
	}
	if n := len(s.next(at(0), false)); n != 5 || len(s.held) != maxOrdered {
		t.Errorf("%d of too many are passed on, %d stay", n, len(s.held))
	}
}

// A trace knows up to when it has read everything: to the beginning of a look that found
// less than it had room for, or to the last event that it found.
func TestReadUpTo(t *testing.T) {
	begin := time.Now()
	r := &batchReader{}
	b := &batch{events: make([]trace.Event, 2), n: 1}
	if got := r.upTo(b, begin); !got.Equal(begin) {
		t.Errorf("all was read up to %v, want %v", got, begin)
	}
	b.n, b.events[1].Time, b.events[1].Duration = 2, begin.Add(time.Second), ringSlack
	if got := r.upTo(b, begin.Add(time.Minute)); !got.Equal(begin.Add(time.Second)) {
		t.Errorf("of a full batch up to %v, want %v", got, begin.Add(time.Second))
	}
	if got := r.upTo(&batch{events: b.events}, begin); !got.Equal(begin.Add(time.Second)) {
		t.Errorf("it went back to %v", got)
	}
}
