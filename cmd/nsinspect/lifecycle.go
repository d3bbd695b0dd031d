// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/nsinspect/nsinspect/pkg/ns"
	"github.com/nsinspect/nsinspect/pkg/trace"
	"github.com/nsinspect/nsinspect/pkg/trace/lifecycle"
)

const (
	// lifecycleEvery is how often the lists of namespaces are polled.
	lifecycleEvery = 100 * time.Millisecond
	// lifecyclePace is how often it is looked whether names have changed.
	lifecyclePace = 25 * time.Millisecond
	// orderWait is how long events wait for calls that began before them.
	orderWait = 80 * time.Millisecond
	// sureAfter is how long a namespace has to exist for a poll to find it: what it takes
	// between two polls, with a margin.
	sureAfter = 2 * lifecycleEvery
	// lastNames is how long names that have just changed are waited for at the end.
	lastNames = 200 * time.Millisecond
)

// missesShorter returns how long a namespace has to exist not to be missed in a
// tier, 0 if that does not matter: every call that creates one is recorded.
func missesShorter(t trace.TierInfo) time.Duration {
	for _, l := range []trace.Limitation{trace.LacksShortLived, trace.LacksCompat32, trace.LacksCalls} {
		if slices.Contains(t.Limitations, l) {
			return sureAfter
		}
	}
	return 0
}

// lifecycleWatcher reports the namespaces that are created, named and freed.
type lifecycleWatcher struct {
	watcher *lifecycle.Watcher
	names   *trace.Names
	only    trace.NS // zero for all
	onlyOf  ns.Type  // its type
	polled  time.Time
}

// newLifecycleWatcher reads those that exist, and their names. A trace of some calls only
// reports the namespaces that those have created.
func newLifecycleWatcher(ctx context.Context, j *traceJob, names *trace.Names) (*lifecycleWatcher, error) {
	if err := names.Ready(ctx); err != nil {
		return nil, fmt.Errorf("read names: %w", err)
	}
	lives, err := lifecycle.Open(names, j.lives)
	if err != nil {
		return nil, fmt.Errorf("follow namespaces: %w", err)
	}
	f := j.opts.Filter
	lives.OnlyObserved = f.PID != 0 || f.Comm != "" || j.command != nil || j.selectsCallers()
	return &lifecycleWatcher{watcher: lives, names: names, only: f.NS, onlyOf: j.nsType}, nil
}

// changes returns what has changed, by some events and, now and then, otherwise, as far
// as it is certain when everything recorded up to a time has been read.
func (l *lifecycleWatcher) changes(events []trace.Event, read time.Time, last bool) ([]lifecycle.Event, error) {
	l.watcher.Observe(events)
	if last {
		l.names.Settle(lastNames)
		all, err := l.watcher.Finish()
		return l.kept(all), err
	}
	if l.names.Follow() || l.watcher.Eager() || time.Since(l.polled) >= lifecycleEvery {
		l.polled = time.Now()
		if err := l.watcher.Poll(); err != nil {
			return nil, err
		}
	}
	return l.kept(l.watcher.Events(read)), nil
}

// kept returns those that --ns selects.
func (l *lifecycleWatcher) kept(all []lifecycle.Event) []lifecycle.Event {
	if l.only == (trace.NS{}) {
		return all
	}
	return slices.DeleteFunc(all, func(e lifecycle.Event) bool {
		known := e.Cookie() != 0 && l.only.Cookie != 0
		return e.Type != l.onlyOf || e.NS.Inode != l.only.Inode || known && e.Cookie() != l.only.Cookie
	})
}
