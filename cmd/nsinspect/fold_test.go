// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/pkg/ns"
	"github.com/nsinspect/nsinspect/pkg/trace"
)

// hop is a thread that goes from one network namespace to another by setns, at a
// millisecond.
func hop(ms, tid int, from, to uint64) trace.Event {
	e := trace.Event{
		Call: trace.Setns, Time: time.Unix(0, 0).Add(time.Duration(ms) * time.Millisecond), PID: tid, TID: tid,
		Comm: "hopper", Flags: unix.CLONE_NEWNET,
	}
	for _, t := range ns.Types() {
		e.From[t], e.To[t] = trace.NS{Inode: 9}, trace.NS{Inode: 9}
	}
	e.From[ns.Net], e.To[ns.Net] = trace.NS{Inode: from}, trace.NS{Inode: to}
	return e
}

func failedHop(ms, tid int, from uint64) trace.Event {
	e := hop(ms, tid, from, from)
	e.Ret, e.Errno = -1, unix.EPERM
	return e
}

// play adds events at the time that they are of, and returns what is printed and
// when: "12 tid@from>to" or "12 tid@from>to>back", by milliseconds.
func play(f *folder, events []trace.Event, until int) []string {
	var printed []string
	drain := func(ms int, all bool) {
		for t := f.next(time.Unix(0, 0).Add(time.Duration(ms)*time.Millisecond), all); t != nil; t = f.next(time.Unix(0, 0).Add(time.Duration(ms)*time.Millisecond), all) {
			line := fmt.Sprintf("%d %d@%d>%d", ms, t.TID, t.From[ns.Net].Inode, t.To[ns.Net].Inode)
			if t.Back != nil {
				line += fmt.Sprintf(">%d", t.Back.To[ns.Net].Inode)
			}
			printed = append(printed, line)
		}
	}
	for ms := range until {
		for i := range events {
			if e := &events[i]; e.Time.Equal(time.Unix(0, 0).Add(time.Duration(ms) * time.Millisecond)) {
				f.add(e, nil, e.Time)
				drain(ms, false)
			}
		}
		drain(ms, false)
	}
	drain(until, true)
	return printed
}

func TestFold(t *testing.T) {
	for name, c := range map[string]struct {
		events []trace.Event
		want   []string
	}{
		"a round trip":          {[]trace.Event{hop(0, 1, 10, 20), hop(3, 1, 20, 10)}, []string{"3 1@10>20>10"}},
		"back too late":         {[]trace.Event{hop(0, 1, 10, 20), hop(15, 1, 20, 10)}, []string{"10 1@10>20", "25 1@20>10"}},
		"never back":            {[]trace.Event{hop(2, 1, 10, 20)}, []string{"12 1@10>20"}},
		"on to a third":         {[]trace.Event{hop(0, 1, 10, 20), hop(2, 1, 20, 30), hop(4, 1, 30, 10)}, []string{"2 1@10>20", "4 1@20>30", "14 1@30>10"}},
		"a trip from a trip":    {[]trace.Event{hop(0, 1, 10, 20), hop(2, 1, 20, 30), hop(4, 1, 30, 20)}, []string{"2 1@10>20", "4 1@20>30>20"}},
		"two trips":             {[]trace.Event{hop(0, 1, 10, 20), hop(1, 1, 20, 10), hop(2, 1, 10, 20), hop(3, 1, 20, 10)}, []string{"1 1@10>20>10", "3 1@10>20>10"}},
		"the order stays":       {[]trace.Event{hop(0, 1, 10, 20), failedHop(1, 2, 10), hop(2, 1, 20, 10)}, []string{"2 1@10>20>10", "2 2@10>10"}},
		"behind one that waits": {[]trace.Event{hop(0, 1, 10, 20), failedHop(1, 2, 10)}, []string{"10 1@10>20", "10 2@10>10"}},
		"a failed call between": {[]trace.Event{hop(0, 1, 10, 20), failedHop(1, 1, 20), hop(2, 1, 20, 10)}, []string{"2 1@10>20>10", "2 1@20>20"}},
		"one's own namespace":   {[]trace.Event{hop(0, 1, 10, 10)}, []string{"0 1@10>10"}},
		"a thread out of sight": {[]trace.Event{hop(0, 0, 10, 20), hop(1, 0, 20, 10)}, []string{"0 0@10>20", "1 0@20>10"}},
		"the origin is unknown": {[]trace.Event{hop(0, 1, 0, 20), hop(1, 1, 20, 10)}, []string{"1 1@0>20", "11 1@20>10"}},
	} {
		if got := play(newFolder(10*time.Millisecond), c.events, 30); !slices.Equal(got, c.want) {
			t.Errorf("%s: printed %q, want %q", name, got, c.want)
		}
	}
	if got := play(newFolder(0), []trace.Event{hop(0, 1, 10, 20), hop(3, 1, 20, 10)}, 5); !slices.Equal(got, []string{"0 1@10>20", "3 1@20>10"}) {
		t.Errorf("without folding: %q", got)
	}
}

