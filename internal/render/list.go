// SPDX-License-Identifier: Apache-2.0

package render

import (
	"fmt"
	"io"
	"os/user"
	"path"
	"strconv"
	"strings"
	"time"

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

func listTable(s *ns.Snapshot, x *owner.Index, wide bool) *table {
	t := &table{columns: []column{
		{title: "TYPE"}, {title: "INODE", right: true}, {title: "COOKIE", right: true}, {title: "USERNS", right: true},
		{title: "NSID", right: true}, {title: "NAMES", least: 8}, {title: "OWNER", least: 12},
		{title: "PROCS", right: true}, {title: "THREADS", right: true}, {title: "KEPT-BY", least: 8},
		{title: "LINKS", least: 8}, {title: "AGE"}, {title: "MADE-BY", least: 8},
		{title: "USER", least: 8}, {title: "STARTED"}, {title: "PID", right: true}, {title: "COMMAND", least: 8},
	}}
	for i := range s.Namespaces {
		n := &s.Namespaces[i]
		pid, user, started, command := "", "", "", ""
		if p := n.Leader; p != nil {
			pid, command = p.PID.String(), Command(p)
			if wide {
				user, started = userName(s, p.UID), clock(p.Started, s.Taken)
			}
		}
		t.add(listColor(n), n.Type.String(), strconv.FormatUint(n.Inode, 10), number(int(n.Cookie)), number(int(n.UserNS)), nsid(n), strings.Join(names(n, wide), ","),
			ownerCell(x.Namespace(n), wide),
			strconv.Itoa(n.Processes()), strconv.Itoa(n.Threads), strings.Join(n.Tally(), ", "),
			linkCell(n.Links, noMore), ageText(n.Age, s.Taken), userName(s, n.OwnerUID), user, started, pid, command)
	}
	if wide {
		t.dropEmpty("COOKIE", "USERNS", "NSID", "LINKS", "AGE", "MADE-BY")
	} else {
		t.dropEmpty("OWNER")
		for _, title := range []string{"COOKIE", "USERNS", "NSID", "THREADS", "LINKS", "AGE", "MADE-BY", "USER", "STARTED"} {
			t.drop(t.index(title))
		}
		if len(s.Types) == 1 {
			t.drop(t.index("TYPE"))
		}
	}
	return t
}

// ownerCell returns an owner as a cell; in full with the compose service, and with the
// unit that a container runs in.
func ownerCell(o *owner.Owner, wide bool) string {
	if o == nil {
		return ""
	}
	cell := o.String()
	if !wide {
		return cell
	}
	if o.Service != "" {
		cell += " service:" + o.Service
	}
	if o.Unit != "" && o.ID+o.Name != "" {
		cell += " unit:" + o.Unit
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
			all = append(all, name.Path)
		} else if base := path.Base(name.Path); len(all) == 0 || all[len(all)-1] != base {
			all = append(all, base)
		}
	}
	return all
}
