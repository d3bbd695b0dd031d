// SPDX-License-Identifier: Apache-2.0

package render

import (
	"fmt"
	"io"
	"net/netip"

	"github.com/nsinspect/nsinspect/internal/explain"
	"github.com/nsinspect/nsinspect/internal/text"
	"github.com/nsinspect/nsinspect/internal/wire"
	"github.com/nsinspect/nsinspect/pkg/links"
	"github.com/nsinspect/nsinspect/pkg/ns"
	"github.com/nsinspect/nsinspect/pkg/owner"
)

// mostListeners is how many processes that have one socket open are named in a line, and
// how many sockets of one namespace have a line.
const mostListeners = 8

// UsesByPort writes what keeps a namespace alive that was asked for by a port. For people
// it has no listeners: Listeners writes those of all namespaces.
func UsesByPort(w io.Writer, a *explain.Adviser, p links.Port, h links.PortHit, x *owner.Index, f Format, style Style) error {
	if f == JSON || f == YAML {
		uses := wire.NewUses(a.Snapshot, h.Namespace, x, a.Answer(h.Namespace))
		uses.Matched = wire.PortMatch(a.Snapshot, x, p, &h)
		return encode(w, f, false, uses)
	}
	return Uses(w, a, h.Namespace, x, f, style)
}

// Listeners writes a line for each socket that listens at a port: its address, its
// namespace and who has it open.
func Listeners(w io.Writer, s *ns.Snapshot, hits []links.PortHit, x *owner.Index) error {
	for i := range hits {
		h := &hits[i]
		for k := range h.Listeners {
			line := listenerText(s, h.Namespace, &h.Listeners[k], x)
			if k == mostListeners && len(h.Listeners) > mostListeners+1 {
				line = fmt.Sprintf("%d more sockets in %s, which -o json lists.", len(h.Listeners)-k, Title(h.Namespace, x))
			}
			if _, err := fmt.Fprintln(w, Escape(line)); err != nil {
				return err
			}
			if k == mostListeners {
				break
			}
		}
	}
	return nil
}

// listenerText describes a listener: "tcp 0.0.0.0:80 is open in net:[4026532177]
// (docker:web) by nginx (pid 42, user root).".
func listenerText(s *ns.Snapshot, n *ns.Namespace, l *ns.Listener, x *owner.Index) string {
	line := fmt.Sprintf("%s %s is open in %s", l.Proto, socketAddress(n, l), Title(n, x))
	if len(l.Holders) == 0 {
		return line + " by no process that was seen: it may be the kernel's own, in flight or in an io_uring."
	}
	var seen []*ns.Holder // one for each process
	for i := range l.Holders {
		h := &l.Holders[i]
		if len(seen) == 0 || seen[len(seen)-1].PID != h.PID {
			seen = append(seen, h)
		}
	}
	most := len(seen)
	if most > mostListeners+1 {
		most = mostListeners
	}
	users := text.JoinFunc(most, func(i int) string { return openedBy(s, n, seen[i], x) }, ", ")
	if most < len(seen) {
		users += fmt.Sprintf(" and %d more processes", len(seen)-most)
	}
	return line + " by " + users + "."
}

// openedBy names a process that has a socket open, with what is not clear from the namespace
// of the socket.
func openedBy(s *ns.Snapshot, n *ns.Namespace, h *ns.Holder, x *owner.Index) string {
	if h.Process == nil {
		return fmt.Sprintf("pid %d", h.PID)
	}
	who := fmt.Sprintf("%s (pid %d", text.Name(h.Process.Comm), h.PID)
	if user := userName(s, h.Process.UID); user != "" {
		who += ", user " + user
	}
	if o := x.Holder(n, h); o != nil {
		if of := x.Namespace(n); of == nil || of.String() != o.String() {
			who += ", " + nameOwner(o).String()
		}
	}
	return who + ")"
}

// socketAddress returns the address of a listener as ss writes it: * is any of both IPv4
// and IPv6.
func socketAddress(n *ns.Namespace, l *ns.Listener) string {
	addr := l.Addr.Addr()
	host := addr.String()
	switch {
	case addr == netip.IPv6Unspecified() && !l.V6Only:
		host = "*"
	case addr.Is6():
		host = "[" + host + "]"
	}
	if link := n.Link(l.Index); link != nil {
		host += "%" + name(link.Name)
	} else if l.Index != 0 {
		host += fmt.Sprintf("%%%d", l.Index)
	}
	return fmt.Sprintf("%s:%d", host, l.Addr.Port())
}
