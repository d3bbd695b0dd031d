// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"fmt"
	"slices"

	"github.com/nsinspect/nsinspect/internal/explain"
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
		f := x.about(n)
		f.Path = covered[0].Path
		f.Summary = fmt.Sprintf("its name %s is covered by another mount and reaches it no more", covered[0].Path)
		for _, h := range covered {
			over := "a mount over a directory of its path"
			if upper := x.over(h); upper != nil {
				over = upper.String()
			}
			f.Evidence = append(f.Evidence, fmt.Sprintf("mount %d at %s is below %s", h.MountID, h.Path, over))
		}
		f.Evidence = few(f.Evidence, 3)
		f.Meaning = "The covered mount keeps the namespace alive, out of reach. Whoever uses the name gets what lies over it."
		f.Fix = x.uncover(n, covered[0])
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

// uncover returns the commands that bring a covered name to light: what lies over
// it gets a name of its own first, for it may have no other.
func (x *inspection) uncover(n *ns.Namespace, covered *ns.Holder) []string {
	if x.over(covered) == nil {
		return []string{fmt.Sprintf("nsinspect who-uses %d", n.Inode)}
	}
	word, fresh := explain.ShellWord(covered.Path), explain.ShellWord(covered.Path+"-2")
	return []string{fmt.Sprintf("touch %[2]s && mount --bind %[1]s %[2]s && umount %[1]s", word, fresh)}
}
