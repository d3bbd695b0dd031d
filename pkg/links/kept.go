// SPDX-License-Identifier: Apache-2.0

package links

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"sync/atomic"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/internal/host"
	"github.com/nsinspect/nsinspect/internal/nsfs"
	"github.com/nsinspect/nsinspect/internal/opener"
	"github.com/nsinspect/nsinspect/pkg/ns"
)

// Sockets are the listening sockets of a snapshot's network namespaces.
type Sockets struct {
	Hits []PortHit // of the namespaces that have some, in the snapshot's order
	Read []uint64  // inodes of those that were asked
}

// ReadAll reads what searches ask the network namespaces of a snapshot for: every listening
// socket, with who has it open, and the local routes to addresses that no link has. Each
// namespace is entered once. One that cannot be entered, or does not answer, becomes a gap in
// the snapshot; a recorded tree has nothing of this. It fails only if ctx ends.
func ReadAll(ctx context.Context, h *host.Host, snap *ns.Snapshot) (s Sockets, local map[uint64][]ns.Local, err error) {
	local = map[uint64][]ns.Local{}
	if h.Recorded() {
		return s, local, nil
	}
	r, stop := newReader(h, snap, ns.SourceListener)
	defer stop()
	found := make([][]ns.Listener, len(snap.Namespaces))
	r.each(ctx, r.network(), func(v *nsfs.Thread, i int) func() {
		var listeners []ns.Listener
		var routes []ns.Local
		var listed, routed error
		both := new(twoSockets)
		err := r.inside(v, i, both.open, func(s *socket) error {
			listeners, listed = both.diag.listeners(AnyPort())
			routes, routed = s.localRoutes()
			return nil
		})
		both.close()
		return func() {
			r.keep(&s, found, i, listeners, errors.Join(err, listed), local, routes, errors.Join(err, routed))
		}
	})
	var all []*ns.Listener
	for i, listeners := range found {
		if len(listeners) > 0 {
			s.Hits = append(s.Hits, PortHit{&snap.Namespaces[i], listeners})
		}
		for k := range listeners {
			all = append(all, &listeners[k])
		}
	}
	if len(all) > 0 {
		snap.Gaps = append(snap.Gaps, findHolders(h, all)...)
	}
	return s, local, ctx.Err()
}

// keep keeps what was read of one namespace.
func (r *reader) keep(s *Sockets, found [][]ns.Listener, i int, listeners []ns.Listener, listed error, local map[uint64][]ns.Local, routes []ns.Local, routed error) {
	n := &r.snap.Namespaces[i]
	found[i] = listeners
	switch {
	case listed == nil:
		s.Read = append(s.Read, n.Inode)
	case !errors.Is(listed, opener.ErrEnded):
		r.gap(i, listed)
	}
	if routed != nil && !errors.Is(routed, opener.ErrEnded) && listed == nil {
		r.snap.Gaps = append(r.snap.Gaps, ns.Gap{Sources: []string{Source}, Path: n.String(), Err: routed})
	}
	routes = slices.DeleteFunc(routes, func(l ns.Local) bool { return l.Prefix.IsSingleIP() && hasAddr(n.Link(l.Index), l.Prefix.Addr()) })
	if len(routes) > 0 {
		local[n.Inode] = routes
	}
}

func hasAddr(l *ns.Link, addr netip.Addr) bool {
	return l != nil && slices.ContainsFunc(l.Addrs, func(p netip.Prefix) bool { return p.Addr() == addr })
}

// twoSockets are a routing socket and one that lists sockets, in the same namespace.
type twoSockets struct{ diag *socket }

