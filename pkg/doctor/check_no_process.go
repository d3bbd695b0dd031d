// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"github.com/nsinspect/nsinspect/internal/explain"
	"github.com/nsinspect/nsinspect/pkg/ns"
)

// findNoProcess finds namespaces that have a name and no process, and that nobody
// serves from outside. Those of containers are reported by findDeadContainer.
func findNoProcess(x *inspection) (all []Finding) {
	for _, n := range x.inState(named) {
		if served(n) || x.container(n) != nil {
			continue
		}
		x.describe(n)
		if x.state(n) != named {
			continue // it has lost what held it
		}
		f := x.about(n)
		f.Path = mountedAt(x, n)
		if len(n.Names) == 0 {
			f.Subject += " (" + f.Path + ")"
		}
		x.write(&f, func(a *explain.Adviser) explain.Text { return a.NoProcess(n) })
		x.addAge(&f)
		x.addLinks(&f)
		x.uncertain(&f, "process", "thread")
		all = append(all, f)
	}
	return all
}

// mountedAt returns the path of a mount in our own mount namespace that reaches a
// namespace.
func mountedAt(x *inspection, n *ns.Namespace) string {
	for i := range n.Holders {
		if h := &n.Holders[i]; h.Kind == ns.KindMount && h.MountNS == x.snap.MountNS && !h.Covered && h.Path != "" {
			return h.Path
		}
	}
	return ""
}
