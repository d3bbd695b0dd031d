// SPDX-License-Identifier: Apache-2.0

package snapshot

import (
	"cmp"
	"slices"

	"github.com/nsinspect/nsinspect/pkg/doctor"
	"github.com/nsinspect/nsinspect/pkg/ns"
	"github.com/nsinspect/nsinspect/pkg/owner"
)

// Diff is what is different between two snapshots. What one of them did not read is not
// different: it is in Unread.
type Diff struct {
	Old, New   *File
	Identity   Identity
	Ignored    Aspects
	Namespaces []Change // by type and inode, in the new snapshot if it has them
	Findings   []FindingChange
	Dangling   []DanglingChange // by path

	Unread   []Unread // what was not compared, as one of the snapshots does not have it
	Nameless [2]int   // by name: namespaces without a name and an owner, which were not compared, in the old and the new one
	Unfit    int      // changes that a filter left out
}

// Same reports whether nothing is different.
func (d *Diff) Same() bool { return len(d.Namespaces)+len(d.Findings)+len(d.Dangling) == 0 }

// Identity is how a namespace of one snapshot is found again in the other.
type Identity string

// The identities.
const (
	ByKernel  Identity = "kernel"       // of one boot: by cookie, or by inode and age
	ByName    Identity = "name"         // of different boots of a machine: by names and owner
	ByMachine Identity = "machine-name" // of different machines: the same
	ByGuess   Identity = "unknown-boot" // where it is not known whether it was one boot: the same
)

// Action is what has become of something.
type Action uint8

// The actions.
const (
	Changed Action = iota
	Created        // it is in the new snapshot alone
	Freed          // it is in the old one alone
)

func (a Action) String() string { return [...]string{"changed", "created", "freed"}[a] }

// Change is a namespace that is different.
type Change struct {
	Action             Action
	Old, New           *ns.Namespace // nil of one that was created, or freed
	OldOwner, NewOwner *owner.Owner  // nil if it has none
	Names              []NameChange
	OwnerChanged       bool           // the owner is another one, or one is there or gone
	Holders            []HolderChange // by kind
	Links              []LinkChange   // by name; of a namespace created or freed only what was moved
}

// Namespace returns the namespace in the newest snapshot that has it.
func (c *Change) Namespace() *ns.Namespace {
	if c.New != nil {
		return c.New
	}
	return c.Old
}

// Owner returns whose the namespace is, or was.
func (c *Change) Owner() *owner.Owner {
	if c.New != nil {
		return c.NewOwner
	}
	return c.OldOwner
}

// NameChange is a name that a namespace has got or lost, or one for another.
type NameChange struct{ Old, New *ns.Name }

// HolderChange is what has changed among the holders of one kind. Of KindKernel the counts
// are of references that nothing explains.
type HolderChange struct {
	Kind         ns.Kind
	Old, New     int          // how many there are
	Lost, Gained []*ns.Holder // in the order of the snapshot; by name only of mounts
}

// LinkChange is a link that has come, gone or changed.
type LinkChange struct {
	Old, New     *ns.Link      // nil of one that has come, or gone
	Elsewhere    *ns.Namespace // where it came from, or went
	Changed      []string      // what is different of one that stayed: name, altnames, index, kind, mac, state, peer
	Lost, Gained []AddrChange
}

// FindingChange is a finding of doctor that is new (Old is nil), gone (New is nil), or of
// another severity.
type FindingChange struct{ Old, New *doctor.Finding }

// DanglingChange is an entry of a names directory that refers to no namespace and is new
// (Old is nil), gone (New is nil), or something else.
type DanglingChange struct{ Old, New *ns.DanglingName }

// Unread is what was not compared, as one or both of the snapshots do not have it.
type Unread struct {
	What     string // "sockets", "links"
	Old, New bool   // which snapshot does not have it
	Count    int    // of how many namespaces; 0 of all, or that is unknown
}

// Options are the options of Compare.
type Options struct {
	Ignore Aspects
}

// Compare returns what is different in a new snapshot from an old one.
func Compare(old, now *File, opts Options) *Diff {
	c := &comparison{Diff: &Diff{Old: old, New: now, Ignored: opts.Ignore}, old: newSide(old), now: newSide(now)}
	c.identify()
	c.old.foreign = c.byKernel() && !samePIDs(old.Snapshot.Kept, now.Snapshot.Kept)
	c.old.apart = c.byKernel() && old.Snapshot.MountNS != now.Snapshot.MountNS && old.Snapshot.MountNS != 0 && now.Snapshot.MountNS != 0
	c.now.foreign, c.now.apart = c.old.foreign, c.old.apart
	c.pair()
	c.compareTypes()
	for i := range c.old.all {
		if j := c.old.pair[i]; j >= 0 {
			c.compare(i, j)
		} else {
			c.freed(i)
		}
	}
	for j := range c.now.all {
		if c.now.pair[j] < 0 {
			c.created(j)
		}
	}
	if !opts.Ignore.Has(Links) {
		c.findMoves()
	}
	c.compareFindings()
	c.compareDangling()
	slices.SortFunc(c.Namespaces, func(a, b Change) int {
		n, m := a.Namespace(), b.Namespace()
		return cmp.Or(cmp.Compare(n.Type, m.Type), cmp.Compare(n.Inode, m.Inode), -cmp.Compare(a.Action, b.Action))
	})
	c.addUnread()
	return c.Diff
}

// comparison is the state of Compare.
type comparison struct {
	*Diff
	old, now *side
	lacking  map[string]*Unread
	order    []string
}

// lacks counts what one of the snapshots does not have.
func (c *comparison) lacks(what string, old, now bool, count int) {
	if !old && !now {
		return
	}
	u := c.lacking[what]
	if u == nil {
		if c.lacking == nil {
			c.lacking = map[string]*Unread{}
		}
		u = &Unread{What: what}
		c.lacking[what], c.order = u, append(c.order, what)
	}
	u.Old, u.New, u.Count = u.Old || old, u.New || now, u.Count+count
}

func (c *comparison) addUnread() {
	for _, what := range c.order {
		c.Unread = append(c.Unread, *c.lacking[what])
	}
}
