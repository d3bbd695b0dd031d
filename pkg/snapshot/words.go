// SPDX-License-Identifier: Apache-2.0

package snapshot

import (
	"slices"

	"github.com/nsinspect/nsinspect/pkg/ns"
)

// Words returns in words what is different of a namespace: created, freed, renamed, names,
// owner, processes, holders, links, addrs, peers, moved.
func (c *Change) Words() []string {
	var words []string
	add := func(word string, is bool) {
		if is && !slices.Contains(words, word) {
			words = append(words, word)
		}
	}
	add(c.Action.String(), c.Action != Changed)
	for _, n := range c.Names {
		add("renamed", n.Old != nil && n.New != nil)
		add("names", true)
	}
	add("owner", c.OwnerChanged)
	for _, h := range c.Holders {
		task := h.Kind == ns.KindProcess || h.Kind == ns.KindThread
		add("processes", task)
		add("holders", !task)
	}
	for i := range c.Links {
		l := &c.Links[i]
		add("links", c.Action == Changed && (l.Old == nil || l.New == nil || len(l.Changed) > 0))
		add("addrs", len(l.Lost)+len(l.Gained) > 0)
		add("peers", slices.Contains(l.Changed, "peer"))
		add("moved", l.moved())
	}
	return words
}

// moved reports whether the link or an address of it came from another namespace, or is in
// another one now.
func (c *LinkChange) moved() bool {
	elsewhere := func(a AddrChange) bool { return a.Elsewhere != nil }
	return c.Elsewhere != nil || slices.ContainsFunc(c.Lost, elsewhere) || slices.ContainsFunc(c.Gained, elsewhere)
}
