// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"slices"

	"github.com/nsinspect/nsinspect/internal/explain"
	"github.com/nsinspect/nsinspect/pkg/ns"
)

// findUnusedUserNS finds user namespaces that files or mounts keep, while no process is in
// them, or in a namespace that they own. One that only its children keep is not reported:
// they are.
func findUnusedUserNS(x *inspection) (all []Finding) {
	if !x.opts.covers(ns.User) {
		return nil
	}
	w := x.wide(checkUnusedUserNS)
	if w == nil {
		return nil
	}
	used := w.usedUserNS()
	for i := range w.snap.Namespaces {
		n := &w.snap.Namespaces[i]
		if n.Type != ns.User || n.Initial || used[n.Inode] || !kept(n) {
			continue
		}
		w.describe(n)
		if !kept(n) {
			continue // it has lost what held it
		}
		f := w.about(n)
		w.write(&f, func(a *explain.Adviser) explain.Text { return a.UnusedUserNS(n) })
		f.Age(n)
		w.uncertain(&f, "process", "thread", "child")
		all = append(all, f)
	}
	x.unseen[checkUnusedUserNS] = w.missingSources("process", "thread", "child")
	return all
}

// usedUserNS returns the user namespaces that a process is in, or in a namespace that they
// own, or their children do.
func (x *inspection) usedUserNS() map[uint64]bool {
	above := map[uint64]uint64{}
	for i := range x.snap.Namespaces {
		if n := &x.snap.Namespaces[i]; n.Type == ns.User {
			above[n.Inode] = n.UserNS
		}
	}
	used := map[uint64]bool{}
	for i := range x.snap.Namespaces {
		n := &x.snap.Namespaces[i]
		if !slices.ContainsFunc(n.Holders, func(h ns.Holder) bool { return h.IsTask() }) {
			continue
		}
		at := n.UserNS
		if n.Type == ns.User {
			at = n.Inode
		}
		for at != 0 && !used[at] {
			used[at] = true
			at = above[at]
		}
	}
	return used
}

// kept reports whether something that can be let go of keeps a namespace.
func kept(n *ns.Namespace) bool {
	return slices.ContainsFunc(n.Holders, func(h ns.Holder) bool { return h.Kind != ns.KindChild && h.Kind != ns.KindKernel })
}
