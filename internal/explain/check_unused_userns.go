// SPDX-License-Identifier: Apache-2.0

package explain

import (
	"strings"

	"github.com/nsinspect/nsinspect/pkg/ns"
)

// AboutUnusedUserNS is what the check finds.
const AboutUnusedUserNS = "a user namespace is kept by files alone (--type user)"

// UnusedUserNS writes about a user namespace that no process is in, nor in a namespace that
// it owns.
func (a *Adviser) UnusedUserNS(n *ns.Namespace) (t Text) {
	t.Summary = "no process is in it, nor in a namespace that it owns: it is kept by " + strings.Join(n.Tally(), ", ")
	a.seeHolders(&t, n.Holders, func(h *ns.Holder) string {
		switch h.Kind {
		case ns.KindChild:
			return "it owns " + h.Child.String()
		case ns.KindMount:
			return "mounted at " + h.Path
		}
		return a.holds(h)
	})
	t.Meaning = "It counts in user.max_user_namespaces of whoever created it, and what it owns lives as long as it does. " +
		"A program that keeps the file for containers to come looks the same."
	t.fixAll(a.Free(n))
	return t
}
