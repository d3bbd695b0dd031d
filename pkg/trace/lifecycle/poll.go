// SPDX-License-Identifier: Apache-2.0

//go:build amd64 || arm64

package lifecycle

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/nsinspect/nsinspect/internal/bpfreader"
	"github.com/nsinspect/nsinspect/pkg/trace"
)

// patience is how long the kernel's list may change too fast to be read whole.
const patience = 10 * time.Second

// Finish is the last Poll, and all that Events would return later. A namespace that no
// call and no Poll before has shown is not reported: it may be newer than the last event.
func (l *Watcher) Finish() ([]Event, error) {
	l.last = true
	if err := l.Poll(); err != nil {
		return nil, err
	}
	for _, n := range l.alive {
		n.guessed = false
	}
	return l.Events(time.Now().Add(time.Hour)), nil
}

// Poll looks at what has changed since the last call, for Events to return.
func (l *Watcher) Poll() error {
	began := time.Now()
	if since := l.names.Since(); l.renewed.IsZero() {
		l.renewed = since
	}
	lists, err := l.readLists()
	if errors.Is(err, bpfreader.ErrIncomplete) && began.Sub(l.polled) < patience {
		return nil // the next one covers this one's time
	}
	if err != nil {
		return err
	}
	at := look{began: began, ended: time.Now(), before: l.polled, named: l.renewed}
	if at.named.IsZero() {
		at.named = l.polled
	}
	l.renewed = time.Time{}
	there := map[id]bool{}
	for i, list := range lists {
		for _, one := range list {
			if one.Refs == 0 { // dying: it has no holder, and cannot be entered
				continue
			}
			target := id{trace.NS{Inode: uint64(one.Inode), Cookie: one.ID}, l.listed[i]}
			there[target] = true
			if n := l.find(target, &at); n != nil {
				n.alive = began
				l.renamed(target, n, &at)
			}
		}
	}
	for target, n := range l.alive {
		if there[target] || !n.ended.IsZero() {
			continue
		}
		if n.before && l.OnlyObserved {
			l.forget(target)
			continue
		}
		n.ended = at.ended
		l.waiting[target] = n
	}
	l.polled = began
	return nil
}

// readLists returns the kernel's lists, in the order of the types.
func (l *Watcher) readLists() (all [][]bpfreader.Listed, err error) {
	for _, t := range l.listed {
		list, err := l.list(t)
		if err != nil {
			return nil, fmt.Errorf("list %s namespaces: %w", t, err)
		}
		all = append(all, list)
	}
	return all, nil
}

// look is one poll.
type look struct {
	began, ended time.Time
	before       time.Time // when the poll before it began
	named        time.Time // after when names have changed
}

// find returns the state of a namespace on the kernel's list, nil if it is of no
// interest.
func (l *Watcher) find(target id, at *look) *state {
	if n := l.alive[target]; n != nil {
		n.guessed = false
		return n
	}
	guess := id{trace.NS{Inode: target.Inode}, target.typ}
	if n := l.alive[guess]; n != nil && n.guessed {
		l.forget(guess)
		n.guessed, n.names = false, l.names.Current(target.typ, target.NS)
		l.add(target, n)
		return n
	}
	if l.OnlyObserved || l.last { // in the end, its call may come after the last event
		return nil
	}
	n := &state{since: at.before, listed: at.ended, names: l.names.Current(target.typ, target.NS)}
	l.add(target, n)
	return n
}

// renamed queues which names a namespace has gained and lost. Those that it gains before
// it is reported are in that report.
func (l *Watcher) renamed(target id, n *state, at *look) {
	if n.before && l.OnlyObserved {
		return
	}
	names := l.names.Current(target.typ, target.NS)
	old := l.names.Old(target.typ, target.NS)
	switch {
	case !n.reported:
		n.names = names
		return
	case len(names) > 0 || len(n.names) == 0 || l.last:
	case n.lost.IsZero():
		n.lost, n.lostFrom = at.ended, at.named
		l.waiting[target] = n
		return
	case at.began.Sub(n.lost) < parting:
		return
	}
	lostFrom := at.named
	if !n.lost.IsZero() {
		lostFrom, n.lost = n.lostFrom, time.Time{}
	}
	event := func(kind Kind, changed []string, from time.Time) {
		if len(changed) > 0 {
			l.queue = append(l.queue, Event{Kind: kind, Type: target.typ, Time: at.ended, Within: at.ended.Sub(from), NS: target.NS, Names: changed})
		}
	}
	event(Named, less(less(names, n.names), old), at.named)
	event(Unnamed, less(n.names, names), lostFrom)
	n.names = names
}

// less returns what is in one list and not in another.
func less(a, b []string) []string {
	return slices.DeleteFunc(slices.Clone(a), func(s string) bool { return slices.Contains(b, s) })
}
