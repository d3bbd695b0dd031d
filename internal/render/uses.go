// SPDX-License-Identifier: Apache-2.0

package render

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/nsinspect/nsinspect/internal/explain"
	"github.com/nsinspect/nsinspect/internal/text"
	"github.com/nsinspect/nsinspect/internal/wire"
	"github.com/nsinspect/nsinspect/pkg/ns"
	"github.com/nsinspect/nsinspect/pkg/owner"
)

// Uses writes what keeps a namespace alive: the verdict and the commands that free it, its
// owner as far as x knows, then the holders.
func Uses(w io.Writer, a *explain.Adviser, n *ns.Namespace, x *owner.Index, f Format, style Style) error {
	switch f {
	case Name:
		_, err := fmt.Fprintln(w, n)
		return err
	case CSV:
		return usesTable(a.Snapshot, n, x, f).writeCSV(w, !style.NoHeaders)
	}
	s, answer := a.Snapshot, a.Answer(n)
	if f == JSON || f == YAML {
		return encode(w, f, false, wire.NewUses(s, n, x, answer))
	}
	if err := writeAnswer(w, answer); err != nil {
		return err
	}
	if o := x.Namespace(n); o != nil {
		if _, err := fmt.Fprintln(w, Escape("Owner: "+nameOwner(o).Describe()+".")); err != nil {
			return err
		}
	}
	if about := identity(s, n); f == Wide && about != "" {
		if _, err := fmt.Fprintln(w, Escape(about)); err != nil {
			return err
		}
	}
	if f == Wide && n.Links != nil {
		cell := linkCell(n.Links, func(l *ns.Link) string { return peerNote(s, l, x) })
		if _, err := fmt.Fprintln(w, Escape("links: "+cell)); err != nil {
			return err
		}
	}
	if len(n.Holders) == 0 {
		return nil
	}
	if _, err := fmt.Fprintln(w); err != nil {
		return err
	}
	return usesTable(s, n, x, f).write(w, style)
}

// writeAnswer writes the verdict, and below it the commands that are not in it.
func writeAnswer(w io.Writer, answer explain.Answer) error {
	var out bytes.Buffer
	fmt.Fprintln(&out, Escape(answer.Verdict))
	writeCommands(&out, "fix", slices.DeleteFunc(slices.Clone(answer.Fix), func(command string) bool {
		return strings.Contains(answer.Verdict, "`"+command+"`")
	}))
	_, err := w.Write(out.Bytes())
	return err
}

// identity returns what else identifies a namespace: "cookie 4101, nsid 3, owned by
// user:[4026531837], which root made, 3d4h old by name".
func identity(s *ns.Snapshot, n *ns.Namespace) string {
	var parts []string
	if n.Cookie != 0 {
		parts = append(parts, fmt.Sprintf("cookie %d", n.Cookie))
	}
	if n.NSID != nil {
		parts = append(parts, fmt.Sprintf("nsid %d", *n.NSID))
	}
	maker := userName(s, n.OwnerUID)
	if n.UserNS != 0 {
		owner := "owned by " + ns.FormatLink(ns.User, n.UserNS)
		if maker != "" && n.Type != ns.User {
			owner += ", which " + maker + " made"
		}
		parts = append(parts, owner)
	}
	if maker != "" && n.Type == ns.User {
		parts = append(parts, "made by "+maker)
	}
	if !n.Age.Since.IsZero() {
		parts = append(parts, strings.Replace(ageText(n.Age, s.Taken), " by ", " old by ", 1))
	}
	return strings.Join(parts, ", ")
}

// usesTable has a row for each holder. In CSV the first column is what it holds, for
// several namespaces in one table.
func usesTable(s *ns.Snapshot, n *ns.Namespace, x *owner.Index, f Format) *table {
	wide := f.full()
	t := &table{whole: f == CSV, columns: []column{
		{title: "KIND"}, {title: "PID", right: true}, {title: "TID", right: true}, {title: "FD", right: true}, {title: "WHAT"},
		{title: "NAMESPACE"}, {title: "KEPT-BY", least: 8}, {title: "OWNER", least: 12}, {title: "USER", least: 8}, {title: "STARTED"}, {title: "MOUNTNS", right: true}, {title: "MOUNT-ID", right: true},
		{title: "PATH", least: 16}, {title: "COMMAND", least: 8},
	}}
	grouped := false
	for i := range n.Holders {
		h := &n.Holders[i]
		switch {
		case h.Kind != ns.KindMount:
			addHolder(t, s, n, x, h, name(h.Path), f)
		case wide:
			addHolder(t, s, n, x, h, name(h.Path)+mountNote(h, s.MountNS), f)
		case !grouped:
			grouped = true
			for _, g := range n.MountGroups(s.MountNS) {
				addHolder(t, s, n, x, g.All()[0], name(g.Path)+groupNote(&g, s.MountNS), f)
			}
		}
	}
	if f == CSV {
		t.lead("HELD", n.String())
		return t
	}
	if !wide {
		t.drop(t.index("MOUNTNS"))
		t.drop(t.index("MOUNT-ID"))
	}
	t.dropEmpty("PID", "TID", "FD", "WHAT", "NAMESPACE", "KEPT-BY", "OWNER", "USER", "STARTED", "PATH", "COMMAND")
	return t
}

