// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/nsinspect/nsinspect/pkg/ns"
)

// findHeldElsewhere finds namespaces that live only by files or sockets of
// processes that are not in them.
func findHeldElsewhere(x *inspection) (all []Finding) {
	for _, n := range x.inState(elsewhere) {
		x.describe(n)
		if x.state(n) != elsewhere {
			continue // it has lost all that held it
		}
		f := x.about(n)
		f.Summary = "no process is in it, and no name leads to it: processes elsewhere keep it by " + join(n.Tally())
		pids := map[ns.TaskID]bool{}
		for i := range n.Holders {
			h := &n.Holders[i]
			f.Evidence = append(f.Evidence, x.holds(h))
			pids[h.PID] = true
			if h.Pin != nil {
				pids[h.Pin.PID] = true
			}
		}
		f.Evidence = few(f.Evidence, 4)
		f.Meaning = "ip netns does not show it, nor does any look at processes. It goes when the program closes what it has open; a leak of descriptors looks like this."
		for _, pid := range slices.Sorted(maps.Keys(pids)) {
			if cmd := x.restart(pid); cmd != "" {
				f.Fix = append(f.Fix, cmd)
			}
		}
		f.Fix = few(f.Fix, 3)
		x.addAge(&f)
		x.addLinks(&f)
		x.uncertain(&f, "process", "thread", "mount")
		all = append(all, f)
	}
	return all
}

// holds returns a phrase for how something holds a namespace.
func (x *inspection) holds(h *ns.Holder) string {
	switch {
	case h.Lone() && h.Pin != nil:
		return fmt.Sprintf("mount %d, below a detached mount: %s", h.MountID, x.holds(h.Pin))
	case h.Lone():
		return fmt.Sprintf("mount %d: %s", h.MountID, h.Via)
	}
	what := h.Kind.String()
	if words := strings.TrimSpace(h.Family + " " + h.Type + " " + h.Device); words != "" {
		what = words + " " + what
	}
	if h.Kind.HasFD() && h.FD >= 0 {
		return fmt.Sprintf("%s: fd %d of %s", what, h.FD, x.who(h.PID))
	}
	return what + " of " + x.who(h.PID)
}
