// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"time"

	"github.com/nsinspect/nsinspect/pkg/ns"
	"github.com/nsinspect/nsinspect/pkg/trace"
	"github.com/nsinspect/nsinspect/pkg/trace/lifecycle"
)

// lifecycleEvery is how often the list of network namespaces is polled.
const lifecycleEvery = 100 * time.Millisecond

// lifecycleWatcher reports the network namespaces that are created, named and freed.
type lifecycleWatcher struct {
	watcher *lifecycle.Watcher
	only    trace.NS // zero for all
	polled  time.Time
}

// newLifecycleWatcher reads those that exist. A trace of some calls only reports the
// namespaces that those have created.
func newLifecycleWatcher(j *traceJob, names *trace.Names) (*lifecycleWatcher, error) {
	lives, err := lifecycle.Open(func(target trace.NS) []string { return names.Names(ns.Net, target) })
	if err != nil {
		return nil, fmt.Errorf("follow network namespaces: %w", err)
	}
	f := j.opts.Filter
	lives.OnlyObserved = f.PID != 0 || f.Comm != "" || j.command != nil
	return &lifecycleWatcher{watcher: lives, only: f.NS}, nil
}

// changes returns what some events have created and, now and then, what else has
// changed.
func (l *lifecycleWatcher) changes(events []trace.Event, now bool) ([]lifecycle.Event, error) {
	reported := l.watcher.Observe(events)
	if now || time.Since(l.polled) >= lifecycleEvery {
		seen, err := l.watcher.Poll()
		if err != nil {
			return nil, err
		}
		reported = append(reported, seen...)
		l.polled = time.Now()
	}
	if l.only == (trace.NS{}) {
		return reported, nil
	}
	kept := reported[:0]
	for _, t := range reported {
		if t.NS == l.only {
			kept = append(kept, t)
		}
	}
	return kept, nil
}
