// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/nsinspect/nsinspect/pkg/scan"
)

// findDuplicateName finds names that stand for two namespaces, in two names
// directories. A user's own directory is hers: nobody else looks into it.
func findDuplicateName(x *exam) (all []Finding) {
	type use struct {
		n    *scan.Namespace
		name scan.Name
	}
	uses := map[string][]use{}
	for i := range x.snap.Namespaces {
		n := &x.snap.Namespaces[i]
		for _, name := range n.Names {
			if !strings.HasPrefix(name.Path, "/run/user/") {
				uses[name.Name] = append(uses[name.Name], use{n, name})
			}
		}
	}
	for _, base := range slices.Sorted(maps.Keys(uses)) {
		those := uses[base]
		other := slices.IndexFunc(those, func(u use) bool { return u.n.Inode != those[0].n.Inode })
		if other < 0 {
			continue
		}
		f := Finding{
			Severity: Warning, Subject: base, Path: those[other].name.Path, Namespace: those[other].n,
			Summary: fmt.Sprintf("the name stands for %d namespaces", countNamespaces(len(those), func(i int) uint64 { return those[i].n.Inode })),
			Meaning: "Which one is meant depends on the directory that a program looks in: ip netns knows /run/netns alone.",
			marks:   []string{base},
		}
		for _, u := range those {
			f.Evidence = append(f.Evidence, fmt.Sprintf("%s is %s", u.name.Path, u.n))
			if u.name.Made.After(f.Since) {
				f.Since = u.name.Made
			}
		}
		f.Evidence = few(f.Evidence, 4)
		f.Fix = []string{rename(those[other].name)}
		all = append(all, f)
	}
	return all
}

func countNamespaces(n int, inode func(int) uint64) int {
	seen := map[uint64]bool{}
	for i := range n {
		seen[inode(i)] = true
	}
	return len(seen)
}

// rename returns the command that gives a name another one. A mount point cannot
// be moved: the new one is made first, so that the namespace is held all the time.
func rename(name scan.Name) string {
	old, fresh := scan.ShellWord(name.Path), scan.ShellWord(path.Join(path.Dir(name.Path), name.Name+"-2"))
	if name.Kind == scan.NameSymlink {
		return fmt.Sprintf("mv -n %s %s", old, fresh)
	}
	return fmt.Sprintf("touch %[2]s && mount --bind %[1]s %[2]s && umount %[1]s && rm %[1]s", old, fresh)
}

// findCoveredName finds namespaces that are mounted in our own mount namespace
// where no path reaches them: another mount lies over theirs. Two mounts of one
// namespace at a path are no trouble: ip netns makes /run/netns a mount of itself,
// with copies of all that is in it.
func findCoveredName(x *exam) (all []Finding) {
	for i := range x.snap.Namespaces {
		n := &x.snap.Namespaces[i]
		var covered []*scan.Holder
		for j := range n.Holders {
			if h := &n.Holders[j]; h.Kind == scan.KindMount && h.MountNS == x.snap.MountNS && h.Covered && h.Path != "" && !reachedAt(n, h) {
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
		x.dated(&f)
		all = append(all, f)
	}
	return all
}

// reachedAt reports whether the path of a covered mount reaches its namespace all
// the same.
func reachedAt(n *scan.Namespace, covered *scan.Holder) bool {
	if slices.ContainsFunc(n.Names, func(name scan.Name) bool { return name.Path == covered.Path }) {
		return true
	}
	return slices.ContainsFunc(n.Holders, func(h scan.Holder) bool {
		return h.Kind == scan.KindMount && h.MountNS == covered.MountNS && h.Path == covered.Path && !h.Covered
	})
}

// over returns the namespace that the path of a covered mount leads to, nil if to
// none.
func (x *exam) over(covered *scan.Holder) *scan.Namespace {
	for i := range x.snap.Namespaces {
		if n := &x.snap.Namespaces[i]; reachedAt(n, covered) {
			return n
		}
	}
	return nil
}

// uncover returns the commands that bring a covered name to light: what lies over
// it gets a name of its own first, for it may have no other.
func (x *exam) uncover(n *scan.Namespace, covered *scan.Holder) []string {
	if x.over(covered) == nil {
		return []string{fmt.Sprintf("nsinspect who-uses %d", n.Inode)}
	}
	word, fresh := scan.ShellWord(covered.Path), scan.ShellWord(covered.Path+"-2")
	return []string{fmt.Sprintf("touch %[2]s && mount --bind %[1]s %[2]s && umount %[1]s", word, fresh)}
}
