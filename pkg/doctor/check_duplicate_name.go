// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/nsinspect/nsinspect/internal/explain"
	"github.com/nsinspect/nsinspect/pkg/ns"
)

// findDuplicateName finds names that stand for two namespaces, in two names
// directories. A user's own directory is private: no other program reads it.
func findDuplicateName(x *inspection) (all []Finding) {
	type use struct {
		n    *ns.Namespace
		name ns.Name
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
func rename(name ns.Name) string {
	old, fresh := explain.ShellWord(name.Path), explain.ShellWord(path.Join(path.Dir(name.Path), name.Name+"-2"))
	if name.Kind == ns.NameSymlink {
		return fmt.Sprintf("mv -n %s %s", old, fresh)
	}
	return fmt.Sprintf("touch %[2]s && mount --bind %[1]s %[2]s && umount %[1]s && rm %[1]s", old, fresh)
}
