// SPDX-License-Identifier: Apache-2.0

//go:build amd64 || arm64

// Package lifecycle reports which namespaces are created, named and freed.
package lifecycle

import (
	"cmp"
	"slices"
	"time"

	"github.com/nsinspect/nsinspect/internal/bpfreader"
	"github.com/nsinspect/nsinspect/pkg/ns"
	"github.com/nsinspect/nsinspect/pkg/trace"
)

// Kind is what happened to a namespace.
type Kind string

// The kinds.
const (
	Created Kind = "created"
	Named   Kind = "named"   // it has names that it did not have before
	Unnamed Kind = "unnamed" // it has lost names
	Freed   Kind = "freed"   // its last holder has gone
)

// Event is one step in the life of a namespace.
type Event struct {
	Kind Kind
	Type ns.Type
	// Time is when it happened where a call was recorded, and otherwise when it was
	// noticed: it happened at most Within earlier.
	Time   time.Time
	Within time.Duration
	NS     trace.NS      // the cookie is that of a network namespace, and the ID of any other; 0 if unknown
	Names  []string      // Named, Unnamed: those; otherwise all it has or had
	By     *trace.Event  // Created: the call, if it was recorded
	Lived  time.Duration // Freed: how long at most, and at least Within less; 0 if its beginning was not seen
}

// Cookie returns the cookie of a network namespace, 0 if it is unknown or of another type.
func (e *Event) Cookie() uint64 {
	if e.Type != ns.Net {
		return 0
	}
	return e.NS.Cookie
}

// Names has the names of namespaces; *trace.Names does.
type Names interface {
	// Current returns the names of one.
	Current(t ns.Type, target trace.NS) []string
	// Old returns those of Current that are not known to be new.
	Old(t ns.Type, target trace.NS) []string
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

// Watcher follows which namespaces exist. No hook of every kernel reports that one is
// freed: the kernel's own list is polled, which takes a millisecond where there are
// thousands. One that was created and freed between two polls is reported only if the
// call that created it was recorded. Before Linux 6.18 only network namespaces are on a
// list: of those of other types only the calls that create them are reported. Its methods
// are for one goroutine.
type Watcher struct {
	// OnlyObserved leaves out every namespace that was not created by one of the
	// events passed to Observe.
	OnlyObserved bool

	listed   []ns.Type // that are on a list
	unlisted []ns.Type
	list     func(ns.Type) ([]bpfreader.Listed, error)
	close    func() error
	names    Names
	alive    map[id]*state
	inodes   map[inode]id  // the newest of alive with an inode
	waiting  map[id]*state // those of alive with something to report
	opened   time.Time
	polled   time.Time // when the last poll began
	renewed  time.Time // after when names have changed, since the last poll; zero if they have not
	queue    []Event   // to be returned by Events
	last     bool      // no poll comes after this one
}

// id is a namespace: an inode is given again, in every type.
type id struct {
	trace.NS
	typ ns.Type
}

type inode struct {
	typ    ns.Type
	number uint64
}

func (i id) inode() inode { return inode{i.typ, i.Inode} }

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

// Open reads the namespaces of these types that exist, none of which is reported as created,
// nor the names that they have. It needs CAP_BPF and CAP_PERFMON, and Linux 5.10.
func Open(names Names, types []ns.Type) (*Watcher, error) {
	var passes bpfreader.Pass
	for _, t := range types {
		switch {
		case t == ns.Net:
			passes |= bpfreader.Nets
		case bpfreader.HasLists():
			passes |= bpfreader.Lists
		}
	}
	l := newWatcher(names, nil)
	l.close = func() error { return nil }
	if passes != 0 {
		reader, err := bpfreader.Open(bpfreader.Options{Passes: passes})
		if err != nil {
			return nil, err
		}
		l.list, l.close = lister(reader), reader.Close
		for _, refused := range reader.Refused() {
			passes &^= refused.Pass
		}
	}
	for _, t := range types {
		switch {
		case t == ns.Net, passes&bpfreader.Lists != 0:
			l.listed = append(l.listed, t)
		default:
			l.unlisted = append(l.unlisted, t)
		}
	}
	if err := l.begin(); err != nil {
		_ = l.close() // nothing was written
		return nil, err
	}
	return l, nil
}

// lister returns a function that reads the kernel's lists.
func lister(r *bpfreader.Reader) func(ns.Type) ([]bpfreader.Listed, error) {
	return func(t ns.Type) (all []bpfreader.Listed, err error) {
		if t != ns.Net {
			return r.List(uint32(t.Flag()))
		}
		nets, err := r.Nets()
		for i := range nets {
			all = append(all, bpfreader.Listed{Inode: nets[i].Inode, ID: nets[i].Cookie, Refs: nets[i].Refs})
		}
		return all, err
	}
}

func newWatcher(names Names, list func(ns.Type) ([]bpfreader.Listed, error), listed ...ns.Type) *Watcher {
	return &Watcher{listed: listed, list: list, names: names, alive: map[id]*state{}, inodes: map[inode]id{}, waiting: map[id]*state{}}
}

// Unlisted returns the types of which only the calls that create a namespace are reported.
func (l *Watcher) Unlisted() []ns.Type { return l.unlisted }

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

func (l *Watcher) add(target id, n *state) {
	l.alive[target], l.inodes[target.inode()], l.waiting[target] = n, target, n
}

func (l *Watcher) forget(target id) {
	delete(l.alive, target)
	delete(l.waiting, target)
	if l.inodes[target.inode()] == target {
		delete(l.inodes, target.inode())
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
func (l *Watcher) settle(target id, n *state, read time.Time) {
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
		freed := Event{Kind: Freed, Type: target.typ, Time: n.ended, Within: max(n.ended.Sub(n.alive), 0), NS: target.NS, Names: n.names}
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
func (l *Watcher) report(target id, n *state) {
	n.reported = true
	e := Event{Kind: Created, Type: target.typ, Time: n.since, NS: target.NS, Names: n.names, By: n.by}
	if n.by == nil {
		e.Time = time.Now()
		e.Within = e.Time.Sub(n.since)
		if !n.ended.IsZero() {
			n.ended = e.Time // so that it comes after that
		}
	}
	l.queue = append(l.queue, e)
}
