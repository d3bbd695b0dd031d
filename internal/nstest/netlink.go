// SPDX-License-Identifier: Apache-2.0

package nstest

import (
	"encoding/binary"
	"fmt"
	"net"
	"os"

	"golang.org/x/sys/unix"
)

const vethInfoPeer = 1 // VETH_INFO_PEER of linux/veth.h

// attrs builds netlink attributes in the byte order of the machine.
type attrs []byte

func (a *attrs) add(kind uint16, value []byte) {
	*a = binary.NativeEndian.AppendUint16(*a, uint16(4+len(value)))
	*a = binary.NativeEndian.AppendUint16(*a, kind)
	*a = append(*a, value...)
	for len(*a)%4 != 0 {
		*a = append(*a, 0)
	}
}

func (a *attrs) u32(kind uint16, v uint32) {
	a.add(kind, binary.NativeEndian.AppendUint32(nil, v))
}

func (a *attrs) str(kind uint16, s string) { a.add(kind, append([]byte(s), 0)) }

// route is an rtnetlink socket. It acts in the network namespace that the
// calling thread was in when it was opened.
type route struct{ fd int }

func openRoute() (*route, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_ROUTE)
	if err != nil {
		return nil, fmt.Errorf("open rtnetlink socket: %w", err)
	}
	if err := unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("bind rtnetlink socket: %w", err)
	}
	return &route{fd}, nil
}

func (r *route) close() { unix.Close(r.fd) }

// call sends one request and returns the payloads that come back up to its end.
func (r *route) call(kind, flags uint16, body []byte) ([][]byte, error) {
	msg := binary.NativeEndian.AppendUint32(nil, uint32(unix.SizeofNlMsghdr+len(body)))
	msg = binary.NativeEndian.AppendUint16(msg, kind)
	msg = binary.NativeEndian.AppendUint16(msg, flags|unix.NLM_F_REQUEST)
	msg = append(msg, make([]byte, 8)...) // sequence and port: one request at a time
	msg = append(msg, body...)
	if err := unix.Sendto(r.fd, msg, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return nil, fmt.Errorf("send rtnetlink request: %w", err)
	}
	var got [][]byte
	buf := make([]byte, 64<<10)
	for {
		n, _, err := unix.Recvfrom(r.fd, buf, 0)
		if err != nil {
			return nil, fmt.Errorf("read rtnetlink answer: %w", err)
		}
		for rest := buf[:n]; len(rest) >= unix.SizeofNlMsghdr; {
			size := int(binary.NativeEndian.Uint32(rest))
			if size < unix.SizeofNlMsghdr || size > len(rest) {
				return nil, fmt.Errorf("read rtnetlink answer: message of %d bytes in %d", size, len(rest))
			}
			body := rest[unix.SizeofNlMsghdr:size]
			switch binary.NativeEndian.Uint16(rest[4:]) {
			case unix.NLMSG_DONE:
				return got, nil
			case unix.NLMSG_ERROR:
				if errno := -int32(binary.NativeEndian.Uint32(body)); errno != 0 {
					return nil, unix.Errno(errno)
				}
				return got, nil
			}
			got = append(got, append([]byte(nil), body...))
			rest = rest[min((size+3)&^3, len(rest)):]
		}
	}
}

// setNSID gives the namespace of an open nsfs file an ID in the route's own.
func (r *route) setNSID(fd int, id int32) error {
	a := attrs(make([]byte, 4)) // struct rtgenmsg
	a.u32(unix.NETNSA_NSID, uint32(id))
	a.u32(unix.NETNSA_FD, uint32(fd))
	_, err := r.call(unix.RTM_NEWNSID, unix.NLM_F_ACK, a)
	return err
}

// nsids lists the IDs in the route's namespace. The kernel drops an ID when it
// takes the namespace from its list (cleanup_net, Linux 4.0 and later), whoever
// held it before.
func (r *route) nsids() (map[int32]bool, error) {
	list, err := r.call(unix.RTM_GETNSID, unix.NLM_F_DUMP, make([]byte, 4))
	if err != nil {
		return nil, fmt.Errorf("list namespace IDs: %w", err)
	}
	ids := map[int32]bool{}
	for _, body := range list {
		for a := body[min(4, len(body)):]; len(a) >= 8; {
			size := int(binary.NativeEndian.Uint16(a))
			if binary.NativeEndian.Uint16(a[2:]) == unix.NETNSA_NSID {
				ids[int32(binary.NativeEndian.Uint32(a[4:]))] = true
			}
			a = a[min(max((size+3)&^3, 4), len(a)):]
		}
	}
	return ids, nil
}

// VethPair makes a pair of veth devices, near in the calling thread's network namespace and far
// in that which fd is of. It needs CAP_NET_ADMIN in both.
func VethPair(near, far string, fd int) error {
	nl, err := openRoute()
	if err != nil {
		return err
	}
	defer nl.close()
	return nl.addVeth(near, far, fd)
}

// addVeth makes a pair of devices: one here, the peer in the namespace of fd.
func (r *route) addVeth(name, peer string, fd int) error {
	end := attrs(make([]byte, unix.SizeofIfInfomsg))
	end.str(unix.IFLA_IFNAME, peer)
	end.u32(unix.IFLA_NET_NS_FD, uint32(fd))
	var data, info attrs
	data.add(vethInfoPeer, end)
	info.str(unix.IFLA_INFO_KIND, "veth")
	info.add(unix.IFLA_INFO_DATA, data)
	a := attrs(make([]byte, unix.SizeofIfInfomsg))
	a.str(unix.IFLA_IFNAME, name)
	a.add(unix.IFLA_LINKINFO, info)
	_, err := r.call(unix.RTM_NEWLINK, unix.NLM_F_ACK|unix.NLM_F_CREATE|unix.NLM_F_EXCL, a)
	if err != nil {
		return os.NewSyscallError("add veth pair", err)
	}
	return nil
}

// addAbove makes a device of a kind, as macvtap, upon the device lower, both here.
func (r *route) addAbove(kind, name, lower string) error {
	below, err := net.InterfaceByName(lower)
	if err != nil {
		return fmt.Errorf("find device %s: %w", lower, err)
	}
	var info attrs
	info.str(unix.IFLA_INFO_KIND, kind)
	a := attrs(make([]byte, unix.SizeofIfInfomsg))
	a.str(unix.IFLA_IFNAME, name)
	a.u32(unix.IFLA_LINK, uint32(below.Index))
	a.add(unix.IFLA_LINKINFO, info)
	if _, err := r.call(unix.RTM_NEWLINK, unix.NLM_F_ACK|unix.NLM_F_CREATE|unix.NLM_F_EXCL, a); err != nil {
		return fmt.Errorf("add %s device: %w", kind, err)
	}
	return nil
}

// moveLink moves a device of the route's namespace to the namespace of fd.
func (r *route) moveLink(name string, fd int) error {
	a := attrs(make([]byte, unix.SizeofIfInfomsg))
	a.str(unix.IFLA_IFNAME, name)
	a.u32(unix.IFLA_NET_NS_FD, uint32(fd))
	if _, err := r.call(unix.RTM_NEWLINK, unix.NLM_F_ACK, a); err != nil {
		return fmt.Errorf("move device %s: %w", name, err)
	}
	return nil
}
