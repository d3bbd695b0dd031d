// SPDX-License-Identifier: Apache-2.0

//go:build amd64 || arm64

package engines

import (
	"net"
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/vishvananda/netlink"

	"github.com/nsinspect/nsinspect/internal/nstest"
)

// holdPoll leaves a poll of a closed socket with an aio context.
func holdPoll(t *testing.T, fd int) (func(), error) {
	var context uintptr
	err := thread(fd, func() error {
		socket, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return err
		}
		defer unix.Close(socket)
		context, err = nstest.PollAIO(socket)
		return err
	})
	return func() {
		if err := nstest.EndAIO(context); err != nil {
			t.Error(err)
		}
	}, err
}

// holdMappedRing leaves a socket in a slot of an io_uring that only a mapping keeps.
func holdMappedRing(t *testing.T, fd int) (func(), error) {
	ring, err := nstest.NewRing()
	if err != nil {
		return nil, err
	}
	defer ring.Close()
	queue, err := ring.Map()
	if err != nil {
		return nil, err
	}
	end := func() {
		if err := unix.Munmap(queue); err != nil {
			t.Errorf("unmap: %v", err)
		}
	}
	return end, thread(fd, func() error {
		socket, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return err
		}
		defer unix.Close(socket)
		return ring.Register(socket)
	})
}

// hasMPTCP reports whether the kernel has MPTCP, and lets it be used.
func hasMPTCP() bool {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, unix.IPPROTO_MPTCP)
	if err != nil {
		return false
	}
	unix.Close(fd)
	return true
}

// holdMPTCP leaves both ends of an MPTCP connection open, and the socket that listens: each has
// a subflow with a reference of its own.
func holdMPTCP(_ *testing.T, fd int) (func(), error) {
	var all []int
	err := thread(fd, func() error {
		if err := loopbackUp(); err != nil {
			return err
		}
		listener, client, server, err := connection(unix.IPPROTO_MPTCP)
		if err == nil {
			all = []int{listener, client, server}
		}
		return err
	})
	return func() {
		for _, socket := range all {
			unix.Close(socket)
		}
	}, err
}

// holdPacket leaves a packet of a closed socket waiting for the address of a neighbour that does
// not answer: it refers to the socket (neigh_resolve_output, net/core/neighbour.c). The other end
// of its device, by which that can be taken away, is in a namespace of its own.
func holdPacket(t *testing.T, fd int) (func(), error) {
	const near, far = "nswaits0", "nswaits1"
	other := -1
	err := thread(fd, func() (err error) { // which leaves that namespace
		if err = unix.Unshare(unix.CLONE_NEWNET); err == nil {
			other, err = unix.Open("/proc/thread-self/ns/net", unix.O_RDONLY|unix.O_CLOEXEC, 0)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	end := func() {
		defer unix.Close(other)
		err := thread(other, func() error {
			link, err := netlink.LinkByName(far)
			if err != nil {
				return err
			}
			return netlink.LinkDel(link)
		})
		if err != nil {
			t.Error(err)
		}
	}
	err = thread(fd, func() error {
		pair := &netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: near}, PeerName: far, PeerNamespace: netlink.NsFd(other)}
		if err := netlink.LinkAdd(pair); err != nil {
			return err
		}
		return setUp(near, net.IPv4(198, 18, 77, 1))
	})
	if err == nil {
		err = thread(other, func() error { return setUp(far, nil) })
	}
	if err == nil {
		err = thread(fd, func() error {
			if err := os.WriteFile("/proc/sys/net/ipv4/neigh/"+near+"/mcast_solicit", []byte("600"), 0); err != nil {
				return err
			}
			socket, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
			if err != nil {
				return err
			}
			defer unix.Close(socket)
			return unix.Sendto(socket, []byte("x"), 0, &unix.SockaddrInet4{Port: 9, Addr: [4]byte{198, 18, 77, 2}})
		})
	}
	return end, err
}

// setUp gives a device an address, if there is one, and sets it up.
func setUp(name string, ip net.IP) error {
	link, err := netlink.LinkByName(name)
	if err == nil && ip != nil {
		err = netlink.AddrAdd(link, &netlink.Addr{IPNet: &net.IPNet{IP: ip, Mask: net.CIDRMask(24, 32)}})
	}
	if err != nil {
		return err
	}
	return netlink.LinkSetUp(link)
}
