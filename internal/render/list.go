// SPDX-License-Identifier: Apache-2.0

package render

import (
	"cmp"
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
	CSV   Format = "csv"

	Script Format = "sh" // a shell script of fixes
)

// full reports whether a table has all there is to know, in columns that others leave out.
func (f Format) full() bool { return f == Wide || f == CSV }

// List writes what a view shows of a snapshot, with the owners that x knows. Structured
// output is one line a snapshot where oneLine asks for it.
func List(w io.Writer, s *ns.Snapshot, x *owner.Index, v View, style Style, oneLine bool) error {
	rows := v.rows(s, x)
	switch v.Format {
	case JSON, YAML:
		if v.Tree != NoTree {
			return encode(w, v.Format, oneLine, wire.NewTree(s, x, string(v.Tree), nodes(v.Tree.planted(rows))))
		}
		return encode(w, v.Format, oneLine, wire.NewList(s, x, namespacesOf(rows)))
	case Name:
		var b strings.Builder
		for i := range rows {
			fmt.Fprintln(&b, rows[i].Namespace)
		}
		_, err := io.WriteString(w, b.String())
		return err
	case CSV:
		return v.csv(rows).writeCSV(w, !style.NoHeaders)
	}
	return v.table(s, rows, style).write(w, style)
}

// listRow is a namespace with what its cells are made of.
type listRow struct {
	*ns.Namespace
	snap   *ns.Snapshot
	owner  *owner.Owner
	format Format

	context bool // not asked for, but what it is above is
}

func namespacesOf(rows []listRow) []*ns.Namespace {
	all := make([]*ns.Namespace, 0, len(rows))
	for i := range rows {
		all = append(all, rows[i].Namespace)
	}
	return all
}

// leader returns a cell about the leader, "" if there is none.
func (r *listRow) leader(cell func(*ns.Process) string) string {
	if r.Leader == nil {
		return ""
	}
	return cell(r.Leader)
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

func (r *listRow) color() string {
	switch n := r.Namespace; {
	case r.context:
		return faint
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
	if s.Kept != nil {
		return cmp.Or(s.Kept.Users[uid], id)
	}
	if s.Root != "/" {
		return id
	}
	if u, err := user.LookupId(id); err == nil {
		return u.Username
	}
	return id
}

// started shows when a process started: in CSV, which programs read, as JSON has it.
func started(t, now time.Time, f Format) string {
	if f == CSV && !t.IsZero() {
		return t.Format(time.RFC3339Nano)
	}
	return clock(t, now)
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

// AsOf returns the first line of what is read from a file: of when and where it is.
func AsOf(s *ns.Snapshot, redacted bool) string {
	line := "as of " + s.Taken.Local().Format(time.RFC3339)
	if s.Machine.Host != "" {
		line += " on " + text.Name(s.Machine.Host)
	}
	if redacted {
		line += ", with names and addresses as hashes"
	}
	return Escape(line) + "\n"
}
