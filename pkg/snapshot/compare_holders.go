// SPDX-License-Identifier: Apache-2.0

package snapshot

import (
	"cmp"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/nsinspect/nsinspect/pkg/ns"
)

// compareHolders returns which holders a namespace has lost and gained.
func (c *comparison) compareHolders(old, now *ns.Namespace) []HolderChange {
	var byKind [ns.NumKinds]HolderChange // with how many less than there are: those that the other one does not have
	if c.byKernel() {
		merge(sorted(old.Holders), sorted(now.Holders), compareHolder, func(h, k *ns.Holder) { c.holder(&byKind, h, k) })
	}
	c.mounts(&byKind[ns.KindMount], old, now)
	olds, news := old.Counts(), now.Counts()
	var all []HolderChange
	for _, k := range ns.Kinds() {
		ch := &byKind[k]
		ch.Kind, ch.Old, ch.New = k, ch.Old+olds[k], ch.New+news[k]
		switch {
		case c.Ignored.Has(Processes) && (k == ns.KindProcess || k == ns.KindThread):
			continue
		case k == ns.KindKernel && c.counted(old, now):
			ch.Old, ch.New = old.Unexplained(), now.Unexplained()
		case len(ch.Lost)+len(ch.Gained) > 0:
		case c.byKernel(), k == ns.KindMount, k == ns.KindChild, c.old.missesSome(k), c.now.missesSome(k):
			continue // of another boot, its processes are others: only the counts are compared
		}
		if len(ch.Lost)+len(ch.Gained) > 0 || ch.Old != ch.New {
			all = append(all, *ch)
		}
	}
	return all
}

// holder takes a holder of the old and of the new snapshot, one of which may be nil.
func (c *comparison) holder(byKind *[ns.NumKinds]HolderChange, h, k *ns.Holder) {
	lost, gained := h != nil, k != nil
	if lost && h.Kind == ns.KindMount || gained && k.Kind == ns.KindMount {
		return // see mounts
	}
	if lost && gained && c.same(h, k) {
		return
	}
	if lost && !c.implied(c.old, h) {
		ch := &byKind[h.Kind]
		ch.Old -= add(&ch.Lost, h, c.misses(c.now, h))
	}
	if gained && !c.implied(c.now, k) {
		ch := &byKind[k.Kind]
		ch.New -= add(&ch.Gained, k, c.misses(c.old, k))
	}
}

// add adds a holder that the other snapshot does not have, or returns 1 if that may have missed it.
func add(to *[]*ns.Holder, h *ns.Holder, missed bool) int {
	if missed {
		return 1
	}
	*to = append(*to, h)
	return 0
}

// misses reports whether a side may lack a holder of the other one. What only the kernel knows of is
// what the other one has not read, too.
func (c *comparison) misses(s *side, h *ns.Holder) bool {
	return s.misses(h) || h.Kind == ns.KindKernel && (!c.old.readsAll() || !c.now.readsAll())
}

// implied reports whether a holder comes and goes with a namespace that is in the snapshot
// itself.
func (c *comparison) implied(s *side, h *ns.Holder) bool {
	return h.Kind == ns.KindChild && h.Child != nil && s.index(h.Child.Type, h.Child.Inode) >= 0
}

// counted reports whether the references of a namespace were counted in both snapshots.
func (c *comparison) counted(old, now *ns.Namespace) bool {
	if c.old.blind[ns.KindKernel] || c.now.blind[ns.KindKernel] {
		return false
	}
	a, b := old.References == nil, now.References == nil
	if a != b {
		c.lacks("references", a, b, 1)
	}
	if a || b {
		return false
	}
	if a, b = !c.old.readsAll(), !c.now.readsAll(); (a || b) && old.Unexplained() != now.Unexplained() {
		c.lacks("references", a, b, 1) // what explains them was not read
	}
	return !a && !b
}

