// SPDX-License-Identifier: Apache-2.0

package explain

import (
	"fmt"

	"github.com/nsinspect/nsinspect/pkg/ns"
)

// AboutKernelOnly is what the check finds.
const AboutKernelOnly = "a namespace is alive, and nothing visible holds it"

// KernelOnly writes about a namespace that nothing visible keeps.
func (a *Adviser) KernelOnly(n *ns.Namespace) (t Text) {
	refs, closing := 0, 0
	t.Summary = "nothing visible keeps it, and yet it is alive"
	for i := range n.Holders {
		h := &n.Holders[i]
		if refs += int(h.Refs); h.Closing() {
			refs, closing = refs+1, closing+1
		}
	}
	a.seeHolders(&t, n.Holders, func(h *ns.Holder) string {
		if !h.Closing() {
			return ""
		}
		return a.holds(h)
	})
	t.See(fmt.Sprintf("references to it that the kernel counts: %d", refs))
	switch c := a.causeOf(n, refs-closing); {
	case closing > 0 && closing == refs:
		t.Meaning = "It is freed when they have closed: " + Closing(closing, true) + "."
	case c.hidden:
		t.Meaning = "What holds it may be a process that cannot be seen from here: " + c.why + "."
	case c.missed:
		t.Meaning = "What holds it may be something that was not looked at."
	case c.closing > 0:
		t.Meaning = "It is freed when they have closed: " + Closing(c.closing, true) + "."
	default:
		t.Meaning = "Something inside the kernel holds it: a TCP connection that is still closing, " +
			"a request of an io_uring, a mount of NFS or SMB made in it. Neither lsns nor ip netns shows it."
	}
	t.fix()
	t.look(fmt.Sprintf("nsinspect who-uses %d", n.Inode), "whether what holds it shows up by now")
	return t
}

// Closing returns why a namespace that nothing visible keeps may be kept for minutes only:
// by so many TCP connections. known reports whether they are of that namespace.
func Closing(connections int, known bool) string {
	if known {
		return fmt.Sprintf("TCP connections of ended processes are still closing and keep it, for some minutes at most: %d of them", connections)
	}
	return fmt.Sprintf("TCP connections of ended processes are still closing on this machine, %d of them, and may be what keeps it", connections)
}
