// SPDX-License-Identifier: Apache-2.0

package trace

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/nsinspect/nsinspect/internal/host"
	"github.com/nsinspect/nsinspect/internal/names"
	"github.com/nsinspect/nsinspect/pkg/ns"
)

// Names returns the names of namespaces, and keeps up with what happens while a
// trace runs. It is for one caller at a time.
//
// The names directories are looked at again when events speak of a namespace that
// has no name and they or the mount table have changed since, and beyond that once a
// second at most, for symbolic links; with Follow, whenever they have changed. Reading
// runs in a goroutine of its own: no event waits long.
type Names struct {
	cancel context.CancelFunc
	host   *host.Host
	reader *names.Reader
	watch  *names.Watch

	known  map[id]knownNames
	now    map[id]knownNames // without those that are gone
	all    []names.Named     // what now is made of
	old    map[id][]string   // those of now that may have been there before, unread
	links  bool              // some of all are symlinks: they can lead elsewhere without a change to be watched
	sure   time.Time         // no name has changed between the beginning of the last look and then
	since  time.Time         // see Since
	looked time.Time         // when the last look began
	took   time.Duration     // how long it took
	dirty  bool              // mounts have changed since
	coming chan found        // the look that is under way, nil if none is
	gaps   []ns.Gap
}

// id is what names are found by. An inode is given again, so the cookies of what
// was found and what is asked for are compared.
type id struct {
	typ   ns.Type
	inode uint64
}

type knownNames struct {
	cookie uint64
	names  []string
	gone   time.Time // when it was missed first; zero if it was there last
}

// found is what one look found.
type found struct {
	named []names.Named
	gaps  []ns.Gap
	since time.Time // what differs from the look before has changed after it
	took  time.Duration
}

const (
	// patience is how long events wait for a name that is being looked for.
	patience = 50 * time.Millisecond
	// christening is how long after a namespace was made its name is waited for:
	// `ip netns add` mounts it a moment after its unshare.
	christening = 20 * time.Millisecond
	// freshness is how old what is known of names may become while events come.
	freshness = time.Second
	// share is the part of the time that may be spent with looking: one in share.
	share = 2
	// few events may wait until the next look is due; many would hold up the rest.
	few = 128
	// nameGrace is how long a name is remembered that is no more there: what happened
	// just before it was removed is reported just after.
	nameGrace = time.Second
)

// NewNames reads the customary names directories and others beside them. It
// returns an error if /proc cannot be opened. What cannot be read is in Gaps.
func NewNames(dirs []string) (*Names, error) {
	h, err := host.Open("/")
	if err != nil {
		return nil, fmt.Errorf("read names: %w", err)
	}
	n := &Names{host: h, reader: names.NewReader(h, dirs), known: map[id]knownNames{}}
	n.watch = n.reader.Watch()
	n.look()
	return n, nil
}

// Close ends looking.
func (n *Names) Close() {
	n.cancel()
	if n.coming != nil {
		<-n.coming
	}
	n.watch.Close()
	n.host.Close()
}

// Gaps returns what could not be read last time.
func (n *Names) Gaps() []ns.Gap { return n.gaps }

// Initial reports whether a namespace is the machine's own.
func (n *Names) Initial(t ns.Type, ns NS) bool {
	return ns.Inode != 0 && ns.Inode == n.reader.Initial(t)
}

// Names returns the names of a namespace, by path, each once; nil if it has
// none. They are the last parts of paths, as "blue".
func (n *Names) Names(t ns.Type, ns NS) []string {
	c := n.known[id{t, ns.Inode}]
	return c.of(ns)
}

// Update looks for the names of the namespaces that some events speak of, before
// they are written. It waits for them for at most 50 ms.
func (n *Names) Update(events []Event) { n.UpdateUntil(events, time.Now().Add(patience)) }

// UpdateUntil is Update that waits until the deadline at most.
func (n *Names) UpdateUntil(events []Event, deadline time.Time) {
	if len(events) == 0 {
		n.wait(0)
		return
	}
	var unnamed bool
	var newest time.Time
	for n.wait(0); ; n.wait(time.Until(deadline)) {
		unnamed, newest = n.unnamed(events)
		if !unnamed || time.Now().After(deadline) {
			break
		}
		if n.coming != nil {
			continue
		}
		if !n.mayHaveCome(newest) {
			break
		}
		if rest := n.rest(); rest > 0 {
			if len(events) > few || rest > time.Until(deadline) {
				break
			}
			time.Sleep(rest)
		}
		n.look()
	}
	stale := time.Since(n.looked) >= freshness || unnamed && n.rest() <= 0 && n.changed(0)
	if n.coming == nil && stale {
		n.look()
	}
}

