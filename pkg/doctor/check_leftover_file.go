// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"fmt"
	"path"

	"github.com/nsinspect/nsinspect/internal/explain"
	"github.com/nsinspect/nsinspect/pkg/ns"
)

// findLeftoverFile finds plain files that are no name anywhere. That takes having
// read every mount namespace, and having an explanation for every namespace: one
// may be mounted there in a detached tree, which no list has.
func findLeftoverFile(x *inspection) (all []Finding) {
	for i := range x.snap.Dangling {
		s := &x.snap.Dangling[i]
		if s.Kind != ns.NameFile || len(s.Pins) > 0 || x.dockerLeftover(s) {
			continue
		}
		f := aboutPath(s)
		f.Summary = "a plain file, and no namespace"
		if why := x.mayBePinned(s); why != "" {
			f.Severity = Unknown
			f.Summary += " here: left over, or a live name in another mount namespace"
			f.Evidence = []string{"no namespace was seen mounted on it", "not certain: " + why}
			f.Meaning = "Do not rm it before that is known: to remove a mount point unmounts it in every mount namespace, and can end a namespace that is in use."
		} else {
			f.Evidence = []string{"no namespace is mounted on it in any mount namespace, and all were read"}
			f.Meaning = "Somebody unmounted the namespace and left the file, or never got to mount it. " +
				"ip netns list still shows it (\"Peer netns reference is invalid\"), and a new namespace cannot get its name."
			f.Fix = []string{"rm " + explain.ShellWord(s.Path)}
		}
		if m := namingProgram(path.Base(s.Path)); m != "" {
			f.Evidence = append(f.Evidence, "named as "+m+" names them")
		}
		f.Evidence = append(f.Evidence, "last changed "+stamp(s.Made))
		all = append(all, f)
	}
	return all
}

// mayBePinned returns why a namespace may be mounted on a plain file though none was
// seen, "" if none can be.
func (x *inspection) mayBePinned(s *ns.DanglingName) string {
	switch why := x.missingSources("mount", "kernel"); {
	case why != "":
		return why
	case !x.snap.MountsAll:
		return "mount namespaces that no process is in were not read (that takes root, and Linux 6.12)"
	case !x.snap.LoneMounts:
		return "detached mounts were not looked at"
	case !s.Compared:
		return "which file the path leads to is unknown: its root directory is no mount"
	}
	for i := range x.snap.Namespaces {
		n := &x.snap.Namespaces[i]
		for j := range n.Holders {
			switch h := &n.Holders[j]; {
			case h.Kind == ns.KindKernel:
				return fmt.Sprintf("nothing visible explains what keeps %s, which may be mounted there", n)
			case h.Kind == ns.KindMount && (h.Lone() || h.Path == ""):
				return fmt.Sprintf("it is unknown where mount %d of %s is, which no path leads to", h.MountID, n)
			}
		}
	}
	return ""
}
