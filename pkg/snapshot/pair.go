// SPDX-License-Identifier: Apache-2.0

package snapshot

import (
	"time"

	"github.com/nsinspect/nsinspect/pkg/ns"
	"github.com/nsinspect/nsinspect/pkg/owner"
)

// identify decides how namespaces are found again.
func (c *comparison) identify() {
	a, b := c.Old.Snapshot.Machine, c.New.Snapshot.Machine
	switch {
	case a.BootID != "" && a.BootID == b.BootID:
		c.Identity = ByKernel
	case !c.legible():
		c.Identity = ByGuess // the name and the ID of the machine are hashes as well
	case a.MachineID != "" && b.MachineID != "" && a.MachineID != b.MachineID,
		(a.MachineID == "" || b.MachineID == "") && a.Host != b.Host:
		c.Identity = ByMachine
	case a.BootID == "" || b.BootID == "", a.MachineID == "" || b.MachineID == "":
		c.Identity = ByGuess // two machines can have one name
	default:
		c.Identity = ByName
	}
}

// byKernel reports whether numbers that the kernel gave mean the same in both snapshots.
func (c *comparison) byKernel() bool { return c.Identity == ByKernel }

// legible reports whether names and addresses mean the same in both snapshots.
func (c *comparison) legible() bool {
	return c.Old.Redacted == c.New.Redacted && c.Old.redactKey == c.New.redactKey
}

// pair finds the namespaces that are in both snapshots.
func (c *comparison) pair() {
	c.pairInitial()
	switch {
	case c.byKernel():
		c.pairByCookie()
		c.pairByInode()
	case c.legible():
		c.pairByName()
		c.pairByOwner()
		fallthrough
	default:
		c.Nameless = [2]int{c.old.findNameless(c.legible()), c.now.findNameless(c.legible())}
	}
}

// join pairs two namespaces that are not paired yet.
func (c *comparison) join(i, j int) {
	if c.old.pair[i] < 0 && c.now.pair[j] < 0 && c.old.all[i].Type == c.now.all[j].Type {
		c.old.pair[i], c.now.pair[j] = j, i
	}
}

func (c *comparison) pairInitial() {
	var initial [ns.NumTypes]int
	for j := range c.now.all {
		if n := &c.now.all[j]; n.Initial {
			initial[n.Type] = j + 1
		}
	}
	for i := range c.old.all {
		if n := &c.old.all[i]; n.Initial && initial[n.Type] > 0 {
			c.join(i, initial[n.Type]-1)
		}
	}
}

func (c *comparison) pairByCookie() {
	at := make(map[uint64]int, len(c.now.all))
	for j := range c.now.all {
		if n := &c.now.all[j]; n.Cookie != 0 {
			at[n.Cookie] = j
		}
	}
	for i := range c.old.all {
		if j, ok := at[c.old.all[i].Cookie]; ok {
			c.join(i, j)
		}
	}
}

func (c *comparison) pairByInode() {
	for i := range c.old.all {
		n := &c.old.all[i]
		if j := c.now.index(n.Type, n.Inode); j >= 0 && c.sameInode(n, &c.now.all[j]) {
			c.join(i, j)
		}
	}
}

// sameInode reports whether two namespaces of one inode, which the kernel reuses, are the
// same. One that is known to be there only since after the snapshot without it was taken is
// another, unless a holder of both shows that it is not.
func (c *comparison) sameInode(old, now *ns.Namespace) bool {
	const jitter = time.Second // of a start time, which is counted from a boot time in whole seconds
	a, b, taken := old.Age.Since, now.Age.Since, c.Old.Snapshot.Taken
	if c.New.Snapshot.Taken.Before(taken) { // the old one is the later
		a, b, taken = b, a, c.New.Snapshot.Taken
	}
	switch {
	case old.Cookie != 0 && now.Cookie != 0 || old.Initial != now.Initial && c.knowInitial(old.Type):
		return false // of other cookies: pairByCookie has the others
	case b.IsZero() || !b.After(taken):
		return true
	case !a.IsZero() && a.Sub(b).Abs() <= jitter && old.Age.From == now.Age.From:
		return true // it was made while the old snapshot was taken
	}
	shared := false
	merge(sorted(old.Holders), sorted(now.Holders), compareHolder, func(h, k *ns.Holder) {
		shared = shared || h != nil && k != nil && h.Kind != ns.KindMount && h.PID != 0 && born(h) != 0 && born(k) != 0 && c.same(h, k)
	})
	return shared
}

func (c *comparison) knowInitial(t ns.Type) bool {
	return c.Old.Snapshot.Initial[t] != 0 && c.New.Snapshot.Initial[t] != 0
}

// pairByName pairs by the paths of names, root's before those of users.
func (c *comparison) pairByName() {
	type key struct {
		path    string
		trusted bool
	}
	at := map[key]int{}
	for j := range c.now.all {
		for _, name := range c.now.all[j].Names {
			at[key{name.Path, forAll(name.Authority).Trusted}] = j
		}
	}
	for _, trusted := range []bool{true, false} {
		for i := range c.old.all {
			for _, name := range c.old.all[i].Names {
				if j, ok := at[key{name.Path, trusted}]; ok && forAll(name.Authority).Trusted == trusted {
					c.join(i, j)
				}
			}
		}
	}
}

// pairByOwner pairs the namespaces of one type and owner, in their order.
func (c *comparison) pairByOwner() {
	type key struct {
		t     ns.Type
		owner string
	}
	news := map[key][]int{}
	for j := range c.now.all {
		if word := ownerKey(c.now.owners[j]); word != "" && c.now.pair[j] < 0 {
			k := key{c.now.all[j].Type, word}
			news[k] = append(news[k], j)
		}
	}
	for i := range c.old.all {
		k := key{c.old.all[i].Type, ownerKey(c.old.owners[i])}
		if some := news[k]; c.old.pair[i] < 0 && len(some) > 0 {
			c.join(i, some[0])
			news[k] = some[1:]
		}
	}
}

// ownerKey returns what an owner is called in every boot, "" for none.
func ownerKey(o *owner.Owner) string {
	if o == nil {
		return ""
	}
	return forAll(o.Authority).Qualify(o.Ref())
}

// forAll returns an authority as it is for all readers: the two snapshots can be of two, of whom one
// believes himself.
func forAll(a ns.Authority) ns.Authority {
	a.Trusted = a.Source != ns.OfUser
	return a
}

// findNameless finds the namespaces that cannot be found again by name, and counts them.
func (s *side) findNameless(legible bool) int {
	n := 0
	for i := range s.all {
		s.nameless[i] = s.pair[i] < 0 && (!legible || len(s.all[i].Names) == 0 && s.owners[i] == nil)
		if s.nameless[i] {
			n++
		}
	}
	return n
}
