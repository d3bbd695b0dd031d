// SPDX-License-Identifier: Apache-2.0

package main

import (
	"slices"
	"time"

	"github.com/nsinspect/nsinspect/pkg/owner"
	"github.com/nsinspect/nsinspect/pkg/trace"
	"github.com/nsinspect/nsinspect/pkg/trace/lifecycle"
)

// maxOrdered is how many events a sorter keeps at most, 3 MiB.
const maxOrdered = 4096

// sorter puts calls and what has become of network namespaces in order of time. A call
// comes when it is done, with the time at which it began, so everything waits for calls
// to come that began before. One that takes longer than that comes when it is done.
type sorter struct {
	wait time.Duration // 0 if there are no calls
	held []ordered
}

// ordered is a call, or what has become of a network namespace.
type ordered struct {
	at    time.Time
	call  *trace.Event
	owner *owner.Owner
	life  *lifecycle.Event
}

// add takes one of either. It keeps a copy of the call.
func (s *sorter) add(o ordered) {
	if o.call != nil {
		e := *o.call
		o.call = &e
	}
	s.held = append(s.held, o)
}

// next returns, in order, what need not wait any longer when everything up to a time has
// been read: with all, everything.
func (s *sorter) next(read time.Time, all bool) []ordered {
	slices.SortStableFunc(s.held, func(a, b ordered) int { return a.at.Compare(b.at) })
	n := len(s.held) - maxOrdered
	for n = max(n, 0); n < len(s.held) && (all || !s.held[n].at.Add(s.wait).After(read)); {
		n++
	}
	ready := slices.Clone(s.held[:n])
	s.held = slices.Delete(s.held, 0, n)
	return ready
}
