// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"maps"
	"slices"
	"strings"

	"github.com/nsinspect/nsinspect/internal/explain"
	"github.com/nsinspect/nsinspect/pkg/ns"
)

// findDuplicateName finds names that stand for two namespaces, in two names
// directories. A user's own directory is private: no other program reads it, and what a
// user has named shadows nothing.
func findDuplicateName(x *inspection) (all []Finding) {
	uses := map[string][]explain.NameUse{}
	for i := range x.snap.Namespaces {
		n := &x.snap.Namespaces[i]
		for _, name := range n.Names {
			if name.Authority.Trusted && !strings.HasPrefix(name.Path, "/run/user/") {
				uses[name.Name] = append(uses[name.Name], explain.NameUse{Namespace: n, Name: name})
			}
		}
	}
	for _, base := range slices.Sorted(maps.Keys(uses)) {
		those := uses[base]
		other := slices.IndexFunc(those, func(u explain.NameUse) bool { return u.Namespace.Inode != those[0].Namespace.Inode })
		if other < 0 {
			continue
		}
		f := Finding{
			Authority: ns.KernelAuthority,
			Severity:  Warning, Subject: base, Path: those[other].Name.Path, Namespace: those[other].Namespace,
			Text: x.adviser().DuplicateName(those, those[other]), marks: []string{base},
		}
		for _, u := range those {
			f.Authority = f.Authority.And(u.Name.Authority)
			if u.Name.Made.After(f.Since) {
				f.Since = u.Name.Made
			}
		}
		all = append(all, f)
	}
	return all
}
