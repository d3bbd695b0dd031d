// SPDX-License-Identifier: Apache-2.0

//go:build amd64 || arm64

package trace

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/nsinspect/nsinspect/internal/bpfreader"
	"github.com/nsinspect/nsinspect/pkg/ns"
)

// LifeKind is what happened to a network namespace.
type LifeKind string

// The kinds.
const (
	Created LifeKind = "created"
	Named   LifeKind = "named"   // it has names that it did not have
	Unnamed LifeKind = "unnamed" // it has lost names
	Freed   LifeKind = "freed"   // its last holder has gone
)

// Life is one step in the life of a network namespace.
type Life struct {
	Kind LifeKind
	// Time is when it happened where a call told, and otherwise when it was seen,
	// which is at most Within later.
	Time   time.Time
	Within time.Duration
	NS     NS
	Names  []string      // Named, Unnamed: those; otherwise all it has or had
	By     *Event        // Created: the call, if it was seen
	Lived  time.Duration // Freed: how long; 0 if its beginning was not seen
}

// Lives follows which network namespaces there are. No hook of the kernel tells
// that one is freed, everywhere: its own list is looked at again and again, which
// takes a millisecond where there are thousands. One that was made and freed
// between two looks is told only if the call that made it was seen.
type Lives struct {
	// OnlyNoted leaves out every namespace whose making is not among the events
	// noted.
	OnlyNoted bool

	reader *bpfreader.Reader
	names  func(NS) []string
	alive  map[NS]*life
	looked time.Time
}

type life struct {
	created time.Time // zero if it was there before
	names   []string
	seen    bool // on the kernel's list
	before  bool // before the first look
}

// OpenLives looks at the namespaces that there are, none of which is told as
// created. names tells what one is called. It needs CAP_BPF and CAP_PERFMON, and
// Linux 5.10.
func OpenLives(names func(NS) []string) (*Lives, error) {
	reader, err := bpfreader.Open(bpfreader.Options{Passes: bpfreader.Nets})
	if err != nil {
		return nil, err
	}
	l := &Lives{reader: reader, names: names, alive: map[NS]*life{}}
	if _, err := l.Look(); err != nil {
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
func (l *Lives) Close() error { return l.reader.Close() }

// Note tells which namespaces some events have made. They are to be noted before
// the look that comes after them.
func (l *Lives) Note(events []Event) []Life {
	var told []Life
	for i := range events {
		e := &events[i]
		made := (e.Call == Unshare || e.Call == Clone) && e.Flags&FlagOf(ns.Net) != 0 && !e.Failed()
		target := e.To[ns.Net]
		if !made || target.Inode == 0 || l.alive[target] != nil {
			continue
		}
		at := e.Time.Add(e.Duration)
		l.alive[target] = &life{created: at, names: l.names(target)}
		by := *e
		told = append(told, Life{Kind: Created, Time: at, NS: target, Names: l.alive[target].names, By: &by})
	}
	return told
}

// Look tells what has changed since the last look.
func (l *Lives) Look() ([]Life, error) {
	nets, err := l.reader.Nets()
	if err != nil {
		return nil, fmt.Errorf("look at the network namespaces: %w", err)
	}
	now := time.Now()
	var within time.Duration
	if !l.looked.IsZero() {
		within = now.Sub(l.looked)
	}
	before := l.looked
	l.looked = now
	there := make(map[NS]bool, len(nets))
	var told []Life
	for _, net := range nets {
		if net.Refs == 0 { // dying: nobody holds it, and nobody can enter
			continue
		}
		target := NS{Inode: uint64(net.Inode), Cookie: net.Cookie}
		there[target] = true
		n := l.alive[target]
		if n == nil && l.OnlyNoted {
			continue
		}
		if n == nil {
			n = &life{created: now, names: l.names(target)}
			l.alive[target] = n
			told = append(told, Life{Kind: Created, Time: now, Within: within, NS: target, Names: n.names})
		}
		n.seen = true
		if !n.before || !l.OnlyNoted {
			told = append(told, l.renamed(target, n, now, within)...)
		}
	}
	for target, n := range l.alive {
		// One that a call made after the list was read is on the next.
		if there[target] || !n.seen && n.created.After(before) {
			continue
		}
		delete(l.alive, target)
		if n.before && l.OnlyNoted {
			continue
		}
		freed := Life{Kind: Freed, Time: now, Within: within, NS: target, Names: n.names}
		if !n.created.IsZero() {
			freed.Lived = now.Sub(n.created)
		}
		told = append(told, freed)
	}
	slices.SortStableFunc(told, func(a, b Life) int { return cmp.Compare(a.NS.Cookie, b.NS.Cookie) })
	return told, nil
}

// renamed tells which names a namespace has gained and lost.
func (l *Lives) renamed(target NS, n *life, now time.Time, within time.Duration) []Life {
	names := l.names(target)
	less := func(a, b []string) []string {
		return slices.DeleteFunc(slices.Clone(a), func(s string) bool { return slices.Contains(b, s) })
	}
	var told []Life
	if gained := less(names, n.names); len(gained) > 0 {
		told = append(told, Life{Kind: Named, Time: now, Within: within, NS: target, Names: gained})
	}
	if lost := less(n.names, names); len(lost) > 0 {
		told = append(told, Life{Kind: Unnamed, Time: now, Within: within, NS: target, Names: lost})
	}
	n.names = names
	return told
}