func (t *twoSockets) open(heard *atomic.Uint64) (*socket, error) {
	s, err := openSocket(heard)
	if err != nil {
		return nil, err
	}
	if t.diag, err = openDiag(heard); err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

func (t *twoSockets) close() {
	if t.diag != nil {
		t.diag.close()
	}
}

// maxRoutes is how many local routes of one namespace are kept.
const maxRoutes = 1 << 12

// localRoutes returns the routes of type local in the table of that name. The kernel lists
// that table alone if it checks requests strictly (net/ipv4/fib_frontend.c,
// ip_valid_fib_dump_req, 4.20); an older one lists all.
func (s *socket) localRoutes() (all []ns.Local, err error) {
	const strictCheck = 12                                                            // include/uapi/linux/netlink.h, NETLINK_GET_STRICT_CHK
	_ = unix.SetsockoptInt(s.handle.Socket.GetFd(), unix.SOL_NETLINK, strictCheck, 1) // as above
	for _, family := range []uint8{unix.AF_INET, unix.AF_INET6} {
		some, err := s.localRoutesOf(family)
		if errno := unix.Errno(0); errors.As(err, &errno) && slices.Contains(noRoute, errno) || errors.Is(err, unix.ENOENT) {
			continue // there is no such table or family
		}
		if err != nil {
			return all, fmt.Errorf("list local routes: %w", err)
		}
		all = append(all, some...)
	}
	if len(all) > maxRoutes {
		return all[:maxRoutes], fmt.Errorf("it has %d local routes, of which %d are listed", len(all), maxRoutes)
	}
	return all, nil
}

func (s *socket) localRoutesOf(family uint8) (all []ns.Local, err error) {
	err = retry(func() error {
		all = nil
		request := &nl.RtMsg{RtMsg: unix.RtMsg{Family: family, Table: unix.RT_TABLE_LOCAL, Type: unix.RTN_LOCAL}}
		return s.ask(unix.RTM_GETROUTE, unix.RTM_NEWROUTE, func(m []byte) {
			if l, ok := parseLocal(m); ok && len(all) <= maxRoutes {
				all = append(all, l)
			}
		}, request)
	})
	return all, err
}

// parseLocal reads a struct rtmsg with its attributes. ok is false for one of another type
// than local.
func parseLocal(m []byte) (l ns.Local, ok bool) {
	if len(m) < unix.SizeofRtMsg || m[7] != unix.RTN_LOCAL {
		return l, false
	}
	addr := netip.IPv4Unspecified()
	if m[0] == unix.AF_INET6 {
		addr = netip.IPv6Unspecified()
	}
	for kind, value := range attributes(m, unix.SizeofRtMsg) {
		switch kind {
		case unix.RTA_DST:
			addr, _ = netip.AddrFromSlice(value) // else it is invalid, and so is the prefix
		case unix.RTA_OIF:
			l.Index = number(value, 0)
		}
	}
	prefix, err := addr.Prefix(int(m[1]))
	l.Prefix = prefix
	return l, err == nil
}

// In is Find in what was read before.
func (p Port) In(snap *ns.Snapshot, s Sockets) ([]PortHit, error) {
	var hits []PortHit
	for _, all := range s.Hits {
		hit := PortHit{Namespace: all.Namespace}
		for _, l := range all.Listeners {
			if slices.Contains(p.protos, l.Proto) && (p.number == 0 || l.Addr.Port() == p.number) {
				hit.Listeners = append(hit.Listeners, l)
			}
		}
		if hit.Listeners != nil {
			hits = append(hits, hit)
		}
	}
	if len(hits) == 0 {
		return nil, p.notFound(snap, len(s.Read))
	}
	return hits, nil
}

// withLocal is WithRoutes in a snapshot from a file: of several routes the one with the
// longest prefix counts, as in the kernel.
func (q Query) withLocal(snap *ns.Snapshot) Query {
	q.routes = map[uint64]route{}
	for inode, all := range snap.Kept.Local {
		best := -1
		for _, l := range all {
			if l.Prefix.Contains(q.ip) && l.Prefix.Bits() > best {
				best = l.Prefix.Bits()
				q.routes[inode] = route{l.Prefix, l.Index}
			}
		}
	}
	return q
}
