// SPDX-License-Identifier: Apache-2.0

//go:build amd64 || arm64

// Package lifecycle reports which network namespaces are created, named and freed.
package lifecycle

import (
	"cmp"
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
	// noticed: it happened at most Within earlier.
	Time   time.Time
	Within time.Duration
	NS     trace.NS
	Names  []string      // Named, Unnamed: those; otherwise all it has or had
	By     *trace.Event  // Created: the call, if it was recorded
	Lived  time.Duration // Freed: how long at most, and at least Within less; 0 if its beginning was not seen
}

// Names has the names of network namespaces; *trace.Names does.
type Names interface {
	// Current returns the names of one.
	Current(target trace.NS) []string
	// Old returns those of Current that are not known to be new.
	Old(target trace.NS) []string
	// Since returns the time after which what Current returns can have changed, since
	// the last call; zero if it has not.
	Since() time.Time
}

const (
	// settling is how long the event of a call may come after the namespace that it
	// creates is on the kernel's list: its thread may have to wait for a CPU.
	settling = 150 * time.Millisecond
	// parting is how long a namespace may be without a name before that is reported:
	// as a rule the last name was its last holder, and it is freed.
	parting = 30 * time.Millisecond
)

// Watcher follows which network namespaces exist. No hook of every kernel reports
// that one is freed: the kernel's own list is polled, which takes a millisecond where
// there are thousands. One that was created and freed between two polls is reported
// only if the call that created it was recorded. Its methods are for one goroutine.
type Watcher struct {
	// OnlyObserved leaves out every namespace that was not created by one of the
	// events passed to Observe.
	OnlyObserved bool

	list    func() ([]bpfreader.Net, error)
	close   func() error
	names   Names
	alive   map[trace.NS]*state
	inodes  map[uint64]trace.NS // the newest of alive with an inode
	waiting map[trace.NS]*state // those of alive with something to report
	opened  time.Time
	polled  time.Time // when the last poll began
	renewed time.Time // after when names have changed, since the last poll; zero if they have not
	queue   []Event   // to be returned by Events
	last    bool      // no poll comes after this one
}

// state is what is known of one namespace.
type state struct {
	since    time.Time // it was created later, or then; zero if it was there before
	listed   time.Time // when the kernel's list had it first; zero if it had not
	by       *trace.Event
	names    []string
	lost     time.Time // when it was first seen without its names; zero if it has them
	lostFrom time.Time // after when it lost them
	ended    time.Time // when it was found to be freed; zero if it is not
	alive    time.Time // it was alive then
	before   bool      // it was there before the first look
	reported bool      // as created
	guessed  bool      // its cookie is not known yet
}

// Open reads the namespaces that exist, none of which is reported as created, nor the
// names that they have. It needs CAP_BPF and CAP_PERFMON, and Linux 5.10.
func Open(names Names) (*Watcher, error) {
	reader, err := bpfreader.Open(bpfreader.Options{Passes: bpfreader.Nets})
	if err != nil {
		return nil, err
	}
	l := newWatcher(names, reader.Nets)
	l.close = reader.Close
	if err := l.begin(); err != nil {
		reader.Close()
		return nil, err
	}
	return l, nil
}

func newWatcher(names Names, list func() ([]bpfreader.Net, error)) *Watcher {
	return &Watcher{
		list: list, names: names,
		alive: map[trace.NS]*state{}, inodes: map[uint64]trace.NS{}, waiting: map[trace.NS]*state{},
	}
}

// begin reads what there is before anything is reported.
func (l *Watcher) begin() error {
	if err := l.Poll(); err != nil {
		return err
	}
	for _, n := range l.alive {
		n.since, n.before, n.reported = time.Time{}, true, true
	}
	clear(l.waiting)
	l.queue, l.opened = nil, l.polled
	return nil
}

// Close unloads the program.
func (l *Watcher) Close() error { return l.close() }

// Eager reports whether the next Poll should come soon: a name may have been the last
// holder of its namespace.
func (l *Watcher) Eager() bool {
	for _, n := range l.waiting {
		if !n.lost.IsZero() && n.ended.IsZero() {
			return true
		}
	}
	return false
}

