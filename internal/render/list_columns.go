// SPDX-License-Identifier: Apache-2.0

package render

import (
	"strconv"
	"strings"

	"github.com/nsinspect/nsinspect/internal/filter"
	"github.com/nsinspect/nsinspect/internal/text"
	"github.com/nsinspect/nsinspect/pkg/ns"
)

// when is in which tables a column is, if no others are asked for.
type when uint8

const (
	always    when = iota
	inWide         // in the wide one
	filled         // where a row has something in it
	wideFill       // in the wide one, where a row has something in it
	ofTypes        // in the wide one, and where there are several types
	onRequest      // in none
)

// source is what a field is read from.
type source uint8

const (
	scanned  source = iota // every scan
	detailed               // one with details
	linked                 // the same, and the links of network namespaces
	owned                  // the files of container runtimes
)

// field is what a filter and an order can be about.
type field struct {
	path  string // where JSON has it, from a namespace on; "" if it has it not
	kind  filter.Kind
	from  source
	value func(*listRow) filter.Value
}

// listColumn is a column of list, which is a field by its title and by its path.
type listColumn struct {
	column
	when
	help string
	cell func(*listRow) string
	field
}

// name is the title as a filter has it.
func (c *listColumn) name() string { return filter.Normal(c.title) }

// listColumns is the one table of columns of list: adding one is a row.
var listColumns = []listColumn{
	{
		column{title: "TYPE"}, ofTypes, "type of the namespace",
		func(r *listRow) string { return r.Type.String() },
		field{"type", filter.Text, scanned, func(r *listRow) filter.Value { return filter.Texts(r.Type.String()) }},
	},
	{
		column{title: "INODE", right: true}, always, "its nsfs inode, as in net:[INODE]",
		func(r *listRow) string { return strconv.FormatUint(r.Inode, 10) },
		field{"inode", filter.Number, scanned, func(r *listRow) filter.Value { return filter.Of(r.Inode) }},
	},
	{
		column{title: "COOKIE", right: true}, wideFill, "cookie of a network namespace, never reused in one boot",
		func(r *listRow) string { return number(int(r.Cookie)) },
		field{"cookie", filter.Number, detailed, func(r *listRow) filter.Value { return filter.Positive(r.Cookie) }},
	},
	{
		column{title: "USERNS", right: true}, wideFill, "inode of the user namespace that owns it",
		func(r *listRow) string { return number(int(r.UserNS)) },
		field{"userns", filter.Number, detailed, func(r *listRow) filter.Value { return filter.Positive(r.UserNS) }},
	},
	{
		column{title: "PARENT", right: true}, onRequest, "inode of the parent of a user or PID namespace",
		func(r *listRow) string { return number(int(r.Parent)) },
		field{"parent", filter.Number, detailed, func(r *listRow) filter.Value { return filter.Positive(r.Parent) }},
	},
	{
		column{title: "NSID", right: true}, wideFill, "its ID in the network namespace of this command",
		func(r *listRow) string { return nsid(r.Namespace) },
		field{"nsid", filter.Number, detailed, func(r *listRow) filter.Value {
			if r.NSID == nil {
				return filter.Value{}
			}
			return filter.Of(*r.NSID)
		}},
	},
	{
		column{title: "NAMES", least: 8}, always, "names, (host) for the machine's own; wide: paths",
		func(r *listRow) string { return text.Join(names(r.Namespace, r.format == Wide), ",") },
		field{"names.name", filter.Text, scanned, func(r *listRow) filter.Value { return r.names((*ns.Name).Label) }},
	},
	{
		column{title: "PATHS", least: 8}, onRequest, "paths of the names",
		func(r *listRow) string { return text.Join(names(r.Namespace, true), ",") },
		field{"names.path", filter.Text, scanned, func(r *listRow) filter.Value { return r.names(func(n *ns.Name) string { return n.Path }) }},
	},
	{
		column{title: "OWNER", least: 12}, filled, "container, pod or unit",
		func(r *listRow) string { return ownerCell(r.owner, r.format == Wide) },
		field{"", filter.Text, owned, func(r *listRow) filter.Value { return ownerValue(r.owner) }},
	},
	{
		column{title: "PROCS", right: true}, always, "how many processes are in it",
		func(r *listRow) string { return strconv.Itoa(r.Processes()) },
		field{"processes", filter.Number, scanned, func(r *listRow) filter.Value { return filter.Of(r.Processes()) }},
	},
	{
		column{title: "THREADS", right: true}, inWide, "how many tasks are in it beyond one a process",
		func(r *listRow) string { return strconv.Itoa(r.Threads) },
		field{"threads", filter.Number, scanned, func(r *listRow) filter.Value { return filter.Of(r.Threads) }},
	},
	{
		column{title: "KEPT-BY", least: 8}, always, "what keeps it alive; in a filter the kinds, as mount",
		func(r *listRow) string { return strings.Join(r.Tally(), ", ") },
		field{"", filter.Text, scanned, (*listRow).kinds},
	},
	{
		column{title: "REFS", right: true}, onRequest, "references of a network namespace, as the kernel counts them",
		func(r *listRow) string { return number(r.references().Total) },
		field{"references.total", filter.Number, scanned, func(r *listRow) filter.Value { return filter.Positive(r.references().Total) }},
	},
	{
		column{title: "LINKS", least: 8}, wideFill, "links of a network namespace, with addresses; in a filter their names",
		func(r *listRow) string { return linkCell(r.Links, noMore) },
		field{"links.name", filter.Text, linked, func(r *listRow) filter.Value {
			return r.links(func(l *ns.Link) []string { return append([]string{l.Name}, l.AltNames...) })
		}},
	},
	{
		column{title: "ADDRS", least: 8}, onRequest, "addresses of the links",
		func(r *listRow) string { return text.Join(addresses(r.Namespace), ",") },
		field{"links.addrs", filter.Text, linked, func(r *listRow) filter.Value { return filter.Texts(addresses(r.Namespace)...) }},
	},
	{
		column{title: "AGE"}, wideFill, "how long it is known to exist, and from what",
		func(r *listRow) string { return ageText(r.Age, r.snap.Taken) },
		field{"age", filter.Span, detailed, func(r *listRow) filter.Value {
			if r.Age.Since.IsZero() {
				return filter.Value{}
			}
			return filter.Lasting(r.snap.Taken.Sub(r.Age.Since))
		}},
	},
	{
		column{title: "MADE-BY", least: 8}, wideFill, "user who made it",
		func(r *listRow) string { return userName(r.snap, r.OwnerUID) },
		field{"", filter.Text, detailed, func(r *listRow) filter.Value { return filter.Texts(userName(r.snap, r.OwnerUID)) }},
	},
	{
		column{title: "USER", least: 8}, inWide, "user of the leader, the oldest process in it",
		func(r *listRow) string {
			return r.leader(func(p *ns.Process) string { return userName(r.snap, p.UID) })
		},
		field{"", filter.Text, detailed, func(r *listRow) filter.Value {
			return filter.Texts(r.leader(func(p *ns.Process) string { return userName(r.snap, p.UID) }))
		}},
	},
	{
		column{title: "STARTED"}, inWide, "when the leader started; in a filter how long ago",
		func(r *listRow) string {
			return r.leader(func(p *ns.Process) string { return started(p.Started, r.snap.Taken, r.format) })
		},
		field{"", filter.Span, detailed, func(r *listRow) filter.Value {
			if r.Leader == nil || r.Leader.Started.IsZero() {
				return filter.Value{}
			}
			return filter.Lasting(r.snap.Taken.Sub(r.Leader.Started))
		}},
	},
	{
		column{title: "PID", right: true}, always, "process ID of the leader",
		func(r *listRow) string { return r.leader(func(p *ns.Process) string { return p.PID.String() }) },
		field{"leader.pid", filter.Number, scanned, func(r *listRow) filter.Value {
			if r.Leader == nil {
				return filter.Value{}
			}
			return filter.Of(int(r.Leader.PID))
		}},
	},
	{
		column{title: "COMM", least: 8}, onRequest, "name of the leader, as in /proc/PID/comm",
		func(r *listRow) string { return r.leader(func(p *ns.Process) string { return name(p.Comm) }) },
		field{"leader.comm", filter.Text, scanned, func(r *listRow) filter.Value {
			return filter.Texts(r.leader(func(p *ns.Process) string { return p.Comm }))
		}},
	},
	{
		column{title: "COMMAND", least: 8}, always, "command line of the leader, or [NAME]",
		func(r *listRow) string { return r.leader(Command) },
		field{"leader.cmdline", filter.Text, scanned, func(r *listRow) filter.Value { return filter.Texts(r.leader(Command)) }},
	},
}

