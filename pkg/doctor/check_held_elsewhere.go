// SPDX-License-Identifier: Apache-2.0

package doctor

import "github.com/nsinspect/nsinspect/internal/explain"

// findHeldElsewhere finds namespaces that live only by files or sockets of
// processes that are not in them.
func findHeldElsewhere(x *inspection) (all []Finding) {
	for _, n := range x.inState(elsewhere) {
		x.describe(n)
		if x.state(n) != elsewhere {
			continue // it has lost all that held it
		}
		f := x.about(n)
		x.write(&f, func(a *explain.Adviser) explain.Text { return a.HeldElsewhere(n) })
		x.addAge(&f)
		x.addLinks(&f)
		x.uncertain(&f, "process", "thread", "mount")
		all = append(all, f)
	}
	return all
}
