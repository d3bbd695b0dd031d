// SPDX-License-Identifier: Apache-2.0

package render

import (
	"fmt"
	"io"
	"net/netip"
	"slices"

	"github.com/nsinspect/nsinspect/internal/explain"
	"github.com/nsinspect/nsinspect/internal/text"
	"github.com/nsinspect/nsinspect/internal/wire"
	"github.com/nsinspect/nsinspect/pkg/links"
	"github.com/nsinspect/nsinspect/pkg/ns"
	"github.com/nsinspect/nsinspect/pkg/owner"
)

// mostLinks is how many links of a namespace a table shows: a host has one for
// each container.
const mostLinks = 8

// linkCell shows links in brief: "eth0 10.0.0.7/24, lo". Those with an address
// come first and the loopback last; addresses that every link has are left out.
func linkCell(all []ns.Link, more func(*ns.Link) string) string {
	order := slices.Clone(all)
	rank := func(l *ns.Link) int {
		switch {
		case l.Kind == "loopback":
			return 2
		case len(distinctAddrs(l)) == 0:
			return 1
		}
		return 0
	}
	slices.SortStableFunc(order, func(a, b ns.Link) int { return rank(&a) - rank(&b) })
	var parts []string
	for i := range order {
		if i == mostLinks && len(order) > mostLinks+1 {
			parts = append(parts, fmt.Sprintf("%d more", len(order)-i))
			break
		}
		name, addrs := text.Name(order[i].Name), distinctAddrs(&order[i])
		part := text.JoinFunc(len(addrs)+1, func(k int) string {
			if k == 0 {
				return name
			}
			return addrs[k-1].String()
		}, " ")
		if m := more(&order[i]); m != "" {
			part += " " + m
		}
		parts = append(parts, part)
	}
	return text.Join(parts, ", ")
}

// distinctAddrs returns the addresses of a link that others do not have too.
func distinctAddrs(l *ns.Link) []netip.Prefix {
	var addrs []netip.Prefix
	for _, p := range l.Addrs {
		if ip := p.Addr(); !ip.IsLoopback() && !isLinkLocal6(ip) {
			addrs = append(addrs, p)
		}
	}
	return addrs
}

func isLinkLocal6(ip netip.Addr) bool { return ip.Is6() && ip.IsLinkLocalUnicast() }

func noMore(*ns.Link) string { return "" }

// peerNote returns where the other end of a link is.
func peerNote(s *ns.Snapshot, l *ns.Link, x *owner.Index) string {
	p := l.Peer
	switch {
	case p == nil:
		return ""
	case p.Inode == 0:
		return fmt.Sprintf("to link %d of an unknown namespace", p.Index)
	}
	return fmt.Sprintf("to %s in %s", text.Name(p.Name), placeOf(s, p.Inode, x))
}

// placeOf names a namespace in a sentence.
func placeOf(s *ns.Snapshot, inode uint64, x *owner.Index) string {
	if n := s.Find(inode); n != nil {
		return Title(n, x)
	}
	return ns.FormatLink(ns.Net, inode)
}

// Title names a namespace in a sentence, with its owner as far as x finds it.
func Title(n *ns.Namespace, x *owner.Index) string {
	if n.Initial {
		return n.String() + " (host)"
	}
	if o := x.Namespace(n); o != nil {
		return n.String() + " (" + nameOwner(o).String() + ")"
	}
	return text.Title(n)
}

// UsesBy writes who keeps the namespace alive that was asked for by an address or
// a device, and first by which link it was found.
func UsesBy(w io.Writer, a *explain.Adviser, q links.Query, h links.Hit, x *owner.Index, f Format, style Style) error {
	switch f {
	case Name, CSV:
		return Uses(w, a, h.Namespace, x, f, style)
	case JSON, YAML:
		uses := wire.NewUses(a.Snapshot, h.Namespace, x, a.Answer(h.Namespace))
		uses.Matched = wire.LinkMatch(a.Snapshot, x, q, &h)
		return encode(w, f, false, uses)
	}
	if _, err := fmt.Fprintln(w, Escape(matchText(a.Snapshot, q, h, x))); err != nil {
		return err
	}
	return Uses(w, a, h.Namespace, x, f, style)
}

func matchText(s *ns.Snapshot, q links.Query, h links.Hit, x *owner.Index) string {
	line := q.String() + " is "
	if h.Route.IsValid() {
		return line + fmt.Sprintf("local by the route local %s dev %s in %s.", h.Route, name(h.Link.Name), placeOf(s, h.At.Inode, x))
	}
	if q.By != "dev" {
		line += "on " + name(h.Link.Name) + " "
	}
	line += "in " + placeOf(s, h.At.Inode, x)
	if p := h.Link.Peer; p != nil && p.Inode != 0 {
		line += fmt.Sprintf("; its other end is %s in %s", name(p.Name), placeOf(s, p.Inode, x))
	}
	return line + "."
}
