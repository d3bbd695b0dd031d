// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"slices"

	"github.com/nsinspect/nsinspect/pkg/ns"
)

// findCoveredName finds namespaces that are mounted in our own mount namespace
// where no path reaches them: another mount lies over theirs. Two mounts of one
// namespace at a path are no trouble: ip netns makes /run/netns a mount of itself,
// with copies of all that is in it.
func findCoveredName(x *inspection) (all []Finding) {
	for i := range x.snap.Namespaces {
		n := &x.snap.Namespaces[i]
		var covered []*ns.Holder
		for j := range n.Holders {
			if h := &n.Holders[j]; h.Kind == ns.KindMount && h.MountNS == x.snap.MountNS && h.Covered && h.Path != "" && !h.Lone() && !reachedAt(n, h) {
				covered = append(covered, h)
			}
		}
		if n.Initial || len(covered) == 0 || x.pinned(n) {
			continue
		}
		over := make([]*ns.Namespace, len(covered))
		for j, h := range covered {
			over[j] = x.over(h)
		}
		f := x.about(n)
		f.Path = covered[0].Path
		f.write(x.adviser().CoveredName(n, covered, over))
		x.addAge(&f)
		all = append(all, f)
	}
	return all
}

// reachedAt reports whether the path of a covered mount reaches its namespace all
// the same.
func reachedAt(n *ns.Namespace, covered *ns.Holder) bool {
	if slices.ContainsFunc(n.Names, func(name ns.Name) bool { return name.Path == covered.Path }) {
		return true
	}
	return slices.ContainsFunc(n.Holders, func(h ns.Holder) bool {
		return h.Kind == ns.KindMount && h.MountNS == covered.MountNS && h.Path == covered.Path && !h.Covered
	})
}

// over returns the namespace that the path of a covered mount leads to, nil if to
// none.
func (x *inspection) over(covered *ns.Holder) *ns.Namespace {
	for i := range x.snap.Namespaces {
		if n := &x.snap.Namespaces[i]; reachedAt(n, covered) {
			return n
		}
	}
	return nil
}
