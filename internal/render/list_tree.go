// SPDX-License-Identifier: Apache-2.0

package render

import (
	"cmp"
	"slices"

	"github.com/nsinspect/nsinspect/internal/wire"
	"github.com/nsinspect/nsinspect/pkg/ns"
	"github.com/nsinspect/nsinspect/pkg/owner"
)

// Tree is what namespaces are listed below.
type Tree string

// The trees.
const (
	NoTree     Tree = ""
	OwnerTree  Tree = "owner"  // their owning user namespace; a user namespace is below its parent
	ParentTree Tree = "parent" // their parent, of user and PID namespaces
)

// Trees returns the names of the trees.
func Trees() []string { return []string{string(OwnerTree), string(ParentTree)} }

// above returns the inode of the namespace that another one is below, 0 if there is none,
// or that is unknown.
func (t Tree) above(n *ns.Namespace) uint64 {
	switch t {
	case OwnerTree:
		return n.UserNS
	case ParentTree:
		return n.Parent
	}
	return 0
}

// kin finds the relatives of namespaces in a tree.
type kin struct {
	tree    Tree
	byInode map[uint64]*ns.Namespace
}

func newKin(t Tree, s *ns.Snapshot) kin {
	k := kin{t, make(map[uint64]*ns.Namespace, len(s.Namespaces))}
	for i := range s.Namespaces {
		k.byInode[s.Namespaces[i].Inode] = &s.Namespaces[i]
	}
	return k
}

// ancestors calls f for what is above a namespace, one after the other, until it returns
// false. Namespaces that were read one after the other can be in a circle, as inodes are
// reused.
func (k kin) ancestors(n *ns.Namespace, f func(*ns.Namespace) bool) {
	for range k.byInode {
		if n = k.byInode[k.tree.above(n)]; n == nil || !f(n) {
			return
		}
	}
}

// withBelow returns some namespaces and all those below them, in the order of the snapshot.
func (k kin) withBelow(s *ns.Snapshot, some []*ns.Namespace) (all []*ns.Namespace) {
	wanted := make(map[*ns.Namespace]bool, len(some))
	for _, n := range some {
		wanted[n] = true
	}
	for i := range s.Namespaces {
		n := &s.Namespaces[i]
		below := wanted[n]
		if !below {
			k.ancestors(n, func(a *ns.Namespace) bool { below = wanted[a]; return !below })
		}
		if below {
			all = append(all, n)
		}
	}
	return all
}

// withContext returns rows and, as context, those of all that they are below.
func (k kin) withContext(s *ns.Snapshot, x *owner.Index, rows []listRow) []listRow {
	there := make(map[*ns.Namespace]bool, len(rows))
	for i := range rows {
		there[rows[i].Namespace] = true
	}
	all := slices.Clip(rows)
	for i := range rows {
		k.ancestors(rows[i].Namespace, func(a *ns.Namespace) bool {
			if there[a] {
				return false // and so is what that is below, or will be
			}
			there[a] = true
			all = append(all, listRow{Namespace: a, snap: s, owner: x.Namespace(a), format: rows[i].format, context: true})
			return true
		})
	}
	slices.SortFunc(all, func(a, b listRow) int { return cmp.Or(cmp.Compare(a.Type, b.Type), cmp.Compare(a.Inode, b.Inode)) })
	return all
}

// planted returns rows as a tree, in their order.
func (t Tree) planted(rows []listRow) []branch {
	byInode, below := make(map[uint64]int, len(rows)), map[int][]int{}
	for i := range rows {
		byInode[rows[i].Inode] = i
	}
	var roots []int
	for i := range rows {
		if above, ok := byInode[t.above(rows[i].Namespace)]; ok {
			below[above] = append(below[above], i)
		} else {
			roots = append(roots, i)
		}
	}
	planted := make([]bool, len(rows))
	var plant func(of []int) []branch
	plant = func(of []int) (all []branch) {
		for _, i := range of {
			if !planted[i] {
				planted[i] = true
				all = append(all, branch{row: &rows[i], below: plant(below[i])})
			}
		}
		return all
	}
	all := plant(roots)
	for i := range rows { // that are in a circle
		all = append(all, plant([]int{i})...)
	}
	return all
}

// nodes returns a tree as JSON has it, each namespace before those below it.
func nodes(all []branch) (flat []wire.Node) {
	for i := range all {
		n := wire.Node{Namespace: all[i].row.Namespace, Context: all[i].row.context}
		for k := range all[i].below {
			n.Children = append(n.Children, all[i].below[k].row.Inode)
		}
		flat = append(append(flat, n), nodes(all[i].below)...)
	}
	return flat
}

// strokes are what a tree is drawn with.
type strokes struct{ branch, last, trunk, blank string }

func (s Style) strokes() strokes {
	if s.ASCII {
		return strokes{"|-", "`-", "| ", "  "}
	}
	return strokes{"├─", "└─", "│ ", "  "}
}

// draw calls f for each branch, with what is drawn before it.
func (s strokes) draw(all []branch, before string, root bool, f func(string, *branch)) {
	for i := range all {
		own, further := before+s.branch, before+s.trunk
		switch {
		case root:
			own, further = "", ""
		case i == len(all)-1:
			own, further = before+s.last, before+s.blank
		}
		f(own, &all[i])
		s.draw(all[i].below, further, false, f)
	}
}

// rooted returns the columns of a tree, and in which it is drawn: that of the inode or,
// without that, the first. It is on the left if nobody chose another place.
func (c *Columns) rooted() (shown []shownColumn, at int) {
	at = max(slices.IndexFunc(c.shown, func(s shownColumn) bool { return s.title == "INODE" }), 0)
	if at == 1 && c.usual {
		shown = slices.Clone(c.shown)
		shown[0], shown[1] = shown[1], shown[0]
		return shown, 0
	}
	return c.shown, at
}