// unnamed reports whether events speak of a namespace without a name, and when
// the last of them was made that were.
func (n *Names) unnamed(events []Event) (some bool, newest time.Time) {
	for i := range events {
		e := &events[i]
		if !n.nameless(&e.From) && !n.nameless(&e.To) && !n.nameless(&e.Target.NS) {
			continue
		}
		some = true
		if made := e.Call == Unshare || e.Call == Clone; !made || e.Failed() || !e.Moved(ns.Net) {
			continue
		}
		if done := e.Time.Add(e.Duration); done.After(newest) && n.Names(ns.Net, e.To[ns.Net]) == nil {
			newest = done
		}
	}
	return some, newest
}

// mayHaveCome reports whether there may be a name that there was not at the last
// look. What has just been made may be about to get one, which is waited for.
func (n *Names) mayHaveCome(newest time.Time) bool {
	if n.changed(0) {
		return true
	}
	rest := min(time.Until(newest.Add(christening)), christening)
	return rest > 0 && n.changed(rest)
}

// nameless reports whether the network namespace of a set has no name. Those of
// other types have none, as a rule, and are not waited for.
func (n *Names) nameless(s *Set) bool {
	target := s[ns.Net]
	return target.Inode != 0 && !n.Initial(ns.Net, target) && n.Names(ns.Net, target) == nil
}

// changed reports whether names may have changed since the last look, or do so within
// a time.
func (n *Names) changed(within time.Duration) bool {
	if n.dirty {
		return true
	}
	asked := time.Now()
	n.dirty = n.watch.Changed(within)
	if !n.dirty {
		n.sure = asked
	}
	return n.dirty || n.watch.Blind() && asked.Sub(n.looked) >= freshness
}

// rest returns how long to wait with the next look, to keep to its share of the
// time.
func (n *Names) rest() time.Duration { return time.Until(n.looked.Add(share * n.took)) }

// look starts to read the names directories.
func (n *Names) look() {
	since := n.sure
	if n.unwatched() {
		since = n.looked
	}
	n.looked = time.Now()
	n.watch.Changed(0) // what changes from here on is for the next one
	n.watch.Arm()
	n.dirty, n.sure = false, n.looked
	n.coming = make(chan found, 1)
	ctx, cancel := context.WithCancel(context.Background())
	n.cancel = cancel
	go func(done chan found, began time.Time) {
		defer cancel()
		named, gaps := n.reader.Read(ctx)
		done <- found{named, gaps, since, time.Since(began)}
	}(n.coming, n.looked)
}

// wait takes what a look has found, waiting for it some time.
func (n *Names) wait(most time.Duration) {
	if n.coming == nil {
		return
	}
	select {
	case f := <-n.coming:
		n.take(f)
		return
	default:
	}
	if most <= 0 {
		return
	}
	late := time.NewTimer(most)
	defer late.Stop()
	select {
	case f := <-n.coming:
		n.take(f)
	case <-late.C:
	}
}

// take replaces what is known by what was found.
func (n *Names) take(f found) {
	now := time.Now()
	n.coming = nil
	n.took = min(f.took, freshness/share) // a directory that hangs is not asked again
	n.follow(&f)
	fresh := maps.Clone(n.now)
	for k, c := range n.known {
		if _, ok := fresh[k]; ok || c.cookie == 0 {
			continue
		}
		if c.gone.IsZero() {
			c.gone = now
		}
		if now.Sub(c.gone) < nameGrace {
			fresh[k] = c
		}
	}
	n.known = fresh
}

// byNamespace returns names by what they are of, and whether one is a symlink.
func byNamespace(all []names.Named) (known map[id]knownNames, links bool) {
	known = make(map[id]knownNames, len(all))
	for i := range all {
		s := &all[i]
		k := id{s.Type, s.Inode}
		c := known[k]
		if c.cookie != 0 && s.Cookie != 0 && c.cookie != s.Cookie {
			c = knownNames{} // the inode was given again while the names were read
		}
		c.cookie = max(c.cookie, s.Cookie)
		if label := s.Name.Label(); !slices.Contains(c.names, label) {
			c.names = append(c.names, label)
		}
		known[k] = c
		links = links || s.Name.Kind == ns.NameSymlink
	}
	return known, links
}
