// SPDX-License-Identifier: Apache-2.0

package snapshot

import (
	"maps"
	"net/netip"
	"slices"

	"github.com/nsinspect/nsinspect/pkg/ns"
)

// end is one of the two ends of a move.
type end struct {
	change int // in Diff.Namespaces
	link   *ns.Link
	addr   netip.Prefix   // of an address that was moved
	mark   **ns.Namespace // where the other end is put down; nil in a namespace that was created or freed
}

// findMoves finds the links and addresses that left one namespace and are in another one
// now: those that are lost once and gained once.
func (c *comparison) findMoves() {
	if !c.legible() {
		return
	}
	lost, gained := map[string][]end{}, map[string][]end{}
	for i := range c.Namespaces {
		ch := &c.Namespaces[i]
		switch ch.Action {
		case Freed:
			for k := range ch.Old.Links {
				collect(lost, i, &ch.Old.Links[k], nil, nil)
			}
		case Created:
			for k := range ch.New.Links {
				collect(gained, i, &ch.New.Links[k], nil, nil)
			}
		default:
			for k := range ch.Links {
				l := &ch.Links[k]
				if l.Old == nil || len(l.Gained) > 0 {
					collect(gained, i, l.Link(), l, l.Gained)
				}
				if l.New == nil || len(l.Lost) > 0 {
					collect(lost, i, l.Link(), l, l.Lost)
				}
			}
		}
	}
	for _, key := range slices.Sorted(maps.Keys(lost)) {
		from, to := lost[key], gained[key]
		if len(from) == 1 && len(to) == 1 && from[0].change != to[0].change && c.movable(&from[0]) {
			c.mark(&from[0], &to[0], true)
			c.mark(&to[0], &from[0], false)
		}
	}
}

// collect adds the ends at a link. ch is its change, nil in a namespace that was created or
// freed, of which all addresses count.
func collect(ends map[string][]end, change int, l *ns.Link, ch *LinkChange, some []AddrChange) {
	if ch == nil || ch.Old == nil || ch.New == nil {
		if len(l.MAC) > 0 && l.Kind != "loopback" {
			e := end{change: change, link: l}
			if ch != nil {
				e.mark = &ch.Elsewhere
			}
			key := "link " + l.Kind + " " + l.MAC.String()
			ends[key] = append(ends[key], e)
		}
	}
	add := func(p netip.Prefix, mark **ns.Namespace) {
		if a := p.Addr(); !a.IsLoopback() && !a.IsLinkLocalUnicast() && !a.IsUnspecified() {
			key := "addr " + a.String()
			ends[key] = append(ends[key], end{change, l, p, mark})
		}
	}
	if ch == nil {
		for _, p := range l.Addrs {
			add(p, nil)
		}
	}
	for k := range some {
		add(some[k].Addr, &some[k].Elsewhere)
	}
}

// movable reports whether what was lost can be elsewhere: the links of a namespace end with
// it unless they are hardware (default_device_exit_net, net/core/dev.c, 6.18).
func (c *comparison) movable(e *end) bool {
	return e.addr.IsValid() || c.byKernel() && (c.Namespaces[e.change].Action != Freed || e.link.Kind == "")
}

// mark puts down where the other end of a move is.
func (c *comparison) mark(e, other *end, lost bool) {
	where := c.Namespaces[other.change].Namespace()
	if e.mark != nil {
		*e.mark = where
		return
	}
	ch := LinkChange{}
	if lost {
		ch.Old = e.link
	} else {
		ch.New = e.link
	}
	switch moved := []AddrChange{{e.addr, where}}; {
	case !e.addr.IsValid():
		ch.Elsewhere = where
	case lost:
		ch.Lost = moved
	default:
		ch.Gained = moved
	}
	c.Namespaces[e.change].Links = append(c.Namespaces[e.change].Links, ch)
}
