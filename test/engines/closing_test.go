// SPDX-License-Identifier: Apache-2.0

//go:build amd64 || arm64

package engines

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/internal/explain"
	"github.com/nsinspect/nsinspect/internal/need"
	"github.com/nsinspect/nsinspect/internal/nstest"
	"github.com/nsinspect/nsinspect/pkg/ns"
	"github.com/nsinspect/nsinspect/pkg/scan"
)

// holdClosing leaves a TCP connection whose one end is closed, with more data to send
// than the other end, which stays open, takes. That ends it when it is closed: what it has
// not read makes it a reset.
func holdClosing(_ *testing.T, fd int) (func(), error) { return closing(fd, unix.IPPROTO_TCP) }

func closing(fd, protocol int) (func(), error) {
	other := -1
	err := thread(fd, func() (err error) {
		if err := loopbackUp(); err != nil {
			return err
		}
		other, err = closingConnection(protocol)
		return err
	})
	return func() { unix.Close(other) }, err
}

// loopbackUp sets lo up in the calling thread's namespace.
func loopbackUp() error { return linkUp("lo", nil) }

// linkUp gives a device of that namespace an address, if there is one, and sets it up.
func linkUp(name string, ip net.IP) error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	ifr, err := unix.NewIfreq(name)
	if err != nil {
		return err
	}
	if ip != nil {
		if err := ifr.SetInet4Addr(ip.To4()); err != nil {
			return err
		}
		if err := unix.IoctlIfreq(fd, unix.SIOCSIFADDR, ifr); err != nil {
			return err
		}
	}
	ifr.SetUint16(unix.IFF_UP)
	return unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, ifr)
}

// closingConnection returns the end of a connection that is not closed.
func closingConnection(protocol int) (int, error) {
	listener, client, server, err := connection(protocol)
	if err != nil {
		return -1, err
	}
	defer unix.Close(listener)
	defer unix.Close(client)
	for err == nil {
		_, err = unix.SendmsgN(client, make([]byte, 64<<10), nil, nil, unix.MSG_DONTWAIT)
	}
	if !errors.Is(err, unix.EAGAIN) {
		return server, fmt.Errorf("fill connection: %w", err)
	}
	return server, nil
}

// connection makes a connection, and leaves its sockets open unless it fails.
func connection(protocol int) (listener, client, server int, err error) {
	listener, client, err = connect(protocol)
	if err != nil {
		return -1, -1, -1, err
	}
	if server, _, err = unix.Accept4(listener, unix.SOCK_CLOEXEC); err != nil {
		unix.Close(listener)
		unix.Close(client)
	}
	return listener, client, server, err
}

// connect makes a connection that is not accepted.
func connect(protocol int) (listener, client int, err error) {
	listener, client = -1, -1
	defer func() {
		for _, fd := range []int{listener, client} {
			if err != nil && fd >= 0 {
				unix.Close(fd)
			}
		}
	}()
	if listener, err = unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, protocol); err != nil {
		return
	}
	if client, err = unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, protocol); err != nil {
		return
	}
	if err = unix.Bind(listener, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		return
	}
	if err = unix.Listen(listener, 1); err != nil {
		return
	}
	addr, err := unix.Getsockname(listener)
	if err != nil {
		return
	}
	err = unix.Connect(client, addr)
	return
}

// TestClosing checks what is shown of a connection that is closing.
func TestClosing(t *testing.T) {
	CheckKernel(t)
	if !need.KernelIs(t, 6, 1) {
		need.Missing(t, "needs Linux 6.1, whose table of connections is found")
	}
	opts := scan.Options{Engine: newEngine(t)}
	scene := nstest.Make(t, nstest.Mount)
	fd := openScene(t, opts, scene)
	end, err := holdClosing(t, fd)
	unix.Close(fd)
	if err != nil {
		t.Fatal(err)
	}
	end = sync.OnceFunc(end)
	t.Cleanup(end)
	var h ns.Holder
	var snap *ns.Snapshot
	var n *ns.Namespace
	nstest.Eventually(t, func() string { // once the thread that was in it has ended
		snap = look(t, opts)
		n = findIn(snap, &scene.Truth)
		i := slices.IndexFunc(n.Holders, func(h ns.Holder) bool { return h.Closing() })
		if i < 0 {
			return fmt.Sprintf("holders are %+v, want a closing connection", n.Holders)
		}
		h = n.Holders[i]
		return ""
	})
	peer := h.Socket.Words().Peer
	want := ns.Holder{Kind: ns.KindSocket, FD: -1, Socket: ns.NewSocket(ns.SocketWords{Family: "inet", Type: "stream", State: "fin-wait-1", Peer: peer})}
	if h != want || !strings.HasPrefix(peer, "127.0.0.1:") {
		t.Errorf("got %+v, want %+v", h, want)
	}
	if got, want := explain.Verdict(n, snap), "wait for the TCP connection to "+peer; !strings.Contains(got, want) {
		t.Errorf("verdict %q, want %q in it", got, want)
	}
	end()
	nstest.Eventually(t, func() string {
		n := findIn(look(t, opts), &scene.Truth)
		if slices.ContainsFunc(n.Holders, func(h ns.Holder) bool { return h.Closing() }) {
			return "still there when it is reset"
		}
		return ""
	})
}
