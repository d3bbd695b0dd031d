// SPDX-License-Identifier: Apache-2.0

package links

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/pkg/ns"
)

// cookie returns the cookie of the namespace that the socket is in, 0 before
// Linux 5.14.
func (s *socket) cookie() uint64 {
	cookie, err := unix.GetsockoptUint64(s.fd, unix.SOL_SOCKET, unix.SO_NETNS_COOKIE)
	if err != nil {
		return 0
	}
	return cookie
}

// read returns the namespace's links by index, and what they say of their other
// ends. If links came and went during every try it returns an error, and what it
// saw last.
func (s *socket) read() (links []ns.Link, ends []end, err error) {
	err = retry(func() (err error) {
		links, ends, err = s.readOnce()
		return err
	})
	return links, ends, err
}

// retry does again what was interrupted by a change, a few times.
func retry(list func() error) error {
	const tries = 5
	for range tries {
		err := list()
		if !errors.Is(err, nl.ErrDumpInterrupted) && !errors.Is(err, unix.EINTR) {
			return err
		}
	}
	return fmt.Errorf("they changed each of the %d times they were read", tries)
}

func (s *socket) readOnce() ([]ns.Link, []end, error) {
	var links []ns.Link
	var ends []end
	var broken error
	const skipStatistics = 1 << 3 // include/uapi/linux/rtnetlink.h, RTEXT_FILTER_SKIP_STATS
	mask := nl.NewRtAttr(unix.IFLA_EXT_MASK, nl.Uint32Attr(skipStatistics))
	interrupted := s.ask(unix.RTM_GETLINK, unix.RTM_NEWLINK, func(m []byte) {
		l, e, err := parseLink(m)
		if err != nil {
			broken = err
			return
		}
		links, ends = append(links, l), append(ends, e)
	}, nl.NewIfInfomsg(unix.AF_UNSPEC), mask)
	if interrupted != nil && !errors.Is(interrupted, nl.ErrDumpInterrupted) {
		return nil, nil, fmt.Errorf("list links: %w", interrupted)
	}
	addrs, err := s.addresses()
	if addrs == nil {
		return nil, nil, err
	}
	for i := range links {
		links[i].Addrs = addrs[links[i].Index]
	}
	// The kernel goes by a hash of the name or by index, as its version has it.
	order := func(a, b int) int { return a - b }
	slices.SortFunc(links, func(a, b ns.Link) int { return order(a.Index, b.Index) })
	slices.SortFunc(ends, func(a, b end) int { return order(a.index, b.index) })
	return links, ends, errors.Join(broken, interrupted, err)
}

// maxAddresses is how many addresses of one namespace are kept: whoever owns it can make
// any number.
const maxAddresses = 1 << 16

// addresses returns the addresses of each link by its index, nil if they could not be
// listed. An error together with addresses means that some may be missing.
func (s *socket) addresses() (map[int][]netip.Prefix, error) {
	addrs, count := map[int][]netip.Prefix{}, 0
	var broken error
	err := s.ask(unix.RTM_GETADDR, unix.RTM_NEWADDR, func(m []byte) {
		a, err := parseAddress(m)
		if err != nil {
			broken = err
			return
		}
		if count++; count <= maxAddresses {
			addrs[a.index] = append(addrs[a.index], a.prefix)
		}
	}, nl.NewIfAddrmsg(unix.AF_UNSPEC))
	if err != nil && !errors.Is(err, nl.ErrDumpInterrupted) {
		return nil, fmt.Errorf("list addresses: %w", err)
	}
	if count > maxAddresses {
		broken = fmt.Errorf("it has %d addresses, of which %d are listed", count, maxAddresses)
	}
	return addrs, errors.Join(broken, err)
}

// nsid returns the ID that the namespace of the socket has given to the one that
// a file is of, -1 if it has given none. Asking needs no capability and gives
// none (net/core/net_namespace.c, rtnl_net_getid, 6.18).
func (s *socket) nsid(fd int) (int, error) {
	const netnsaNSID, netnsaFD = 1, 3 // include/uapi/linux/net_namespace.h
	id := -1
	req := nl.NewNetlinkRequest(unix.RTM_GETNSID, 0)
	req.AddData(nl.NewRtGenMsg())
	req.AddData(nl.NewRtAttr(netnsaFD, nl.Uint32Attr(uint32(fd))))
	err := s.execute(req, unix.RTM_NEWNSID, func(m []byte) {
		for kind, value := range attributes(m, 4) { // behind a struct rtgenmsg
			if kind == netnsaNSID {
				id = number(value, -1)
			}
		}
	})
	if err != nil {
		return -1, fmt.Errorf("ask for the ID of a namespace: %w", err)
	}
	return id, nil
}

// macIn returns the hardware address of the link with an index in the namespace
// that has an ID in the socket's.
func (s *socket) macIn(nsid, index int) (net.HardwareAddr, error) {
	const targetNetNSID = 46 // include/uapi/linux/if_link.h, IFLA_TARGET_NETNSID
	msg := nl.NewIfInfomsg(unix.AF_UNSPEC)
	msg.Index = int32(index)
	req := nl.NewNetlinkRequest(unix.RTM_GETLINK, 0)
	req.AddData(msg)
	req.AddData(nl.NewRtAttr(targetNetNSID, nl.Uint32Attr(uint32(nsid))))
	var mac net.HardwareAddr
	broken := errShort
	err := s.execute(req, unix.RTM_NEWLINK, func(m []byte) {
		var l ns.Link
		l, _, broken = parseLink(m)
		mac = l.MAC
	})
	if err == nil {
		err = broken
	}
	if err != nil {
		return nil, fmt.Errorf("ask for a link of another namespace: %w", err)
	}
	return mac, nil
}
