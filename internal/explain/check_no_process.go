// SPDX-License-Identifier: Apache-2.0

package explain

import (
	"strings"

	"github.com/nsinspect/nsinspect/pkg/ns"
)

// AboutNoProcess is what the check finds.
const AboutNoProcess = "a namespace has a name and no process"

// NoProcess writes about a namespace that has a name and no process.
func (a *Adviser) NoProcess(n *ns.Namespace) (t Text) {
	t.Summary = "no process is in it: its name alone keeps it"
	if kinds := n.Tally(); len(kinds) > 1 || n.Count(ns.KindMount) == 0 {
		t.Summary = "no process is in it: its name keeps it, and so does what processes elsewhere have open"
	} else if a.mountedElsewhere(n) {
		t.Summary = "no process is in it: its name keeps it, and so do mounts in other mount namespaces"
	}
	t.See("held by " + strings.Join(n.Tally(), ", "))
	a.seeHolders(&t, n.Holders, func(h *ns.Holder) string {
		if h.Kind == ns.KindMount || h.Kind == ns.KindKernel {
			return ""
		}
		return a.holds(h)
	})
	t.Meaning = "It may be meant so (a router, a lab), or be what a container or script left behind. " +
		"Its addresses and routes live on with it. --max-orphans N excuses so many of them."
	t.fixAll(a.Free(n))
	return t
}

func (a *Adviser) mountedElsewhere(n *ns.Namespace) bool {
	for i := range n.Holders {
		if h := &n.Holders[i]; h.Kind == ns.KindMount && a.elsewhere(h) {
			return true
		}
	}
	return false
}