// Observe takes what some events have created. It is called before the Poll that comes
// after them.
func (l *Watcher) Observe(events []trace.Event) {
	for i := range events {
		if e := &events[i]; creates(e) {
			l.created(e)
		}
	}
}

// creates reports whether a call has created a network namespace.
func creates(e *trace.Event) bool {
	made := (e.Call == trace.Unshare || e.Call == trace.Clone) && e.Flags&trace.FlagOf(ns.Net) != 0
	return made && e.Succeeded() && e.To[ns.Net].Inode != 0
}

// created takes the namespace that a call has created.
func (l *Watcher) created(e *trace.Event) {
	target, end := e.To[ns.Net], e.Time.Add(e.Duration)
	known, there := l.inodes[target.Inode]
	if target.Cookie != 0 {
		known, there = target, l.alive[target] != nil
	}
	if there {
		n := l.alive[known]
		switch {
		case !n.reported && n.by == nil:
			by := *e
			n.by, n.since = &by, end
			if n.alive.Before(end) {
				n.alive = end
			}
			return
		case target.Cookie != 0, n.by == nil && !n.before, e.Time.Before(l.opened):
			return // it was reported already, or was there
		}
		if n.ended.IsZero() { // its inode has been given again
			n.ended = end.Add(-1)
			l.waiting[known] = n
		}
		l.settle(known, n, end)
	}
	by := *e
	n := &state{since: end, alive: end, by: &by, names: l.names.Current(target), guessed: target.Cookie == 0}
	l.add(target, n)
}

func (l *Watcher) add(target trace.NS, n *state) {
	l.alive[target], l.inodes[target.Inode], l.waiting[target] = n, target, n
}

func (l *Watcher) forget(target trace.NS) {
	delete(l.alive, target)
	delete(l.waiting, target)
	if l.inodes[target.Inode] == target {
		delete(l.inodes, target.Inode)
	}
}

// Events returns, in order of time, what is certain once all events up to a time have
// been passed to Observe.
func (l *Watcher) Events(read time.Time) []Event {
	for target, n := range l.waiting {
		l.settle(target, n, read)
	}
	slices.SortStableFunc(l.queue, func(a, b Event) int {
		return cmp.Or(a.Time.Compare(b.Time), cmp.Compare(a.NS.Cookie, b.NS.Cookie))
	})
	n := 0
	for n < len(l.queue) && !l.queue[n].Time.After(read) {
		n++
	}
	ready := slices.Clone(l.queue[:n])
	l.queue = append(l.queue[:0], l.queue[n:]...)
	return ready
}

// settle queues that a namespace was created and freed, as far as that is certain once
// all events up to a time are known.
func (l *Watcher) settle(target trace.NS, n *state, read time.Time) {
	if !n.reported {
		switch {
		case n.by != nil && n.guessed && n.ended.IsZero():
			return // the next poll has its cookie
		case n.by == nil && read.Before(n.listed.Add(settling)) && (target.Cookie != 0 || n.ended.IsZero()):
			return // its call may come
		}
		l.report(target, n)
	}
	if !n.ended.IsZero() {
		freed := Event{Kind: Freed, Time: n.ended, Within: max(n.ended.Sub(n.alive), 0), NS: target, Names: n.names}
		if !n.since.IsZero() {
			freed.Lived = max(n.ended.Sub(n.since), 1)
		}
		l.queue = append(l.queue, freed)
		l.forget(target)
		return
	}
	if n.lost.IsZero() {
		delete(l.waiting, target)
	}
}

// report queues that a namespace was created.
func (l *Watcher) report(target trace.NS, n *state) {
	n.reported = true
	e := Event{Kind: Created, Time: n.since, NS: target, Names: n.names, By: n.by}
	if n.by == nil {
		e.Time = time.Now()
		e.Within = e.Time.Sub(n.since)
		if !n.ended.IsZero() {
			n.ended = e.Time // so that it comes after that
		}
	}
	l.queue = append(l.queue, e)
}
