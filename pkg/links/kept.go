// SPDX-License-Identifier: Apache-2.0

package links

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/pkg/ns"
)

// Sockets are the listening sockets of a snapshot's network namespaces.
type Sockets struct {
	Hits []PortHit // of the namespaces that have some, in the snapshot's order
	Read []uint64  // inodes of those that were asked
}

func hasAddr(l *ns.Link, addr netip.Addr) bool {
	return l != nil && slices.ContainsFunc(l.Addrs, func(p netip.Prefix) bool { return p.Addr() == addr })
}

// maxRoutes is how many local routes of one namespace are kept.
const maxRoutes = 1 << 12

// localRoutes returns the routes of type local in the table of that name. The kernel lists
// that table alone if it checks requests strictly (net/ipv4/fib_frontend.c,
// ip_valid_fib_dump_req, 4.20); an older one lists all.
func (s *socket) localRoutes() (all []ns.Local, err error) {
	const strictCheck = 12                                         // include/uapi/linux/netlink.h, NETLINK_GET_STRICT_CHK
	_ = unix.SetsockoptInt(s.fd, unix.SOL_NETLINK, strictCheck, 1) // as above
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
