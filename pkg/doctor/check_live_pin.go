// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"fmt"

	"github.com/nsinspect/nsinspect/internal/explain"
	"github.com/nsinspect/nsinspect/pkg/ns"
)

// findLivePin finds plain files on which a namespace is mounted out of the sight
// of this path.
func findLivePin(x *inspection) (all []Finding) {
	for i := range x.snap.Dangling {
		s := &x.snap.Dangling[i]
		if !x.misleads(s) {
			continue
		}
		f := aboutPath(s)
		f.Summary = fmt.Sprintf("a plain file here, and the live name of %s elsewhere: do not rm it",
			ns.FormatLink(s.Pins[0].Type, s.Pins[0].Inode))
		var seen []string
		for j := range s.Pins {
			p := &s.Pins[j]
			seen = append(seen, fmt.Sprintf("%s is mounted on it in %s", ns.FormatLink(p.Type, p.Inode), x.pinWhere(&p.Mount)))
		}
		f.Evidence = few(seen, 3)
		f.Meaning = "To remove the file takes the mount away in every mount namespace, and the namespace with it if nothing else holds it. " +
			"The name was made where mounts do not reach this mount namespace."
		f.Namespace = x.snap.Find(s.Pins[0].Inode)
		f.Fix = fixPin(s)
		all = append(all, f)
	}
	return all
}

// misleads reports whether a plain file is a live pin that somebody may take for
// waste, or look for in vain. A runtime may keep its names where only it sees them:
// a user's Podman does, a Docker from a snap, an OpenShift node. As long as these
// namespaces are in use, that is as it should be.
func (x *inspection) misleads(s *ns.DanglingName) bool {
	for i := range s.Pins {
		n := x.snap.Find(s.Pins[i].Inode)
		switch {
		case n == nil || s.Pins[i].Mount.Covered:
			return true
		case x.byDesign(n):
		case x.state(n) != inUse || !runtimesOwn(s.Path) && x.container(n) == nil:
			return true
		}
	}
	return false
}

func (x *inspection) pinWhere(h *ns.Holder) string {
	if h.Covered {
		return "our own mount namespace, below a mount that covers it"
	}
	return x.where(h)
}

// fixPin returns the commands for a live pin: bring the name here, or take it away
// where it is.
func fixPin(s *ns.DanglingName) []string {
	h := &s.Pins[0].Mount
	if h.Covered || h.PID == 0 || h.Path == "" {
		return []string{fmt.Sprintf("nsinspect who-uses %d", s.Pins[0].Inode)}
	}
	return []string{
		fmt.Sprintf("mount -c --bind %s %s   # have it here too", explain.ShellWord(fmt.Sprintf("/proc/%d/root%s", h.PID, h.Path)), explain.ShellWord(s.Path)),
		unmountIn(h) + "   # or end it there, if it is not wanted",
	}
}
