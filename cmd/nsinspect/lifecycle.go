// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"time"

	"github.com/nsinspect/nsinspect/pkg/ns"
	"github.com/nsinspect/nsinspect/pkg/trace"
	"github.com/nsinspect/nsinspect/pkg/trace/lifecycle"
)

// livesEvery is how often it is looked which network namespaces there are.
const livesEvery = 100 * time.Millisecond

// lifeTeller tells which network namespaces are made, named and freed.
type lifeTeller struct {
	lives  *lifecycle.Watcher
	only   trace.NS // zero for all
	looked time.Time
}

// newLifeTeller looks at those that there are. A trace of some calls only tells
// of the namespaces that those have made.
func newLifeTeller(j *traceJob, names *trace.Names) (*lifeTeller, error) {
	lives, err := lifecycle.Open(func(target trace.NS) []string { return names.Names(ns.Net, target) })
	if err != nil {
		return nil, fmt.Errorf("follow network namespaces: %w", err)
	}
	f := j.opts.Filter
	lives.OnlyObserved = f.PID != 0 || f.Comm != "" || j.command != nil
	return &lifeTeller{lives: lives, only: f.NS}, nil
}

// tell returns what some events have made and, now and then, what else has
// changed.
func (l *lifeTeller) tell(events []trace.Event, now bool) ([]lifecycle.Event, error) {
	told := l.lives.Observe(events)
	if now || time.Since(l.looked) >= livesEvery {
		seen, err := l.lives.Poll()
		if err != nil {
			return nil, err
		}
		told = append(told, seen...)
		l.looked = time.Now()
	}
	if l.only == (trace.NS{}) {
		return told, nil
	}
	kept := told[:0]
	for _, t := range told {
		if t.NS == l.only {
			kept = append(kept, t)
		}
	}
	return kept, nil
}
