// SPDX-License-Identifier: Apache-2.0

package explain

import (
	"fmt"
	"strings"

	"github.com/nsinspect/nsinspect/pkg/ns"
)

// AboutHeldElsewhere is what the check finds.
const AboutHeldElsewhere = "a namespace is kept only by descriptors of processes outside of it"

// HeldElsewhere writes about a namespace that only files and sockets of processes keep which
// are not in it.
func (a *Adviser) HeldElsewhere(n *ns.Namespace) (t Text) {
	t.Summary = "no process is in it, and no name leads to it: processes elsewhere keep it by " + strings.Join(n.Tally(), ", ")
	a.seeHolders(&t, n.Holders, a.holds)
	t.Meaning = "ip netns does not show it, nor does any look at processes. It goes when the program closes what it has open; a leak of descriptors looks like this."
	t.fixAll(a.Free(n))
	return t
}

// holds returns a phrase for how something holds a namespace.
func (a *Adviser) holds(h *ns.Holder) string {
	s := h.Socket.Words()
	switch {
	case h.Closing():
		return fmt.Sprintf("%s %s socket: a closing TCP connection to %s (%s)", s.Family, s.Type, s.Peer, s.State)
	case h.Lone() && h.Pin != nil:
		return fmt.Sprintf("mount %d, below a detached mount: %s", h.MountID, a.holds(h.Pin))
	case h.Lone():
		return fmt.Sprintf("mount %d: %s", h.MountID, h.Via)
	}
	what := h.Kind.String()
	if words := strings.TrimSpace(s.Family + " " + s.Type + " " + s.Device); words != "" {
		what = words + " " + what
	}
	if h.Kind.HasFD() && h.FD >= 0 {
		return fmt.Sprintf("%s: fd %d of %s", what, h.FD, a.Who(h.PID))
	}
	if h.Via != ns.NoVia && h.Kind.HasFD() && h.PID != 0 {
		return fmt.Sprintf("%s: the %s of %s", what, h.Via, a.Who(h.PID))
	}
	return what + " of " + a.Who(h.PID)
}
