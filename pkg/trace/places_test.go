// SPDX-License-Identifier: Apache-2.0

//go:build amd64 || arm64

package trace

import (
	"os"
	"testing"
	"time"

	"github.com/nsinspect/nsinspect/internal/kernel"
	"github.com/nsinspect/nsinspect/pkg/ns"
)

// A place is not that of a thread which got the number later, and a place that is old
// not that of one of which nothing shows that it is the same.
func TestPlacesOfReusedNumbers(t *testing.T) {
	self, gone := os.Getpid(), 1<<22 // the greatest number and one more (PID_MAX_LIMIT)
	now := kernel.SinceBoot()
	p := &places{now: map[int]place{}, prune: placesFirst, offset: kernel.BootOffset()}
	born, err := p.bornAt(self)
	if err != nil || born > now {
		t.Fatalf("this process started at %v: %v", born, err)
	}
	where := Set{ns.Net: {Inode: 7}}
	for name, test := range map[string]struct {
		tid  int
		seen time.Duration
		at   time.Duration
		want Set
	}{
		"the same":               {self, now, now + time.Hour, where},
		"another one by now":     {self, born - time.Second, now + time.Hour, Set{}},
		"ended, a moment ago":    {gone, now, now + placeTrust/2, where},
		"ended, it may be other": {gone, now, now + time.Hour, Set{}},
		"no number":              {0, now, now, Set{}},
	} {
		p.put(test.tid, where, test.seen)
		if got := p.at(test.tid, test.at); got != test.want {
			t.Errorf("%s: it was in %v, want %v", name, got, test.want)
		}
		delete(p.now, test.tid)
	}
	if to := p.visit(self, born-time.Second); to != (Set{}) {
		t.Errorf("a process that had started later was visited in %v", to)
	}
	if to := p.visit(self, now); to[ns.Net] != whereIs(self)[ns.Net] || to[ns.Net].Inode == 0 {
		t.Errorf("this process was visited in %v", to)
	}
}

// A table that is full of threads which have not ended is not searched at every event.
func TestPlacesFull(t *testing.T) {
	p := &places{now: map[int]place{1: {}, os.Getpid(): {}}, prune: 2}
	p.put(os.Getpid(), Set{}, 1)
	if p.prune != placesFirst {
		t.Errorf("the next search is at %d, want %d", p.prune, placesFirst)
	}
	for tid := range placesFirst {
		p.now[-tid-1] = place{} // of none: all are dropped
	}
	p.put(os.Getpid(), Set{}, 1)
	if len(p.now) != 2 {
		t.Errorf("%d places, want 2", len(p.now))
	}
}
