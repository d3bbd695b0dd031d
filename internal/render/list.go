// SPDX-License-Identifier: Apache-2.0

package render

import (
	"fmt"
	"io"
	"os/user"
	"strconv"
	"strings"
	"time"

	"github.com/nsinspect/nsinspect/internal/text"
	"github.com/nsinspect/nsinspect/internal/wire"
	"github.com/nsinspect/nsinspect/pkg/ns"
	"github.com/nsinspect/nsinspect/pkg/owner"
)

// Format is an output format.
type Format string

// The output formats.
const (
	Table Format = "table"
	Wide  Format = "wide"
	JSON  Format = "json"
	YAML  Format = "yaml"
	Name  Format = "name"

	Script Format = "sh" // a shell script of fixes
)

// List writes a snapshot, with the owners that x knows. Structured output is one
// line a snapshot where oneLine asks for it.
func List(w io.Writer, s *ns.Snapshot, x *owner.Index, f Format, style Style, oneLine bool) error {
	switch f {
	case JSON, YAML:
		return encode(w, f, oneLine, wire.NewList(s, x))
	case Name:
		var b strings.Builder
		for i := range s.Namespaces {
			fmt.Fprintln(&b, &s.Namespaces[i])
		}
		_, err := io.WriteString(w, b.String())
		return err
	}
	return listTable(s, x, f == Wide).write(w, style)
}

// listRow is a namespace with what its cells are made of.
type listRow struct {
	*ns.Namespace
	snap  *ns.Snapshot
	owner *owner.Owner
	wide  bool
}

// when is in which tables a column is.
type when uint8

const (
	always   when = iota
	inWide        // in the wide one
	filled        // where a row has something in it
	wideFill      // in the wide one, where a row has something in it
	ofTypes       // in the wide one, and where there are several types
)

// listColumns is the one table of columns of list: adding one is a row.
var listColumns = []struct {
	column
	when
	cell func(*listRow) string
}{
	{column{title: "TYPE"}, ofTypes, func(r *listRow) string { return r.Type.String() }},
	{column{title: "INODE", right: true}, always, func(r *listRow) string { return strconv.FormatUint(r.Inode, 10) }},
	{column{title: "COOKIE", right: true}, wideFill, func(r *listRow) string { return number(int(r.Cookie)) }},
	{column{title: "USERNS", right: true}, wideFill, func(r *listRow) string { return number(int(r.UserNS)) }},
	{column{title: "NSID", right: true}, wideFill, func(r *listRow) string { return nsid(r.Namespace) }},
	{column{title: "NAMES", least: 8}, always, func(r *listRow) string { return text.Join(names(r.Namespace, r.wide), ",") }},
	{column{title: "OWNER", least: 12}, filled, func(r *listRow) string { return ownerCell(r.owner, r.wide) }},
	{column{title: "PROCS", right: true}, always, func(r *listRow) string { return strconv.Itoa(r.Processes()) }},
	{column{title: "THREADS", right: true}, inWide, func(r *listRow) string { return strconv.Itoa(r.Threads) }},
	{column{title: "KEPT-BY", least: 8}, always, func(r *listRow) string { return strings.Join(r.Tally(), ", ") }},
	{column{title: "LINKS", least: 8}, wideFill, func(r *listRow) string { return linkCell(r.Links, noMore) }},
	{column{title: "AGE"}, wideFill, func(r *listRow) string { return ageText(r.Age, r.snap.Taken) }},
	{column{title: "MADE-BY", least: 8}, wideFill, func(r *listRow) string { return userName(r.snap, r.OwnerUID) }},
	{column{title: "USER", least: 8}, inWide, func(r *listRow) string {
		return r.leader(func(p *ns.Process) string { return userName(r.snap, p.UID) })
	}},
	{column{title: "STARTED"}, inWide, func(r *listRow) string {
		return r.leader(func(p *ns.Process) string { return clock(p.Started, r.snap.Taken) })
	}},
	{column{title: "PID", right: true}, always, func(r *listRow) string { return r.leader(func(p *ns.Process) string { return p.PID.String() }) }},
	{column{title: "COMMAND", least: 8}, always, func(r *listRow) string { return r.leader(Command) }},
}

// leader returns a cell about the leader, "" if there is none.
func (r *listRow) leader(cell func(*ns.Process) string) string {
	if r.Leader == nil {
		return ""
	}
	return cell(r.Leader)
}

func listTable(s *ns.Snapshot, x *owner.Index, wide bool) *table {
	t := &table{}
	var shown []int
	var empty []string
	for i, c := range listColumns {
		if c.when == always || c.when == filled || wide || c.when == ofTypes && len(s.Types) > 1 {
			shown = append(shown, i)
			t.columns = append(t.columns, c.column)
		}
		if c.when == wideFill && wide || c.when == filled && !wide {
			empty = append(empty, c.title)
		}
	}
	for i := range s.Namespaces {
		n := &s.Namespaces[i]
		r := listRow{Namespace: n, snap: s, owner: x.Namespace(n), wide: wide}
		cells := make([]string, 0, len(shown))
		for _, c := range shown {
			cells = append(cells, listColumns[c].cell(&r))
		}
		t.add(listColor(n), cells...)
	}
	t.dropEmpty(empty...)
	return t
}

// ownerCell returns an owner as a cell; in full with the compose service, and with the
// unit that a container runs in.
func ownerCell(o *owner.Owner, wide bool) string {
	if o == nil {
		return ""
	}
	named := nameOwner(o)
	cell := named.String()
	if !wide {
		return cell
	}
	if o.Service != "" {
		cell += " service:" + named.Service
	}
	if o.Unit != "" && o.ID+o.Name != "" {
		cell += " unit:" + named.Unit
	}
	return cell
}

// nsid is the ID of a network namespace in this process's own; it may be 0.
func nsid(n *ns.Namespace) string {
	if n.NSID == nil {
		return ""
	}
	return strconv.Itoa(*n.NSID)
}

func listColor(n *ns.Namespace) string {
	switch {
	case n.Initial:
		return cyan
	case n.Processes() == 0:
		return yellow
	}
	return ""
}

// Command is a process's command line as ps shows it: the name in brackets
// where there is none.
func Command(p *ns.Process) string {
	if len(p.Cmdline) == 0 {
		return "[" + p.Comm + "]"
	}
	return strings.Join(p.Cmdline, " ")
}

// userName is a user's name on the running machine; another one has its own.
func userName(s *ns.Snapshot, uid int) string {
	if uid < 0 {
		return ""
	}
	id := strconv.Itoa(uid)
	if s.Root != "/" {
		return id
	}
	if u, err := user.LookupId(id); err == nil {
		return u.Username
	}
	return id
}

// clock shows a time as ps does: the hour within a day, the date before that.
func clock(t, now time.Time) string {
	switch {
	case t.IsZero():
		return ""
	case now.Sub(t) < 24*time.Hour:
		return t.Format("15:04:05")
	case t.Year() == now.Year():
		return t.Format("Jan02")
	}
	return t.Format("2006")
}

// names joins the names a namespace goes by, the host's own mark first.
func names(n *ns.Namespace, full bool) []string {
	var all []string
	if n.Initial {
		all = append(all, "(host)")
	}
	for _, name := range n.Names {
		if full {
			all = append(all, text.Name(name.Path)+name.Authority.Suffix())
		} else if label := name.Authority.Qualify(text.Name(name.Name)); len(all) == 0 || all[len(all)-1] != label {
			all = append(all, label)
		}
	}
	return all
}
