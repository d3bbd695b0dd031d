// SPDX-License-Identifier: Apache-2.0

package explain

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/nsinspect/nsinspect/internal/text"
	"github.com/nsinspect/nsinspect/pkg/ns"
)

// mostChecked is for how many mounts of a namespace in other mount namespaces there is a command.
// Whether a path leads there is a question to another process each, and there can be a hundred
// thousand.
const mostChecked = 1000

// unmountOthers is unmount for the mounts in other mount namespaces.
func (a *Adviser) unmountOthers(n *ns.Namespace, files files, yield func(Fix) bool) bool {
	defer func() { a.unchecked = false }()
	seen := 0
	for i := range n.Holders {
		h := &n.Holders[i]
		if h.Kind != ns.KindMount || !a.elsewhere(h) || files.take(h) {
			continue
		}
		a.unchecked = seen >= mostChecked
		if seen++; !yieldAll(a.unmountElsewhere(a.maker(n), h, n.Type, n.Inode), yield) {
			return false
		}
	}
	if a.live() && seen > mostChecked {
		return yield(advise("ask again when those are gone that there is a command for: no more than %d mounts in other mount namespaces are checked", mostChecked))
	}
	return true
}

// elsewhere reports whether a mount is not in our own mount namespace.
func (a *Adviser) elsewhere(h *ns.Holder) bool { return h.MountNS != a.Snapshot.MountNS || h.Lone() }

// unmountElsewhere returns the steps that take away a mount of a namespace in another mount
// namespace. One without a task is freed, with its mounts, by what pins it. One that a
// user owns is not entered: whatever its paths lead to is that user's. maker is whose the
// namespace that is mounted is.
func (a *Adviser) unmountElsewhere(maker ns.Authority, h *ns.Holder, t ns.Type, inode uint64) []Fix {
	where := ns.FormatLink(ns.Mnt, h.MountNS)
	switch {
	case h.Lone():
		return a.unmountLone(maker, h)
	case h.PID == 0:
		return a.freePinned(h)
	case !h.Authority.Trusted:
		return a.endAllIn(h, fmt.Sprintf("%s%s with %s", where, h.Authority.Suffix(), mountName(h)))
	case h.Path == "":
		return []Fix{advise("end the processes in %s, where no path leads to mount %d", where, h.MountID)}
	}
	f := Fix{verb: "unmount", object: fmt.Sprintf("%s in the mount namespace of %s", text.Name(h.Path), a.whoSees(h)), noun: ns.KindMount.Plural(2)}
	switch {
	case h.Covered:
		f.object += ", after what covers it there"
	case a.confined:
		f.object += fmt.Sprintf(", as nsenter --target %d %s --mount -- umount PATH does", targetTask(h), nsenterUser())
	case a.busybox:
		f.object += " (umount -N of util-linux does it from here)"
	default:
		f.Command = a.enterAndUnmount(h, t, inode)
	}
	return []Fix{f}
}

// enterAndUnmount returns the command that takes a mount in the mount namespace of root's
// away, by a program of ours: nothing is run there that is there. "" if the path leads
// elsewhere by now.
func (a *Adviser) enterAndUnmount(h *ns.Holder, t ns.Type, inode uint64) string {
	if !a.live() || a.unchecked {
		return ""
	}
	task := targetTask(h)
	st, err := a.Machine.ReadStat(task.String())
	if err != nil || !a.isIn(task, h.MountNS) || !a.leadsThere(h, t, inode) || !a.wayThere(task, h.Path).Trusted {
		return ""
	}
	again, err := a.Machine.ReadStat(task.String())
	if err != nil || again.Start != st.Start {
		return ""
	}
	do := command("LC_ALL=C umount -i -n -N "+task.String()+" -- %s", h.Path)
	if do == "" {
		return ""
	}
	return guard(task, again) + " && " + do
}

// leadsThere reports whether the path of a mount leads to a namespace in the mount
// namespace of the task that it was seen by.
func (a *Adviser) leadsThere(h *ns.Holder, t ns.Type, inode uint64) bool {
	name, ok := a.pathBy(h)
	return ok && a.leads(name, t, inode)
}

// pathBy returns the path by which a mount is reached from here: below the root directory
// of the task that it was seen by, which may be in a chroot. It reports false if it
// is not below that.
func (a *Adviser) pathBy(h *ns.Holder) (string, bool) {
	task := targetTask(h)
	root, err := a.Machine.ReadProcLink(task, "root")
	if err != nil {
		return "", false
	}
	rest, below := h.Path, true
	if root != "/" {
		if rest, below = strings.CutPrefix(h.Path, root); !strings.HasPrefix(rest, "/") {
			below = false
		}
	}
	return "/proc/" + task.String() + "/root" + rest, below
}

