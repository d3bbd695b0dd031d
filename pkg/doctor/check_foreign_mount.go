// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"cmp"
	"fmt"
	"slices"

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
		f := x.about(n)
		f.Summary = "no process is in it: mounts in other mount namespaces keep it"
		var fixes []string
		for i := range n.Holders {
			h := &n.Holders[i]
			if h.Kind != ns.KindMount || h.Lone() {
				continue
			}
			f.Path = cmp.Or(f.Path, h.Path)
			f.Evidence = append(f.Evidence, fmt.Sprintf("mounted at %s in %s", cmp.Or(h.Path, "no path"), x.where(h)))
			fixes = append(fixes, unmountIn(h))
		}
		f.Evidence = few(f.Evidence, 3)
		f.Meaning = "A container that was given the host's /run, or a service with mounts of its own, has a copy of a name that was taken away here. " +
			"It keeps the namespace until it unmounts it or ends."
		f.Fix = few(slices.Compact(fixes), 3)
		x.addAge(&f)
		x.addLinks(&f)
		x.uncertain(&f, "process", "thread")
		all = append(all, f)
	}
	return all
}
