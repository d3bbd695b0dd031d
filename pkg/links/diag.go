// SPDX-License-Identifier: Apache-2.0

package links

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/pkg/ns"
)

// openDiag opens a socket by which the kernel lists the sockets of the network namespace of
// the calling thread (net/core/sock_diag.c, 6.18).
func openDiag(heard *atomic.Uint64) (*socket, error) { return open(unix.NETLINK_INET_DIAG, heard) }

// include/uapi/linux/inet_diag.h, 6.18.
const (
	sizeDiagRequest = 56 // struct inet_diag_req_v2
	sizeDiagMessage = 72 // struct inet_diag_msg

	diagV6Only = 11 // INET_DIAG_SKV6ONLY
)

// tcpListen and tcpClose are states of a socket (include/net/tcp_states.h, 6.18); a UDP socket
// that is not connected is in the second.
const (
	tcpClose  = 7
	tcpListen = 10
)

// maxListeners is how many listeners of one namespace are kept: any number can share a port
// (SO_REUSEPORT).
const maxListeners = 1 << 12

// diagRequest is a struct inet_diag_req_v2. The kernel lists only sockets bound to the port, of 0 all
// (net/ipv4/tcp_diag.c and udp_diag.c).
type diagRequest struct {
	family, proto uint8
	state         uint
	port          uint16
}

func (d diagRequest) Len() int { return sizeDiagRequest }

func (d diagRequest) Serialize() []byte {
	b := make([]byte, sizeDiagRequest)
	b[0], b[1] = d.family, d.proto
	binary.NativeEndian.PutUint32(b[4:], 1<<d.state)
	b[8], b[9] = byte(d.port>>8), byte(d.port)
	return b
}

// listeners returns the listeners at a port. Together with an error it returns those that
// were listed.
func (s *socket) listeners(p Port) ([]ns.Listener, error) {
	var all []ns.Listener
	var errs []error
	for _, proto := range p.protos {
		for _, family := range []uint8{unix.AF_INET, unix.AF_INET6} {
			some, err := s.listenersOf(proto, family, p.number)
			all, errs = append(all, some...), append(errs, err)
		}
	}
	slices.SortFunc(all, func(a, b ns.Listener) int {
		return cmp.Or(strings.Compare(a.Proto, b.Proto), a.Addr.Compare(b.Addr), cmp.Compare(a.Index, b.Index), cmp.Compare(a.Socket, b.Socket))
	})
	return all, errors.Join(errs...)
}

func (s *socket) listenersOf(proto string, family uint8, port uint16) (all []ns.Listener, err error) {
	request := diagRequest{family, unix.IPPROTO_TCP, tcpListen, port}
	if proto == "udp" {
		request = diagRequest{family, unix.IPPROTO_UDP, tcpClose, port}
	}
	err = retry(func() error {
		all = nil
		count := 0
		var broken error
		err := s.ask(nl.SOCK_DIAG_BY_FAMILY, nl.SOCK_DIAG_BY_FAMILY, func(m []byte) {
			l, err := parseListener(m)
			if err != nil {
				broken = err
				return
			}
			if l.Proto = proto; port != 0 && l.Addr.Port() != port {
				return
			}
			if count++; count <= maxListeners {
				all = append(all, l)
			}
		}, request)
		if count > maxListeners {
			broken = fmt.Errorf("it has %d such sockets, of which %d are listed", count, maxListeners)
		}
		return errors.Join(err, broken)
	})
	if err != nil {
		return all, fmt.Errorf("list %s sockets: %w", proto, err)
	}
	return all, nil
}

// parseListener reads a struct inet_diag_msg.
func parseListener(m []byte) (ns.Listener, error) {
	if len(m) < sizeDiagMessage {
		return ns.Listener{}, errShort
	}
	size := 4
	if m[0] == unix.AF_INET6 {
		size = 16
	}
	addr, _ := netip.AddrFromSlice(m[8 : 8+size]) // which takes 4 and 16 bytes
	l := ns.Listener{
		Addr:  netip.AddrPortFrom(addr, uint16(m[4])<<8|uint16(m[5])),
		Index: int(binary.NativeEndian.Uint32(m[40:])), UID: int(binary.NativeEndian.Uint32(m[64:])), Socket: uint64(binary.NativeEndian.Uint32(m[68:])),
	}
	for kind, value := range attributes(m, sizeDiagMessage) {
		if kind == diagV6Only {
			l.V6Only = bytes.Equal(value, []byte{1})
		}
	}
	return l, nil
}
