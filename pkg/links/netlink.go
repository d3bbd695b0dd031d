// SPDX-License-Identifier: Apache-2.0

package links

import (
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// socket is a netlink socket in one namespace. Unlike one of nl it does not wait in epoll: the
// kernel answers while the request is sent (net/netlink/af_netlink.c, netlink_rcv_skb, 6.18),
// and adds more to a list while it is received (netlink_recvmsg, there). So there is no need to
// register every one of the thousands of a snapshot, nor for an address to receive at.
type socket struct {
	fd    int
	seq   uint32
	heard *atomic.Uint64 // counts answers
}

// openSocket opens a routing socket in the network namespace of the calling thread.
func openSocket(heard *atomic.Uint64) (*socket, error) { return open(unix.NETLINK_ROUTE, heard) }

func open(proto int, heard *atomic.Uint64) (*socket, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, proto)
	if err != nil {
		return nil, fmt.Errorf("open netlink socket: %w", err)
	}
	return &socket{fd: fd, heard: heard}, nil
}

func (s *socket) close() { unix.Close(s.fd) }

// ask has the kernel list all there is of something.
func (s *socket) ask(what int, answer uint16, each func(m []byte), data ...nl.NetlinkRequestData) error {
	req := nl.NewNetlinkRequest(what, unix.NLM_F_DUMP)
	for _, d := range data {
		req.AddData(d)
	}
	return s.execute(req, answer, each)
}

// execute sends a request, and calls each with the content of every answer of a type, which is
// overwritten later. If what is listed changed meanwhile, it returns nl.ErrDumpInterrupted in
// the end.
func (s *socket) execute(req *nl.NetlinkRequest, answer uint16, each func(m []byte)) error {
	s.seq++
	req.Seq = s.seq
	if err := unix.Sendto(s.fd, req.Serialize(), 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return err
	}
	buf := buffers.Get().(*[bufferSize]byte)
	defer buffers.Put(buf)
	a := answers{seq: s.seq, kind: answer, each: func(m []byte) {
		s.heard.Add(1)
		each(m)
	}}
	for {
		n, from, err := unix.Recvfrom(s.fd, buf[:], 0)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return err
		}
		if k, ok := from.(*unix.SockaddrNetlink); !ok || k.Pid != 0 {
			continue // a process may send to any socket of its own namespace
		}
		if done, err := a.take(buf[:n]); done || err != nil {
			return err
		}
	}
}

// bufferSize is more than the kernel puts into one piece of a list: 32 KiB
// (net/netlink/af_netlink.c, netlink_recvmsg, 6.18).
const bufferSize = 1 << 16

var buffers = sync.Pool{New: func() any { return new([bufferSize]byte) }}

// answers is what comes of one request.
type answers struct {
	seq         uint32
	kind        uint16
	each        func(m []byte)
	interrupted bool
}

// take reads a piece of the answers, and reports whether it was the last one.
func (a *answers) take(piece []byte) (done bool, err error) {
	for len(piece) > 0 {
		if len(piece) < unix.SizeofNlMsghdr {
			return false, errShort
		}
		size, kind, flags := int(binary.NativeEndian.Uint32(piece)), binary.NativeEndian.Uint16(piece[4:]), binary.NativeEndian.Uint16(piece[6:])
		if size < unix.SizeofNlMsghdr || size > len(piece) {
			return false, errShort
		}
		m, seq := piece[unix.SizeofNlMsghdr:size], binary.NativeEndian.Uint32(piece[8:])
		piece = piece[min((size+3)&^3, len(piece)):]
		if seq != a.seq {
			continue // of a request that was given up
		}
		a.interrupted = a.interrupted || flags&unix.NLM_F_DUMP_INTR != 0
		switch kind {
		case unix.NLMSG_DONE, unix.NLMSG_ERROR:
			return true, a.end(kind, m)
		case a.kind:
			a.each(m)
		}
		if flags&unix.NLM_F_MULTI == 0 {
			return true, a.end(unix.NLMSG_DONE, nil)
		}
	}
	return false, nil
}

// end returns the error of the last answer: that of the kernel is a negative number in it.
func (a *answers) end(kind uint16, m []byte) error {
	switch {
	case len(m) < 4 && kind == unix.NLMSG_ERROR:
		return errShort
	case len(m) >= 4 && number(m[:4], 0) != 0:
		return unix.Errno(-number(m[:4], 0))
	case a.interrupted:
		return nl.ErrDumpInterrupted
	}
	return nil
}
