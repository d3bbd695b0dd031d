// SPDX-License-Identifier: Apache-2.0

package explain

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/nsinspect/nsinspect/pkg/ns"
	"github.com/nsinspect/nsinspect/pkg/owner"
)

// maker returns who made the user namespace that owns a namespace, and with that the
// namespace. One of whom that is not known is taken for root's.
func (a *Adviser) maker(n *ns.Namespace) ns.Authority { return a.userID(n.OwnerUID) }

// userID returns the authority of what a user has made, -1 for one who is not known.
func (a *Adviser) userID(uid int) ns.Authority {
	switch {
	case uid <= 0:
		return ns.RootAuthority
	case a.Machine == nil:
		return ns.UserAuthority(uid)
	}
	return a.Machine.AuthorityOf(uid)
}

// handed returns why a process that holds a namespace may not have meant to, "" if it may be
// ended for that. Whoever can write to a unix socket can send an open file there
// (unix(7), SCM_RIGHTS): it waits in the queue of root's process, which may also have taken
// it. maker is whose the namespace is.
func (a *Adviser) handed(maker ns.Authority, h *ns.Holder) string {
	switch {
	case h.IsTask() || h.Kind == ns.KindMount || h.PID == 0 || h.Process == nil || !a.userID(h.Process.UID).Trusted:
		return ""
	case !maker.Trusted:
		return fmt.Sprintf("%s made the namespace and can have sent it there", userOf(maker))
	case h.Kind == ns.KindInflight:
		return "whoever can write to that socket can have sent it there"
	}
	return ""
}

// guarded reports whether no command is to end the process of a holder, or to start it anew:
// many others depend on it. A user can call any program so.
func (a *Adviser) guarded(h *ns.Holder, comm string) bool {
	switch {
	case !slices.Contains(daemons[:], comm):
		return false
	case h.Process == nil && a.Machine != nil:
		return a.Machine.ProcessAuthority(h.PID).Trusted
	}
	return h.Process == nil || a.userID(h.Process.UID).Trusted
}

// guest reports whether something is open in a process of a user's that a unit of root's has
// started, as cron starts jobs: that is no reason to start the unit anew. Who is in a
// namespace that root made was put there by root.
func (a *Adviser) guest(h *ns.Holder, o *owner.Owner) bool {
	return !h.IsTask() && o != nil && o.Runtime == "systemd" && h.Process != nil && !a.userID(h.Process.UID).Trusted
}

// wayThere returns who controls the way to a path in the mount namespace of a task.
func (a *Adviser) wayThere(task ns.TaskID, name string) ns.Authority {
	root, err := a.Machine.ReadProcLink(task, "root")
	if err != nil {
		return ns.UnknownAuthority
	}
	if root != "/" { // umount goes there from the root directory of the mount namespace
		name = strings.TrimPrefix(name, root)
	}
	authority, err := a.Machine.AuthorityInside(task, path.Dir(strings.TrimRight(name, "/")))
	if err != nil {
		return ns.UnknownAuthority
	}
	return authority
}
