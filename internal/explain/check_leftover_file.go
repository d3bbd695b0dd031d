// SPDX-License-Identifier: Apache-2.0

package explain

import (
	"fmt"

	"github.com/nsinspect/nsinspect/internal/text"
	"github.com/nsinspect/nsinspect/pkg/ns"
)

// AboutLeftoverFile is what the check finds.
const AboutLeftoverFile = "a regular file is left over in a names directory"

// LeftoverFile writes about a plain file that is no name anywhere.
func (a *Adviser) LeftoverFile(s *ns.DanglingName) (t Text) {
	t.Summary = "a plain file, and no namespace"
	t.See("no namespace is mounted on it in any mount namespace, and all were read")
	t.By(s.Authority, "it")
	t.Meaning = "Somebody unmounted the namespace and left the file, or never got to mount it. " +
		"ip netns list still shows it (\"Peer netns reference is invalid\"), and a new namespace cannot get its name."
	t.fix(remove(s.Path, s.Authority))
	return t
}

// BusyFile writes about a plain file that something else than a namespace is mounted on.
func (a *Adviser) BusyFile(s *ns.DanglingName) (t Text) {
	t.Summary = "a plain file, and no namespace: something else is mounted on it"
	for _, where := range s.Others {
		t.See("something other than a namespace is mounted on it in " + where)
	}
	t.By(s.Authority, "it")
	t.Meaning = "A container or service may have been given a file of its own there. Nobody can remove the file where something is mounted on it, " +
		"and to remove it elsewhere takes that mount away."
	t.fix(advise("unmount what is mounted on %s, if nobody needs it, before the file is removed", text.Name(s.Path)))
	return t
}

// PerhapsLeftoverFile writes about a plain file that may be a name elsewhere, and why that is
// not known.
func (a *Adviser) PerhapsLeftoverFile(s *ns.DanglingName, why string) (t Text) {
	t.Summary = "a plain file, and no namespace here: left over, or a live name in another mount namespace"
	t.See("no namespace was seen mounted on it")
	t.NotCertain(why)
	t.By(s.Authority, "it")
	t.Meaning = "Do not rm it before that is known: to remove a mount point unmounts it in every mount namespace, and can end a namespace that is in use."
	t.fix()
	return t
}

// Why a namespace may be mounted on a file though none was seen.
const (
	WhyMountNamespaces = "mount namespaces that no process is in were not read (that takes root in the host's PID namespace, and Linux 6.12)"
	WhyDetachedMounts  = "detached mounts were not looked at"
	WhyNotCompared     = "which file the path leads to is unknown: its root directory is not a mount"
)

// WhyUnexplained returns why a namespace may be mounted anywhere: by h, which no path leads
// to, or by what the kernel alone knows.
func WhyUnexplained(n *ns.Namespace, h *ns.Holder) string {
	if h.Kind == ns.KindKernel {
		return fmt.Sprintf("nothing visible explains what keeps %s, which may be mounted there", n)
	}
	return fmt.Sprintf("it is unknown where mount %d of %s is, which no path leads to", h.MountID, n)
}