// merge calls f for everything in two sorted lists, in their order: with what is in its place
// in the other list, nil if that has nothing there.
func merge[T any](a, b []T, compare func(x, y *T) int, f func(x, y *T)) {
	for len(a)+len(b) > 0 {
		order := -1
		switch {
		case len(a) == 0:
			order = 1
		case len(b) > 0:
			order = compare(&a[0], &b[0])
		}
		var x, y *T
		if order <= 0 {
			x, a = &a[0], a[1:]
		}
		if order >= 0 {
			y, b = &b[0], b[1:]
		}
		f(x, y)
	}
}

// sorted returns holders in their order, which a file may not have.
func sorted(all []ns.Holder) []ns.Holder {
	if sort.IsSorted(ns.SortHolders(all)) {
		return all
	}
	all = slices.Clone(all)
	sort.Stable(ns.SortHolders(all))
	return all
}

// compareHolder orders holders by what they are, as ns.SortHolders does.
func compareHolder(h, k *ns.Holder) int {
	order := cmp.Or(cmp.Compare(h.Kind, k.Kind), cmp.Compare(h.PID, k.PID), cmp.Compare(h.TID, k.TID))
	if order == 0 && h.Kind.HasFD() { // of others it is what was never set, 0 or -1
		order = cmp.Compare(h.FD, k.FD)
	}
	if order == 0 && h.Child != nil && k.Child != nil {
		order = cmp.Or(cmp.Compare(h.Child.Type, k.Child.Type), cmp.Compare(h.Child.Inode, k.Child.Inode))
	}
	return cmp.Or(order, cmp.Compare(h.Via, k.Via))
}

// same reports whether two holders with one number are the same: a process ID is given
// again, and so is a descriptor.
func (c *comparison) same(h, k *ns.Holder) bool {
	s, t := h.Socket.Words(), k.Socket.Words()
	if s.Peer, t.Peer = "", ""; !c.legible() {
		s.Device, t.Device = "", ""
	}
	if s != t {
		return false
	}
	if a, b := born(h), born(k); a != 0 && b != 0 {
		return a == b
	}
	const jitter = 2 * time.Second // the clock was set, or the boot time was rounded
	if p, q := h.Process, k.Process; p != nil && q != nil && !p.Started.IsZero() && !q.Started.IsZero() {
		return p.Started.Sub(q.Started).Abs() <= jitter
	}
	return true
}

// born is when the process of a holder was started, after boot; 0 if that is unknown.
func born(h *ns.Holder) time.Duration {
	if h.Born == 0 && h.Process != nil {
		return h.Process.Born
	}
	return h.Born
}

// mounts compares the bind mounts of a namespace: by path and, within a boot, the mount
// namespace that they are in.
func (c *comparison) mounts(ch *HolderChange, old, now *ns.Namespace) {
	a, b := c.mountsOf(old), c.mountsOf(now)
	if !c.legible() {
		return
	}
	merge(a, b, func(x, y **ns.Holder) int { return c.compareMount(*x, *y) }, func(x, y **ns.Holder) {
		switch {
		case y == nil:
			ch.Old -= add(&ch.Lost, *x, c.now.misses(*x))
		case x == nil:
			ch.New -= add(&ch.Gained, *y, c.old.misses(*y))
		}
	})
}

func (c *comparison) mountsOf(n *ns.Namespace) (all []*ns.Holder) {
	for i := range n.Holders {
		if n.Holders[i].Kind == ns.KindMount {
			all = append(all, &n.Holders[i])
		}
	}
	slices.SortStableFunc(all, c.compareMount)
	if !c.byKernel() { // mount namespaces have no names
		all = slices.CompactFunc(all, func(h, k *ns.Holder) bool { return h.Path == k.Path })
	}
	return all
}

func (c *comparison) compareMount(h, k *ns.Holder) int {
	order := strings.Compare(h.Path, k.Path)
	if order == 0 && c.byKernel() {
		order = cmp.Or(cmp.Compare(h.MountNS, k.MountNS), cmp.Compare(h.Via, k.Via))
	}
	return order
}
