// SPDX-License-Identifier: Apache-2.0

//go:build amd64 || arm64

// Package lifecycle reports which network namespaces are created, named and freed.
package lifecycle

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/nsinspect/nsinspect/internal/bpfreader"
	"github.com/nsinspect/nsinspect/pkg/ns"
	"github.com/nsinspect/nsinspect/pkg/trace"
)

// Kind is what happened to a network namespace.
type Kind string

// The kinds.
const (
	Created Kind = "created"
	Named   Kind = "named"   // it has names that it did not have before
	Unnamed Kind = "unnamed" // it has lost names
	Freed   Kind = "freed"   // its last holder has gone
)

// Event is one step in the life of a network namespace.
type Event struct {
	Kind Kind
	// Time is when it happened where a call was recorded, and otherwise when it was
	// noticed, which is at most Within later.
	Time   time.Time
	Within time.Duration
	NS     trace.NS
	Names  []string      // Named, Unnamed: those; otherwise all it has or had
	By     *trace.Event  // Created: the call, if it was seen
	Lived  time.Duration // Freed: how long; 0 if its beginning was not seen
}

// Watcher follows which network namespaces exist. No hook of every kernel reports
// that one is freed: the kernel's own list is polled, which takes a millisecond where
// there are thousands. One that was created and freed between two polls is reported
// only if the call that created it was recorded.
type Watcher struct {
	// OnlyObserved leaves out every namespace that was not created by one of the
	// events passed to Observe.
	OnlyObserved bool

	reader *bpfreader.Reader
	names  func(trace.NS) []string
	alive  map[trace.NS]*state
	polled time.Time
}

type state struct {
	created time.Time // zero if it was there before
	names   []string
	seen    bool // on the kernel's list
	before  bool // before the first look
}

// Open reads the namespaces that exist, none of which is reported as created. names
// returns the names of one. It needs CAP_BPF and CAP_PERFMON, and
// Linux 5.10.
func Open(names func(trace.NS) []string) (*Watcher, error) {
	reader, err := bpfreader.Open(bpfreader.Options{Passes: bpfreader.Nets})
	if err != nil {
		return nil, err
	}
	l := &Watcher{reader: reader, names: names, alive: map[trace.NS]*state{}}
	if _, err := l.Poll(); err != nil {
		reader.Close()
		return nil, err
	}
	for _, n := range l.alive {
		n.created = time.Time{}
		n.before = true
	}
	return l, nil
}

// Close unloads the program.
func (l *Watcher) Close() error { return l.reader.Close() }

// Observe returns the namespaces that some events have created. It is called before
// the Poll that comes after them.
func (l *Watcher) Observe(events []trace.Event) []Event {
	var changes []Event
	for i := range events {
		e := &events[i]
		made := (e.Call == trace.Unshare || e.Call == trace.Clone) && e.Flags&trace.FlagOf(ns.Net) != 0 && !e.Failed()
		target := e.To[ns.Net]
		if !made || target.Inode == 0 || l.alive[target] != nil {
			continue
		}
		at := e.Time.Add(e.Duration)
		l.alive[target] = &state{created: at, names: l.names(target)}
		by := *e
		changes = append(changes, Event{Kind: Created, Time: at, NS: target, Names: l.alive[target].names, By: &by})
	}
	return changes
}

// Poll returns what has changed since the last call.
func (l *Watcher) Poll() ([]Event, error) {
	nets, err := l.reader.Nets()
	if err != nil {
		return nil, fmt.Errorf("list network namespaces: %w", err)
	}
	now := time.Now()
	var within time.Duration
	if !l.polled.IsZero() {
		within = now.Sub(l.polled)
	}
	before := l.polled
	l.polled = now
	there := make(map[trace.NS]bool, len(nets))
	var changes []Event
	for _, net := range nets {
		if net.Refs == 0 { // dying: it has no holder, and cannot be entered
			continue
		}
		target := trace.NS{Inode: uint64(net.Inode), Cookie: net.Cookie}
		there[target] = true
		n := l.alive[target]
		if n == nil && l.OnlyObserved {
			continue
		}
		if n == nil {
			n = &state{created: now, names: l.names(target)}
			l.alive[target] = n
			changes = append(changes, Event{Kind: Created, Time: now, Within: within, NS: target, Names: n.names})
		}
		n.seen = true
		if !n.before || !l.OnlyObserved {
			changes = append(changes, l.renamed(target, n, now, within)...)
		}
	}
	for target, n := range l.alive {
		// One that a call created after the list was read is on the next.
		if there[target] || !n.seen && n.created.After(before) {
			continue
		}
		delete(l.alive, target)
		if n.before && l.OnlyObserved {
			continue
		}
		freed := Event{Kind: Freed, Time: now, Within: within, NS: target, Names: n.names}
		if !n.created.IsZero() {
			freed.Lived = now.Sub(n.created)
		}
		changes = append(changes, freed)
	}
	slices.SortStableFunc(changes, func(a, b Event) int { return cmp.Compare(a.NS.Cookie, b.NS.Cookie) })
	return changes, nil
}

// renamed returns which names a namespace has gained and lost.
func (l *Watcher) renamed(target trace.NS, n *state, now time.Time, within time.Duration) []Event {
	names := l.names(target)
	less := func(a, b []string) []string {
		return slices.DeleteFunc(slices.Clone(a), func(s string) bool { return slices.Contains(b, s) })
	}
	var changes []Event
	if gained := less(names, n.names); len(gained) > 0 {
		changes = append(changes, Event{Kind: Named, Time: now, Within: within, NS: target, Names: gained})
	}
	if lost := less(n.names, names); len(lost) > 0 {
		changes = append(changes, Event{Kind: Unnamed, Time: now, Within: within, NS: target, Names: lost})
	}
	n.names = names
	return changes
}
