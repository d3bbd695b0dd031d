// SPDX-License-Identifier: Apache-2.0

package explain

import (
	"fmt"
	"slices"

	"github.com/nsinspect/nsinspect/internal/host"
	"github.com/nsinspect/nsinspect/pkg/ns"
)

// AboutDuplicateName is what the check finds.
const AboutDuplicateName = "two namespaces have the same name"

// NameUse is a name and the namespace that it leads to.
type NameUse struct {
	Namespace *ns.Namespace
	Name      ns.Name
}

// DuplicateName writes about a name that several namespaces have. The last argument is
// the one that may get another name.
func (a *Adviser) DuplicateName(uses []NameUse, other NameUse) (t Text) {
	seen := map[uint64]bool{}
	for _, u := range uses {
		seen[u.Namespace.Inode] = true
		t.See(fmt.Sprintf("%s is %s", u.Name.Path, u.Namespace))
	}
	t.Summary = fmt.Sprintf("the name stands for %d namespaces", len(seen))
	t.Meaning = "Which one is meant depends on the directory that a program looks in: ip netns knows /run/netns alone."
	t.fix(a.rename(other))
	return t
}

// fresh returns a path beside another one at which nothing was seen, "" if there is none.
func (a *Adviser) fresh(name string) string {
	for i := 2; i < 100; i++ {
		fresh := fmt.Sprintf("%s-%d", name, i)
		taken := slices.ContainsFunc(a.Snapshot.Dangling, func(d ns.DanglingName) bool { return d.Path == fresh })
		if a.Machine != nil && !a.Machine.Recorded() {
			_, _, err := a.Machine.LookupNamespace(fresh)
			taken = taken || !host.IsGone(err)
		}
		if !taken {
			return fresh
		}
	}
	return ""
}

// rename returns the step that gives a name another one. A mount point cannot be moved:
// the new one is made first, so that the namespace is held all the time.
func (a *Adviser) rename(u NameUse) Fix {
	old := u.Name.Path
	f := Fix{verb: "rename", object: old}
	switch {
	case !u.Name.Authority.Trusted:
		return advise("give one of them another name: %s, so that no command is safe", controls(u.Name.Authority, old))
	case !a.leads(old, u.Namespace.Type, u.Namespace.Inode):
		return f
	}
	switch fresh := a.fresh(old); {
	case fresh == "":
	case u.Name.Kind == ns.NameSymlink:
		f.Command = command("mv -n -- %s %s", old, fresh)
	default:
		f.Command = command("touch -- %[2]s && mount --bind -- %[1]s %[2]s && umount -- %[1]s && rm -- %[1]s", old, fresh)
	}
	return f
}