// moreFields are fields that are no columns, by their path in JSON.
var moreFields = lazy[[]field]{make: func() []field {
	all := []field{
		{"initial", filter.Bool, scanned, func(r *listRow) filter.Value { return filter.Yes(r.Initial) }},
		{"owner_uid", filter.Number, detailed, func(r *listRow) filter.Value {
			if r.OwnerUID < 0 {
				return filter.Value{}
			}
			return filter.Of(r.OwnerUID)
		}},
		{"leader.uid", filter.Number, detailed, func(r *listRow) filter.Value {
			if r.Leader == nil || r.Leader.UID < 0 {
				return filter.Value{}
			}
			return filter.Of(r.Leader.UID)
		}},
		{"references.explained", filter.Number, scanned, func(r *listRow) filter.Value { return filter.Positive(r.references().Explained) }},
		{"links.mac", filter.Text, linked, func(r *listRow) filter.Value {
			return r.links(func(l *ns.Link) []string { return []string{l.MAC.String()} })
		}},
		{"holders.pid", filter.Text, scanned, func(r *listRow) filter.Value {
			var pids []string
			for i := range r.Holders {
				if h := &r.Holders[i]; h.PID != 0 && h.Kind != ns.KindMount { // whose process only sees it
					pids = append(pids, h.PID.String())
				}
			}
			return filter.Texts(pids...)
		}},
	}
	for _, part := range ownerParts {
		all = append(all, field{"owner." + part.name, filter.Text, owned, func(r *listRow) filter.Value {
			if r.owner == nil {
				return filter.Value{}
			}
			return filter.Texts(part.of(r.owner))
		}})
	}
	for _, k := range ns.Kinds() {
		all = append(all, field{"holder_counts." + k.String(), filter.Number, scanned, func(r *listRow) filter.Value {
			if !r.snap.LookedFor(k) {
				return filter.Value{}
			}
			return filter.Of(r.Count(k))
		}})
	}
	return all
}}
