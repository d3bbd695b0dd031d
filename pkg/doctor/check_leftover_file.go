// SPDX-License-Identifier: Apache-2.0

package doctor

import (
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
		if why := x.mayBePinned(s); why != "" {
			f.Severity = Unknown
			f.write(x.adviser().PerhapsLeftoverFile(s, why))
		} else if len(s.Others) > 0 {
			f.write(x.adviser().BusyFile(s))
		} else {
			f.write(x.adviser().LeftoverFile(s))
		}
		f.NamedBy(namingProgram(path.Base(s.Path)))
		f.See("last changed " + explain.Stamp(s.Made))
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
		return explain.WhyMountNamespaces
	case !x.snap.LoneMounts:
		return explain.WhyDetachedMounts
	case !s.Compared:
		return explain.WhyNotCompared
	}
	for i := range x.snap.Namespaces {
		n := &x.snap.Namespaces[i]
		for j := range n.Holders {
			if h := &n.Holders[j]; h.Kind == ns.KindKernel || h.Kind == ns.KindMount && (h.Lone() || h.Path == "") {
				return explain.WhyUnexplained(n, h)
			}
		}
	}
	return ""
}
