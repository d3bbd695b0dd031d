// SPDX-License-Identifier: Apache-2.0

package trace

import (
	"context"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/nsinspect/nsinspect/internal/host"
	"github.com/nsinspect/nsinspect/internal/names"
	"github.com/nsinspect/nsinspect/pkg/ns"
)

const (
	// linksEvery is how often Follow looks for what no watch reports.
	linksEvery = 150 * time.Millisecond
	// followPatience is how long Follow waits for a look: as a rule it takes less.
	followPatience = 10 * time.Millisecond
)

// Ready waits until the names have been read for the first time, a directory that does
// not answer left out.
func (n *Names) Ready(ctx context.Context) error {
	if n.coming == nil {
		return nil
	}
	select {
	case f := <-n.coming:
		n.take(f)
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Follow looks for names again where they may have changed, whether an event speaks of
// them or not, and reports whether they have been read since the last call of Since. It
// waits 10 ms at most.
func (n *Names) Follow() (fresh bool) {
	n.wait(0)
	changed := n.changed(0)
	due := changed || n.unwatched() && time.Since(n.looked) >= linksEvery
	if n.coming == nil && due && n.rest() <= 0 {
		n.look()
		n.wait(followPatience)
	}
	return !n.since.IsZero()
}

// Settle waits until names are known as they are now, or some time has passed.
func (n *Names) Settle(most time.Duration) {
	for end := time.Now().Add(most); ; {
		n.wait(time.Until(end))
		if left := time.Until(end); left <= 0 || n.coming != nil || !n.changed(0) && !n.unwatched() {
			return
		}
		time.Sleep(min(n.rest(), time.Until(end)))
		n.look()
		if n.unwatched() {
			n.wait(time.Until(end))
			return
		}
	}
}

// unwatched reports whether names can change without the watch reporting it.
func (n *Names) unwatched() bool { return n.links || n.watch.Blind() }

// Current returns the names that a namespace has now, as Names but without those that it
// has just lost.
func (n *Names) Current(t ns.Type, target NS) []string {
	c := n.now[id{t, target.Inode}]
	return c.of(target)
}

// Old returns those of Current that may have been there before: their directory could
// not be read then.
func (n *Names) Old(t ns.Type, target NS) []string { return n.old[id{t, target.Inode}] }

// Since returns the time after which Current can have changed, since the last call; zero
// if it has not.
func (n *Names) Since() time.Time {
	since := n.since
	n.since, n.old = time.Time{}, nil
	return since
}

// of returns the names if they are of that namespace.
func (c *knownNames) of(target NS) []string {
	if c.cookie != 0 && target.Cookie != 0 && c.cookie != target.Cookie {
		return nil
	}
	return c.names
}

// follow keeps what a look has found, for Current. What is in a directory that could not
// be read stays as it was.
func (n *Names) follow(f *found) {
	now := f.named
	if len(f.gaps) > 0 {
		there := paths(f.named)
		for i := range n.all {
			if s := &n.all[i]; within(s.Name.Path, f.gaps) && !there[s.Name.Path] {
				now = append(now, *s)
			}
		}
	}
	if len(n.gaps) > 0 {
		n.keepOld(f.named)
	}
	if n.since.IsZero() {
		n.since = f.since
	}
	n.all, n.gaps = now, f.gaps
	n.now, n.links = byNamespace(now)
}

// keepOld keeps, for Old, which names are in a directory that could not be read before.
func (n *Names) keepOld(named []names.Named) {
	there := paths(n.all)
	for i := range named {
		s := &named[i]
		if there[s.Name.Path] || !within(s.Name.Path, n.gaps) {
			continue
		}
		if n.old == nil {
			n.old = map[id][]string{}
		}
		k := id{s.Type, s.Inode}
		n.old[k] = append(n.old[k], s.Name.Label())
	}
}

func paths(all []names.Named) map[string]bool {
	there := make(map[string]bool, len(all))
	for i := range all {
		there[all[i].Name.Path] = true
	}
	return there
}

// within reports whether a path is one of those that could not be read, or below one. In a
// directory that is not there are no names.
func within(name string, gaps []ns.Gap) bool {
	return slices.ContainsFunc(gaps, func(g ns.Gap) bool {
		gap := path.Clean(g.Path)
		return g.Path != "" && !host.IsGone(g.Err) && (name == gap || strings.HasPrefix(name, gap+"/"))
	})
}