// freePinned returns the steps that free a mount namespace without a task.
func (a *Adviser) freePinned(h *ns.Holder) []Fix {
	with := fmt.Sprintf("%s with %s", ns.FormatLink(ns.Mnt, h.MountNS), mountName(h))
	if h.Pin == nil {
		return []Fix{advise("free %s, which no process is in and which has %s: `nsinspect who-uses %d` shows what holds it",
			ns.FormatLink(ns.Mnt, h.MountNS), mountName(h), h.MountNS)}
	}
	return a.unpin(h.Authority, h.Pin, ns.Mnt, h.MountNS, ", which keeps "+with)
}

// unmountLone returns the steps that take away a mount that is in no mount namespace.
func (a *Adviser) unmountLone(maker ns.Authority, h *ns.Holder) []Fix {
	switch {
	case h.Via == ns.ViaUnmounted:
		return []Fix{advise("end the use of what mount %d was unmounted with (an open file or a current directory there)", h.MountID)}
	case h.Pin == nil:
		return []Fix{advise("free the detached mount that mount %d is below, which no process here has open", h.MountID)}
	}
	return a.unpin(maker, h.Pin, ns.Net, 0, fmt.Sprintf(", a detached mount that mount %d is below", h.MountID))
}

// unpin returns the steps that take away what pins a namespace or is a detached mount, whose
// maker is given.
func (a *Adviser) unpin(maker ns.Authority, pin *ns.Holder, t ns.Type, inode uint64, why string) []Fix {
	var fixes []Fix
	switch {
	case pin.Kind == ns.KindMount && pin.MountNS == a.Snapshot.MountNS && !pin.Lone():
		f := a.unmountHere(pin, t, inode, false)
		f.verb = "unmount"
		fixes = []Fix{f}
	case pin.Kind == ns.KindMount:
		fixes = a.unmountElsewhere(maker, pin, t, inode)
	case pin.PID == 0:
		return []Fix{advise("take away the %s%s", pin.Kind, why)}
	default:
		f := a.end(maker, pin)
		if o := a.holderOwner(pin); !a.spared(maker, pin, o) {
			f.Command = cmp.Or(restart(o), f.Command)
		}
		fixes = []Fix{f}
	}
	for i := range fixes {
		fixes[i].object += why
		if fixes[i].exact != "" {
			fixes[i].exact += why
		}
	}
	return fixes
}

// endAllIn returns a step for each process of the mount namespace that a mount is in.
func (a *Adviser) endAllIn(h *ns.Holder, keeps string) []Fix {
	tasks := a.tasksIn(h.MountNS)
	if len(tasks) == 0 && h.PID > 1 {
		tasks = []*ns.Holder{a.seer(h)}
	}
	if len(tasks) == 0 {
		return []Fix{advise("end the processes that keep %s: `nsinspect who-uses %d` lists them", keeps, h.MountNS)}
	}
	var fixes []Fix
	for _, task := range tasks {
		f := a.end(h.Authority, task)
		f.object, f.exact = who(task)+", which keeps "+keeps, whoSince(task)+", which keeps "+keeps
		if task.PID <= 1 {
			continue
		}
		fixes = append(fixes, f)
	}
	return fixes
}

// seer returns the task that a mount was seen by.
func (a *Adviser) seer(h *ns.Holder) *ns.Holder {
	if h.TID != 0 {
		return &ns.Holder{Kind: ns.KindThread, PID: h.PID, TID: h.TID}
	}
	return &ns.Holder{Kind: ns.KindProcess, PID: h.PID, Process: a.process(h.PID)}
}

// whoSees names the task that a mount was seen by.
func (a *Adviser) whoSees(h *ns.Holder) string {
	task := a.seer(h)
	switch {
	case task.Kind == ns.KindThread:
		return fmt.Sprintf("thread %d of pid %d", h.TID, h.PID)
	case task.Process == nil:
		return fmt.Sprintf("pid %d", h.PID)
	}
	return who(task)
}

func mountName(h *ns.Holder) string {
	if h.Path == "" {
		return fmt.Sprintf("mount %d", h.MountID)
	}
	return "the mount " + text.Name(h.Path)
}

// targetTask is by which a mount namespace is entered.
func targetTask(h *ns.Holder) ns.TaskID { return cmp.Or(h.TID, h.PID) }
