// SPDX-License-Identifier: Apache-2.0

package snapshot

import (
	"slices"

	"github.com/nsinspect/nsinspect/pkg/ns"
	"github.com/nsinspect/nsinspect/pkg/owner"
)

// compareTypes notes which types and kinds of holders one of the snapshots does not have.
func (c *comparison) compareTypes() {
	for _, t := range ns.Types() {
		a, b := slices.Contains(c.Old.Snapshot.Types, t), slices.Contains(c.New.Snapshot.Types, t)
		if a != b {
			c.lacks(t.String()+" namespaces", !a, !b, 0)
		}
	}
	switch {
	case c.legible():
	case c.Old.Redacted != c.New.Redacted:
		c.lacks("names, owners, links and findings: one of them is redacted", c.Old.Redacted, c.New.Redacted, 0)
	default:
		c.lacks("names, owners, links and findings: they are redacted with two keys", true, true, 0)
	}
	if c.Ignored.Has(Holders) {
		return
	}
	unread := [2]bool{}
	if c.Ignored.Has(Processes) { // what they hold is compared
		unread = [2]bool{c.old.missesProcesses(), c.now.missesProcesses()}
	}
	for _, k := range ns.Kinds() {
		if !c.Ignored.Has(Processes) || k != ns.KindProcess && k != ns.KindThread {
			c.lacks(k.Where(), c.old.blind[k], c.now.blind[k], 0)
			unread[0], unread[1] = unread[0] || len(c.old.blindPID[k]) > 0, unread[1] || len(c.now.blindPID[k]) > 0
		}
	}
	c.lacks("what some processes hold", unread[0], unread[1], 0)
	c.lacks("what processes hold: they were read in two PID or time namespaces", c.old.foreign, c.now.foreign, 0)
	if a, b := c.Old.Snapshot, c.New.Snapshot; a.LookedFor(ns.KindMount) && b.LookedFor(ns.KindMount) {
		c.lacks("mount namespaces that no process is in", !a.MountsAll, !b.MountsAll, 0)
		c.lacks("detached mounts", !a.LoneMounts, !b.LoneMounts, 0)
		c.lacks("some mount namespaces", len(c.old.blindMnt) > 0, len(c.now.blindMnt) > 0, 0)
	}
}

// created takes a namespace that only the new snapshot has.
func (c *comparison) created(j int) {
	n := &c.now.all[j]
	switch {
	case c.now.nameless[j] || !slices.Contains(c.Old.Snapshot.Types, n.Type):
		return
	case !c.old.sees(n), c.older(n) && !c.old.listed(n.Type) && !c.old.readsAll():
		c.lacks("namespaces", true, false, 1)
		return
	}
	c.Namespaces = append(c.Namespaces, Change{Action: Created, New: n, NewOwner: c.now.owners[j]})
}

// older reports whether a namespace was there before the old snapshot was taken, by the age
// of a file. A process may be older than the namespace that it is in.
func (c *comparison) older(n *ns.Namespace) bool {
	return c.byKernel() && c.Old.Snapshot.Taken.Before(c.New.Snapshot.Taken) && (n.Age.From == ns.FromName || n.Age.From == ns.FromFile) && !n.Age.Since.After(c.Old.Snapshot.Taken)
}

// freed takes a namespace that only the old snapshot has.
func (c *comparison) freed(i int) {
	n := &c.old.all[i]
	switch {
	case c.old.nameless[i] || !slices.Contains(c.New.Snapshot.Types, n.Type):
		return
	case !c.now.sees(n):
		c.lacks("namespaces", false, true, 1)
		return
	}
	c.Namespaces = append(c.Namespaces, Change{Action: Freed, Old: n, OldOwner: c.old.owners[i]})
}

// compare compares a namespace that both snapshots have.
func (c *comparison) compare(i, j int) {
	ch := Change{Old: &c.old.all[i], New: &c.now.all[j], OldOwner: c.old.owners[i], NewOwner: c.now.owners[j]}
	if c.legible() && !c.Ignored.Has(Names) {
		ch.Names = c.compareNames(ch.Old, ch.New)
	}
	if c.legible() && !c.Ignored.Has(Owners) {
		ch.OwnerChanged = c.otherOwner(ch.OldOwner, ch.NewOwner)
	}
	if !c.Ignored.Has(Holders) {
		ch.Holders = c.compareHolders(ch.Old, ch.New)
	}
	if c.legible() && !c.Ignored.Has(Links) && ch.Old.Type == ns.Net {
		ch.Links = c.compareLinks(ch.Old, ch.New)
	}
	if len(ch.Names)+len(ch.Holders)+len(ch.Links) > 0 || ch.OwnerChanged {
		c.Namespaces = append(c.Namespaces, ch)
	}
}

// compareNames returns which names were lost and gained. One for one is a new name for the
// old one, as is one that refers to the namespace in another way now.
func (c *comparison) compareNames(old, now *ns.Namespace) (all []NameChange) {
	lost := c.namesLost(old, now, c.now, false)
	gained := c.namesLost(now, old, c.old, true)
	if len(lost) == 1 && len(gained) == 1 {
		return []NameChange{{lost[0], gained[0]}}
	}
	for _, n := range lost {
		all = append(all, NameChange{Old: n})
	}
	for _, n := range gained {
		all = append(all, NameChange{New: n})
	}
	return all
}

// namesLost returns the names of a namespace that it does not have in the other snapshot,
// which is s.
func (c *comparison) namesLost(n, other *ns.Namespace, s *side, old bool) (lost []*ns.Name) {
	type key struct {
		path string
		kind ns.NameKind
	}
	has := make(map[key]bool, len(other.Names))
	for i := range other.Names {
		has[key{other.Names[i].Path, other.Names[i].Kind}] = true
	}
	for i := range n.Names {
		name := &n.Names[i]
		switch {
		case has[key{name.Path, name.Kind}]:
		case s.readsName(name.Path):
			lost = append(lost, name)
		default:
			c.lacks("names", old, !old, 1)
		}
	}
	return lost
}

// otherOwner reports whether an owner is another one, as far as both were read.
func (c *comparison) otherOwner(a, b *owner.Owner) bool {
	unread := [2]bool{c.old.blindOf && (a == nil || b != nil), c.now.blindOf && (b == nil || a != nil)}
	switch {
	case a == nil && b == nil || a != nil && b != nil && sameOwner(a, b, c.byKernel()):
		return false
	case unread[0] || unread[1]:
		c.lacks("owners", unread[0], unread[1], 1)
		return false
	}
	return true
}

// sameOwner reports whether two owners are one, of which one may be known better. Without
// its ID a container that was made anew by the same name is the same.
func sameOwner(a, b *owner.Owner, withID bool) bool {
	if forAll(a.Authority) != forAll(b.Authority) {
		return false
	}
	common := false
	for _, part := range [][2]string{{a.Name, b.Name}, {a.Pod, b.Pod}, {a.Unit, b.Unit}, {a.ID, b.ID}} {
		if !withID && part[0] == a.ID && part[1] == b.ID {
			continue
		}
		if part[0] != "" && part[1] != "" {
			if part[0] != part[1] {
				return false
			}
			common = true
		}
	}
	return common || a.Runtime == b.Runtime && a.Ref() == b.Ref()
}
