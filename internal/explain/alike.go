// SPDX-License-Identifier: Apache-2.0

package explain

import (
	"fmt"

	"github.com/nsinspect/nsinspect/pkg/ns"
)

// mostAlike is how many holders that are alike are written of one by one. A program that
// leaks descriptors has thousands, and one step closes all.
const mostAlike = 8

// alike returns how many holders at the beginning of some are alike: descriptors of one kind
// that a process has, or TCP connections that none has.
func alike(all []ns.Holder) int {
	n := 1
	for n < len(all) && areAlike(&all[0], &all[n]) {
		n++
	}
	return n
}

func areAlike(g, h *ns.Holder) bool {
	if g.Kind != h.Kind || !h.Kind.HasFD() || g.Closing() != h.Closing() {
		return false
	}
	return h.Closing() || h.FD >= 0 && g.FD >= 0 && g.PID == h.PID && g.TID == h.TID && g.Born == h.Born && (g.Process == nil) == (h.Process == nil)
}

// others names so many holders more that are like one.
func others(n int, h *ns.Holder, name func(*ns.Holder) string) string {
	if h.Closing() {
		return fmt.Sprintf("%d more closing TCP connections", n)
	}
	return fmt.Sprintf("%d more %s of %s", n, h.Kind.Plural(n), name(asTask(h)))
}

// seeHolders adds a phrase for each holder, unless write returns none. Those beyond the first of
// many that are alike are counted.
func (a *Adviser) seeHolders(t *Text, all []ns.Holder, write func(*ns.Holder) string) {
	for len(all) > 0 {
		n := alike(all)
		wrote := false
		for i := range min(n, mostAlike) {
			if phrase := write(&all[i]); phrase != "" {
				t.See(phrase)
				wrote = true
			}
		}
		if wrote && n > mostAlike {
			t.See(others(n-mostAlike, &all[0], func(h *ns.Holder) string { return a.Who(h.PID) }))
		}
		all = all[n:]
	}
}
