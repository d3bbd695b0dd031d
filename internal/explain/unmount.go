// SPDX-License-Identifier: Apache-2.0

package explain

import (
	"fmt"
	"path"
	"slices"

	"github.com/nsinspect/nsinspect/internal/text"
	"github.com/nsinspect/nsinspect/pkg/ns"
)

// unmountSteps returns how to remove the mounts that hold a namespace.
func unmountSteps(n *ns.Namespace, s *ns.Snapshot) []string {
	const most = 3
	groups := slices.DeleteFunc(n.MountGroups(s.MountNS), func(g ns.MountGroup) bool {
		return !slices.ContainsFunc(g.All(), func(h *ns.Holder) bool { return !h.Copy })
	})
	var steps []string
	for i := range groups {
		if i == most {
			more := 0
			for _, g := range groups[i:] {
				more += len(g.All())
			}
			return append(steps, fmt.Sprintf("%d more %s", more, ns.KindMount.Plural(more)))
		}
		steps = append(steps, groupStep(&groups[i], s))
	}
	return steps
}

func groupStep(g *ns.MountGroup, s *ns.Snapshot) string {
	if g.Own == nil {
		var steps []string
		for i, h := range g.Others {
			if i == 3 {
				steps = append(steps, fmt.Sprintf("the same in %d more mount namespaces", len(g.Others)-i))
				break
			}
			steps = append(steps, unmountElsewhere(h))
		}
		return andJoin(steps)
	}
	step := unmount(s, g.Own)
	if n := len(g.Others); n == 1 {
		step += " (and, if its copy in another mount namespace stays, " + unmountElsewhere(g.Others[0]) + ")"
	} else if n > 1 {
		step += fmt.Sprintf(" (and, for each copy in %d other mount namespaces that stays, for example, %s)",
			n, unmountElsewhere(g.Others[0]))
	}
	return step
}

// unmount returns how to remove a mount in our own mount namespace.
func unmount(s *ns.Snapshot, h *ns.Holder) string {
	switch {
	case h.Path == "":
		return fmt.Sprintf("unmount mount %d, which no path leads to", h.MountID)
	case h.Covered:
		return "unmount " + text.Name(h.Path) + " below the mount that covers it"
	case path.Dir(h.Path) == "/run/netns" && !stacked(s, h):
		// ip removes the file as well, which takes every mount on it away.
		return "run `ip netns del " + ShellWord(path.Base(h.Path)) + "`"
	}
	return "unmount " + text.Name(h.Path)
}

// stacked reports whether there is a namespace mount below one.
func stacked(s *ns.Snapshot, top *ns.Holder) bool {
	for i := range s.Namespaces {
		for _, h := range s.Namespaces[i].Holders {
			if h.Path == top.Path && h.MountNS == top.MountNS && h.Covered && !h.Copy {
				return true
			}
		}
	}
	return false
}

// unmountElsewhere returns how to remove a mount in another mount namespace. One
// without a task is freed, with its mounts, by what pins it.
func unmountElsewhere(h *ns.Holder) string {
	if h.Lone() {
		return unmountLone(h)
	}
	where := ns.FormatLink(ns.Mnt, h.MountNS)
	if h.PID == 0 {
		with := "the mount " + text.Name(h.Path)
		if h.Path == "" {
			with = fmt.Sprintf("mount %d", h.MountID)
		}
		if h.Pin == nil {
			return fmt.Sprintf("free %s, which no process is in and which has %s: `nsinspect who-uses %d` shows what holds it",
				where, with, h.MountNS)
		}
		return fmt.Sprintf("%s, which keeps %s with %s", unpin(h.Pin), where, with)
	}
	if h.Path == "" {
		return fmt.Sprintf("end the processes in %s, where no path leads to mount %d", where, h.MountID)
	}
	step := fmt.Sprintf("run `nsenter -m -t %d umount %s`", targetTask(h), ShellWord(h.Path))
	if h.Covered {
		step += " after what covers it there"
	}
	return step
}

// unmountLone returns how to remove a mount that is in no mount namespace.
func unmountLone(h *ns.Holder) string {
	switch {
	case h.Via == ns.ViaUnmounted:
		return fmt.Sprintf("end the use of what mount %d was unmounted with (an open file or a current directory there)", h.MountID)
	case h.Pin == nil:
		return fmt.Sprintf("free the detached mount that mount %d is below, which no process here has open", h.MountID)
	}
	return fmt.Sprintf("%s, a detached mount that mount %d is below", unpin(h.Pin), h.MountID)
}

// unpin returns how to remove what pins a mount namespace, or is a detached mount.
func unpin(h *ns.Holder) string {
	switch {
	case h.Kind == ns.KindFD && h.PID != 0:
		return "close " + descriptor(h)
	case h.Kind == ns.KindInflight:
		return "have received, or close, " + queue(h)
	case h.Kind == ns.KindMount && h.PID != 0:
		return fmt.Sprintf("run `nsenter -m -t %d umount %s`", targetTask(h), ShellWord(h.Path))
	case h.Kind == ns.KindMount:
		return fmt.Sprintf("unmount %s in %s", text.Name(h.Path), ns.FormatLink(ns.Mnt, h.MountNS))
	case h.PID != 0:
		return fmt.Sprintf("take away the %s of %s (pid %d)", h.Kind, comm(h), h.PID)
	}
	return fmt.Sprintf("take away the %s", h.Kind)
}

// targetTask is what nsenter takes as its target.
func targetTask(h *ns.Holder) ns.TaskID {
	if h.TID != 0 {
		return h.TID
	}
	return h.PID
}
