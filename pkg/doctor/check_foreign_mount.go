// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"cmp"

	"github.com/nsinspect/nsinspect/internal/explain"
	"github.com/nsinspect/nsinspect/pkg/ns"
)

// findForeignMount finds namespaces without processes that are mounted in other
// mount namespaces and not in ours.
func findForeignMount(x *inspection) (all []Finding) {
	for _, n := range x.inState(foreign) {
		if x.pinned(n) {
			continue
		}
		x.describe(n)
		if x.state(n) != foreign {
			continue // it has lost all that held it
		}
		f := x.about(n)
		for i := range n.Holders {
			if h := &n.Holders[i]; h.Kind == ns.KindMount && !h.Lone() {
				f.Path = cmp.Or(f.Path, h.Path)
			}
		}
		x.write(&f, func(a *explain.Adviser) explain.Text { return a.ForeignMount(n) })
		x.addAge(&f)
		x.addLinks(&f)
		x.uncertain(&f, "process", "thread")
		all = append(all, f)
	}
	return all
}
