// SPDX-License-Identifier: Apache-2.0

package links

import (
	"encoding/binary"
	"errors"
	"iter"
	"net"
	"net/netip"

	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/pkg/ns"
)

// errShort is the error for a message that is too short.
var errShort = errors.New("netlink message too short")

// end is what a link has of the link that it is attached to: the other end of a pair,
// or the device below a VLAN.
type end struct {
	index  int // of the link itself
	parent int // index of the other, in its namespace; 0 if there is none
	nsid   int // of the other's namespace, in this one; -1 if it is this one
	kind   string
}

// address is an address of the link with an index.
type address struct {
	index  int
	prefix netip.Prefix
}

// attributes are those that follow the first skip bytes of a message. It stops
// at one that is cut off.
func attributes(m []byte, skip int) iter.Seq2[uint16, []byte] {
	const header, flags = 4, unix.NLA_F_NESTED | unix.NLA_F_NET_BYTEORDER
	return func(yield func(uint16, []byte) bool) {
		for rest := m[min(skip, len(m)):]; len(rest) >= header; {
			size := int(binary.NativeEndian.Uint16(rest))
			if size < header || size > len(rest) || !yield(binary.NativeEndian.Uint16(rest[2:])&^flags, rest[header:size]) {
				return
			}
			rest = rest[min((size+3)&^3, len(rest)):]
		}
	}
}

// parseLink reads an RTM_NEWLINK message.
func parseLink(m []byte) (ns.Link, end, error) {
	if len(m) < unix.SizeofIfInfomsg {
		return ns.Link{}, end{}, errShort
	}
	hardware, index, flags := binary.NativeEndian.Uint16(m[2:]), int(int32(binary.NativeEndian.Uint32(m[4:]))), binary.NativeEndian.Uint32(m[8:])
	l := ns.Link{Index: index, Up: flags&unix.IFF_UP != 0}
	e := end{index: index, nsid: -1}
	for kind, value := range attributes(m, unix.SizeofIfInfomsg) {
		switch kind {
		case unix.IFLA_IFNAME:
			l.Name = unix.ByteSliceToString(value)
		case unix.IFLA_PROP_LIST:
			for k, v := range attributes(value, 0) {
				if k == unix.IFLA_ALT_IFNAME {
					l.AltNames = append(l.AltNames, unix.ByteSliceToString(v))
				}
			}
		case unix.IFLA_ADDRESS:
			l.MAC = macOf(value)
		case unix.IFLA_LINKINFO:
			for k, v := range attributes(value, 0) {
				if k == unix.IFLA_INFO_KIND {
					l.Kind = unix.ByteSliceToString(v)
				}
			}
		case unix.IFLA_LINK:
			e.parent = number(value, 0)
		case unix.IFLA_LINK_NETNSID:
			e.nsid = number(value, -1)
		}
	}
	if l.Kind == "" && hardware == unix.ARPHRD_LOOPBACK {
		l.Kind = "loopback"
	}
	e.kind = l.Kind
	return l, e, nil
}

func number(value []byte, otherwise int) int {
	if len(value) != 4 {
		return otherwise
	}
	return int(int32(binary.NativeEndian.Uint32(value)))
}

// macOf returns a hardware address, nil for what is none: the zeros of a
// loopback, or the IP address that a tunnel has in its place.
func macOf(value []byte) net.HardwareAddr {
	for _, b := range value {
		if b != 0 && (len(value) == 6 || len(value) == 8 || len(value) == 20) {
			return append(net.HardwareAddr{}, value...)
		}
	}
	return nil
}

// parseAddress reads an RTM_NEWADDR message. Where a link has an address of its
// own and one of whoever is at the other end, its own is IFA_LOCAL
// (net/ipv4/devinet.c, inet_fill_ifaddr, and net/ipv6/addrconf.c,
// inet6_fill_ifaddr, 6.18).
func parseAddress(m []byte) (address, error) {
	if len(m) < unix.SizeofIfAddrmsg {
		return address{}, errShort
	}
	bits, index := int(m[1]), int(binary.NativeEndian.Uint32(m[4:]))
	var local, other netip.Addr
	for kind, value := range attributes(m, unix.SizeofIfAddrmsg) {
		addr, ok := netip.AddrFromSlice(value)
		switch {
		case ok && kind == unix.IFA_LOCAL:
			local = addr
		case ok && kind == unix.IFA_ADDRESS:
			other = addr
		}
	}
	switch {
	case !local.IsValid():
		local = other
	case other.IsValid() && other != local:
		bits = local.BitLen() // the length is that of the other's network
	}
	p := netip.PrefixFrom(local, bits)
	if !p.IsValid() {
		return address{}, errors.New("address without an address")
	}
	return address{index, p}, nil
}
