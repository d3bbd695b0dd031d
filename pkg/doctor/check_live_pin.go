// SPDX-License-Identifier: Apache-2.0

package doctor

import "github.com/nsinspect/nsinspect/pkg/ns"

// findLivePin finds plain files on which a namespace is mounted out of the sight
// of this path.
func findLivePin(x *inspection) (all []Finding) {
	for i := range x.snap.Dangling {
		s := &x.snap.Dangling[i]
		if !x.misleads(s) {
			continue
		}
		f := aboutPath(s)
		f.Namespace = x.snap.Find(s.Pins[0].Inode)
		for i := range s.Pins {
			f.Authority = f.Authority.And(s.Pins[i].Mount.Authority)
		}
		f.write(x.adviser().LivePin(s, f.Namespace))
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
