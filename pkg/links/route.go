// SPDX-License-Identifier: Apache-2.0

package links

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/internal/host"
	"github.com/nsinspect/nsinspect/internal/nsfs"
	"github.com/nsinspect/nsinspect/internal/opener"
	"github.com/nsinspect/nsinspect/pkg/ns"
)

// route is one of type local, by which a namespace takes addresses for its own that no link
// of it has.
type route struct {
	prefix netip.Prefix
	index  int // of its link
}

// WithRoutes returns the query with the namespaces that take the address for their own by a
// route, if it asks for an address that no link has by root's word. Where links could not be read, neither
// can routes; what fails only here becomes a gap in the snapshot.
func (q Query) WithRoutes(ctx context.Context, h *host.Host, snap *ns.Snapshot) (Query, error) {
	if q.By != "ip" || q.zone != "" || slices.ContainsFunc(q.hits(snap), Hit.trusted) {
		return q, nil
	}
	if snap.Kept != nil {
		return q.withLocal(snap), nil
	}
	if h.Recorded() {
		return q, nil
	}
	r, stop := newReader(h, snap, Source)
	defer stop()
	q.routes = map[uint64]route{}
	todo := slices.DeleteFunc(r.network(), func(i int) bool { return snap.Namespaces[i].Links == nil })
	r.each(ctx, todo, func(v *nsfs.Thread, i int) func() {
		var found route
		var local bool
		err := r.inside(v, i, openSocket, func(s *socket) (err error) {
			found, local, err = s.route(q.ip)
			return err
		})
		return func() {
			if err != nil && !errors.Is(err, opener.ErrEnded) {
				r.gap(i, err)
			} else if local {
				q.routes[snap.Namespaces[i].Inode] = found
			}
		}
	})
	return q, ctx.Err()
}

// noRoute are the errors by which the kernel answers that it has no route to an address, or
// one of another type (net/ipv4/fib_semantics.c, fib_props, 6.18).
var noRoute = []unix.Errno{unix.ENETUNREACH, unix.EHOSTUNREACH, unix.EACCES, unix.EINVAL, unix.EAGAIN, unix.ENETDOWN, unix.EAFNOSUPPORT, unix.EOPNOTSUPP}

// route returns the route that the kernel takes to an address. local is false if it is not of
// type local, or there is none. Nothing is sent to the address.
func (s *socket) route(to netip.Addr) (found route, local bool, err error) {
	const fibMatch = 0x2000 // include/uapi/linux/rtnetlink.h, RTM_F_FIB_MATCH: the route, not what comes of it
	msg := &nl.RtMsg{RtMsg: unix.RtMsg{Family: unix.AF_INET, Dst_len: uint8(to.BitLen()), Flags: fibMatch}}
	if to.Is6() {
		msg.Family = unix.AF_INET6
	}
	req := nl.NewNetlinkRequest(unix.RTM_GETROUTE, 0)
	req.AddData(msg)
	req.AddData(nl.NewRtAttr(unix.RTA_DST, to.AsSlice()))
	err = s.execute(req, unix.RTM_NEWROUTE, func(m []byte) {
		if len(m) < unix.SizeofRtMsg || m[7] != unix.RTN_LOCAL {
			return
		}
		local = true
		found.prefix, _ = to.Prefix(int(m[1]))
		for kind, value := range attributes(m, unix.SizeofRtMsg) {
			if kind == unix.RTA_OIF {
				found.index = number(value, 0)
			}
		}
	})
	if errno := unix.Errno(0); errors.As(err, &errno) && slices.Contains(noRoute, errno) {
		return route{}, false, nil
	}
	if err != nil {
		return route{}, false, fmt.Errorf("ask for the route to an address: %w", err)
	}
	return found, local, nil
}
