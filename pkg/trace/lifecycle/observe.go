// SPDX-License-Identifier: Apache-2.0

//go:build amd64 || arm64

package lifecycle

import (
	"github.com/nsinspect/nsinspect/pkg/ns"
	"github.com/nsinspect/nsinspect/pkg/trace"
)

// Observe takes what some events have created. It is called before the Poll that comes
// after them.
func (l *Watcher) Observe(events []trace.Event) {
	for i := range events {
		e := &events[i]
		for _, t := range l.listed {
			if creates(e, t) {
				l.created(e, t)
			}
		}
		for _, t := range l.unlisted {
			if creates(e, t) {
				by := *e
				l.queue = append(l.queue, Event{Kind: Created, Type: t, Time: e.Time.Add(e.Duration), NS: e.To[t], Names: l.names.Current(t, e.To[t]), By: &by})
			}
		}
	}
}

// creates reports whether a call has created a namespace of a type.
func creates(e *trace.Event, t ns.Type) bool {
	made := (e.Call == trace.Unshare || e.Call == trace.Clone) && e.Flags&trace.FlagOf(t) != 0
	return made && e.Succeeded() && e.To[t].Inode != 0
}

// created takes the namespace that a call has created.
func (l *Watcher) created(e *trace.Event, t ns.Type) {
	target, end := id{e.To[t], t}, e.Time.Add(e.Duration)
	known, there := l.inodes[target.inode()]
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
	n := &state{since: end, alive: end, by: &by, names: l.names.Current(t, target.NS), guessed: target.Cookie == 0}
	l.add(target, n)
}