func fd(h *ns.Holder) string {
	if !h.Kind.HasFD() || h.FD < 0 {
		return ""
	}
	return strconv.Itoa(int(h.FD))
}

// what describes a holder in a word or two.
func what(h *ns.Holder) string {
	s := h.Socket.Words()
	words := []string{s.Family, s.Type, name(s.Device), h.Via.String(), s.State}
	if s.Peer != "" {
		words = append(words, "to "+s.Peer)
	}
	if h.Refs > 0 {
		words = append(words, explain.References(int(h.Refs)))
	}
	return strings.Join(slices.DeleteFunc(words, func(s string) bool { return s == "" }), " ")
}

func addHolder(t *table, s *ns.Snapshot, n *ns.Namespace, x *owner.Index, h *ns.Holder, path string, f Format) {
	user, since, command, child, keptBy := "", "", "", "", ""
	if p := h.Process; p != nil {
		user, since, command = userName(s, p.UID), started(p.Started, s.Taken, f), Command(p)
	}
	if h.Child != nil {
		child, keptBy = text.Title(h.Child), strings.Join(h.Child.Tally(), ", ")
	}
	pid, tid := h.PID, h.TID
	if h.Kind == ns.KindMount {
		pid, tid = 0, 0 // they only see the mount
	}
	t.add("", h.Kind.String(), number(int(pid)), number(int(tid)), fd(h), what(h), child, keptBy, ownerCell(x.Holder(n, h), f.full()), user, since,
		number(int(h.MountNS)), number(int(h.MountID)), strings.TrimPrefix(path, " "), command)
}

// groupNote returns in which mount namespaces the copies of one mount are.
func groupNote(g *ns.MountGroup, own uint64) string {
	all := g.All()
	if len(all) == 1 {
		return mountNote(all[0], own)
	}
	notes := fmt.Sprintf("in %d mount namespaces", len(all))
	if g.Own != nil {
		notes += ", ours among them"
	}
	covered := 0
	for _, h := range all {
		if h.Covered {
			covered++
		}
	}
	switch covered {
	case 0:
	case len(all):
		notes += ", covered by another mount"
	default:
		notes += fmt.Sprintf(", covered by another mount in %d", covered)
	}
	return " (" + notes + ")"
}

// mountNote returns where a mount is that is not simply at its path.
func mountNote(h *ns.Holder, own uint64) string {
	if h.Lone() {
		return loneNote(h)
	}
	var notes []string
	switch {
	case h.MountNS == own:
	case h.TID != 0:
		notes = append(notes, fmt.Sprintf("in the mount namespace of thread %d", h.TID))
	case h.PID != 0:
		notes = append(notes, fmt.Sprintf("in the mount namespace of pid %d", h.PID))
	default:
		notes = append(notes, "in "+ns.FormatLink(ns.Mnt, h.MountNS)+", which no process is in")
	}
	switch {
	case h.Path == "":
		notes = append(notes, "no path leads to it")
	case h.Covered:
		notes = append(notes, "covered by another mount")
	}
	if notes == nil {
		return ""
	}
	return " (" + strings.Join(notes, "; ") + ")"
}

// loneNote returns what a mount that is in no mount namespace is below.
func loneNote(h *ns.Holder) string {
	switch p := h.Pin; {
	case p == nil:
		return ""
	case p.Kind == ns.KindInflight:
		return " (below a file in flight)"
	default:
		return fmt.Sprintf(" (below fd %d of pid %d)", p.FD, p.PID)
	}
}

func number(n int) string {
	if n == 0 {
		return ""
	}
	return strconv.Itoa(n)
}
