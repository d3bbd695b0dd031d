// SPDX-License-Identifier: Apache-2.0

package scan

import (
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// MountGroup is the mounts of one namespace at one path: a mount and its
// propagated copies, at most one of each mount namespace.
type MountGroup struct {
	Path   string
	Own    *Holder   // the one in our own mount namespace; nil if there is none
	Others []*Holder // those in other mount namespaces
}

// All returns the mounts of the group, our own first.
func (g *MountGroup) All() []*Holder {
	if g.Own == nil {
		return g.Others
	}
	return append([]*Holder{g.Own}, g.Others...)
}

// MountGroups returns the mounts that hold a namespace, grouped, in the order of
// their first. ownMountNS is the mount namespace of the snapshot's paths.
func (n *Namespace) MountGroups(ownMountNS uint64) []MountGroup {
	type place struct {
		path    string
		mountNS uint64
	}
	type layer struct {
		path string
		nth  int
	}
	var groups []MountGroup
	times := map[place]int{}
	index := map[layer]int{}
	for i := range n.Holders {
		h := &n.Holders[i]
		if h.Kind != KindMount {
			continue
		}
		at := place{h.Path, h.MountNS}
		k := layer{h.Path, times[at]}
		times[at]++
		j, ok := index[k]
		if !ok {
			j = len(groups)
			index[k] = j
			groups = append(groups, MountGroup{Path: h.Path})
		}
		if h.MountNS == ownMountNS && !h.Lone() {
			groups[j].Own = h
		} else {
			groups[j].Others = append(groups[j].Others, h)
		}
	}
	return groups
}

// unmountSteps says how to take away the mounts that hold a namespace.
func (n *Namespace) unmountSteps(s *Snapshot) []string {
	const most = 3
	groups := slices.DeleteFunc(n.MountGroups(s.MountNS), func(g MountGroup) bool {
		return !slices.ContainsFunc(g.All(), func(h *Holder) bool { return !h.Copy })
	})
	var steps []string
	for i := range groups {
		if i == most {
			more := 0
			for _, g := range groups[i:] {
				more += len(g.All())
			}
			return append(steps, fmt.Sprintf("%d more %s", more, KindMount.Plural(more)))
		}
		steps = append(steps, groups[i].step(s))
	}
	return steps
}

func (g *MountGroup) step(s *Snapshot) string {
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
	step := s.unmount(g.Own)
	if n := len(g.Others); n == 1 {
		step += " (and, if its copy in another mount namespace stays, " + unmountElsewhere(g.Others[0]) + ")"
	} else if n > 1 {
		step += fmt.Sprintf(" (and, for each copy in %d other mount namespaces that stays, for example, %s)",
			n, unmountElsewhere(g.Others[0]))
	}
	return step
}

// unmount says how to take away a mount in our own mount namespace.
func (s *Snapshot) unmount(h *Holder) string {
	switch {
	case h.Path == "":
		return fmt.Sprintf("unmount mount %d, which no path leads to", h.MountID)
	case h.Covered:
		return "unmount " + h.Path + " below the mount that covers it"
	case path.Dir(h.Path) == "/run/netns" && !s.stacked(h):
		// ip removes the file as well, which takes every mount on it away.
		return "run `ip netns del " + ShellWord(path.Base(h.Path)) + "`"
	}
	return "unmount " + h.Path
}

// stacked reports whether there is a namespace mount below one.
func (s *Snapshot) stacked(top *Holder) bool {
	for i := range s.Namespaces {
		for _, h := range s.Namespaces[i].Holders {
			if h.Path == top.Path && h.MountNS == top.MountNS && h.Covered && !h.Copy {
				return true
			}
		}
	}
	return false
}

// unmountElsewhere says how to take away a mount in another mount namespace. One
// without a task is freed, with its mounts, by what pins it.
func unmountElsewhere(h *Holder) string {
	if h.Lone() {
		return h.unmountLone()
	}
	where := FormatLink(Mnt, h.MountNS)
	if h.PID == 0 {
		with := "the mount " + h.Path
		if h.Path == "" {
			with = fmt.Sprintf("mount %d", h.MountID)
		}
		if h.Pin == nil {
			return fmt.Sprintf("free %s, which no process is in and which has %s: `nsinspect who-uses %d` tells who holds it",
				where, with, h.MountNS)
		}
		return fmt.Sprintf("%s, which keeps %s with %s", h.Pin.unpin(), where, with)
	}
	if h.Path == "" {
		return fmt.Sprintf("end the processes in %s, where no path leads to mount %d", where, h.MountID)
	}
	step := fmt.Sprintf("run `nsenter -m -t %d umount %s`", h.task(), ShellWord(h.Path))
	if h.Covered {
		step += " after what covers it there"
	}
	return step
}

// unmountLone says how to take away a mount that is in no mount namespace.
func (h *Holder) unmountLone() string {
	switch {
	case h.Via == ViaUnmounted:
		return fmt.Sprintf("end the use of what mount %d was unmounted with (an open file or a current directory there)", h.MountID)
	case h.Pin == nil:
		return fmt.Sprintf("free the detached mount that mount %d is below, which no process here has open", h.MountID)
	}
	return fmt.Sprintf("%s, a detached mount that mount %d is below", h.Pin.unpin(), h.MountID)
}

// unpin says how to take away what pins a mount namespace, or is a detached mount.
func (h *Holder) unpin() string {
	switch {
	case h.Kind == KindFD && h.PID != 0:
		return "close " + h.descriptor()
	case h.Kind == KindInflight:
		return "have received, or close, " + h.queue()
	case h.Kind == KindMount && h.PID != 0:
		return fmt.Sprintf("run `nsenter -m -t %d umount %s`", h.task(), ShellWord(h.Path))
	case h.Kind == KindMount:
		return fmt.Sprintf("unmount %s in %s", h.Path, FormatLink(Mnt, h.MountNS))
	case h.PID != 0:
		return fmt.Sprintf("take away the %s of %s (pid %d)", h.Kind, h.comm(), h.PID)
	}
	return fmt.Sprintf("take away the %s", h.Kind)
}

// task is what nsenter takes as its target.
func (h *Holder) task() int {
	if h.TID != 0 {
		return h.TID
	}
	return h.PID
}

// ShellWord quotes a word for a shell, if it needs it: in single quotes, or as
// bash, ksh and zsh read it where a character cannot be printed as it is.
func ShellWord(s string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("/._-+:@%,=", r)
	}
	switch {
	case s != "" && strings.TrimFunc(s, plain) == "":
		return s
	case !utf8.ValidString(s) || strings.ContainsFunc(s, func(r rune) bool { return !strconv.IsPrint(r) }):
		return "$'" + strings.ReplaceAll(escapeWord(s), `'`, `\'`) + "'"
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// escapeWord writes what is not printable ASCII as \xNN, byte by byte.
func escapeWord(s string) string {
	var b strings.Builder
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == '\\' {
			fmt.Fprintf(&b, `\x%02x`, c)
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}