// One that returns with more than it left with, or less, made no round trip.
func TestFoldOfTypes(t *testing.T) {
	out, back := hop(0, 1, 10, 20), hop(1, 1, 20, 10)
	out.To[ns.UTS].Inode, back.From[ns.UTS].Inode, back.To[ns.UTS].Inode = 8, 8, 8
	if returns(&out, &back) {
		t.Error("the UTS namespace was not left again")
	}
	back.To[ns.UTS].Inode = 9
	if !returns(&out, &back) {
		t.Error("all was left again")
	}
	back.To[ns.Mnt].Inode = 7
	if returns(&out, &back) {
		t.Error("it came back with another mount namespace")
	}
	clone := hop(0, 1, 10, 20)
	if clone.Call = trace.Clone; moves(&clone) {
		t.Error("a clone moves its caller")
	}
}

// However much comes, nothing is printed twice or never, in its order, and no more
// is held back than the bound.
func TestFoldIsBounded(t *testing.T) {
	f := newFolder(time.Hour)
	r := rand.New(rand.NewPCG(1, 2))
	at, added, printed := map[int]uint64{}, 0, 0
	var last time.Time
	take := func(all bool) {
		for trip := f.next(time.Unix(0, 0), all); trip != nil; trip = f.next(time.Unix(0, 0), all) {
			if printed++; trip.Back != nil {
				printed++
			}
			if trip.Time.Before(last) {
				t.Fatal("out of order")
			}
			last = trip.Time
		}
	}
	for ms := range 5 * maxHeld {
		tid := 1 + r.IntN(2*maxHeld)
		from := at[tid]
		at[tid] = 10 + r.Uint64N(3)
		e := hop(ms, tid, from, at[tid])
		f.add(&e, nil, time.Unix(0, 0))
		added++
		take(false)
		if f.held > maxHeld || len(f.away) > f.held || len(f.ring) > maxHeld {
			t.Fatalf("%d held, %d away, room for %d", f.held, len(f.away), len(f.ring))
		}
	}
	take(true)
	if printed != added || f.held+len(f.away) > 0 {
		t.Errorf("%d of %d printed, %d held, %d away", printed, added, f.held, len(f.away))
	}
}

// What was printed makes room: the queue does not grow with what has passed.
func TestFoldDoesNotGrow(t *testing.T) {
	f := newFolder(time.Second)
	for ms := range 100000 {
		e := hop(ms, 1, 10, 20)
		if ms%2 == 1 {
			e = hop(ms, 1, 20, 10)
		}
		f.add(&e, nil, e.Time)
		f.next(e.Time, false)
	}
	if c := len(f.ring); c > 16 {
		t.Errorf("room for %d events is kept", c)
	}
}
