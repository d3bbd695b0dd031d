// SPDX-License-Identifier: Apache-2.0

package nstest

import (
	"fmt"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// socketSpec is a socket and the words for it.
type socketSpec struct {
	domain, typ, protocol int
	family, name          string
}

var (
	inetStream    = socketSpec{unix.AF_INET, unix.SOCK_STREAM, 0, "inet", "stream"}
	inet6Dgram    = socketSpec{unix.AF_INET6, unix.SOCK_DGRAM, 0, "inet6", "dgram"}
	packetRaw     = socketSpec{unix.AF_PACKET, unix.SOCK_RAW, 0, "packet", "raw"}
	netlinkRaw    = socketSpec{unix.AF_NETLINK, unix.SOCK_RAW, unix.NETLINK_ROUTE, "netlink", "raw"}
	unixStream    = socketSpec{unix.AF_UNIX, unix.SOCK_STREAM, 0, "unix", "stream"}
	unixDgram     = socketSpec{unix.AF_UNIX, unix.SOCK_DGRAM, 0, "unix", "dgram"}
	unixSeqpacket = socketSpec{unix.AF_UNIX, unix.SOCK_SEQPACKET, 0, "unix", "seqpacket"}
)

// open opens the socket in the calling thread's network namespace.
func (s socketSpec) open() (int, error) {
	fd, err := unix.Socket(s.domain, s.typ|unix.SOCK_CLOEXEC, s.protocol)
	if err != nil {
		return -1, fmt.Errorf("open %s %s socket: %w", s.family, s.name, err)
	}
	return fd, nil
}

// holder describes an fd that is such a socket.
func (s socketSpec) holder(kind string, fd int) (Holder, error) {
	ino, err := inodeOf(fd)
	return Holder{Kind: kind, FD: &fd, Family: s.family, Type: s.name, Inode: ino}, err
}

func inodeOf(fd int) (uint64, error) {
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return 0, fmt.Errorf("stat fd %d: %w", fd, err)
	}
	return st.Ino, nil
}

// holdSocket leaves a socket of the namespace in a process elsewhere.
func holdSocket(spec socketSpec) func(*maker) error {
	return func(m *maker) error {
		return m.inNew(func() error {
			fd, err := spec.open()
			if err != nil {
				return err
			}
			h, err := spec.holder("socket", fd)
			m.hold(h)
			return err
		})
	}
}

// holdSocketUnaccepted leaves a connection that its client has closed and its
// listener, elsewhere, has not accepted: the kernel's half of it is in the
// client's namespace and has no fd yet (unix_stream_connect, Linux 6.18).
func holdSocketUnaccepted(m *maker) error {
	path := filepath.Join(m.Dir, "listener")
	listener, err := listen(path)
	if err != nil {
		return err
	}
	m.hold(Holder{Kind: "kernel", FD: &listener, Via: "unaccepted connection"})
	return m.inNew(func() error { return connect(path, nil) })
}

func listen(path string) (int, error) {
	fd, err := unixStream.open()
	if err != nil {
		return -1, err
	}
	if err := unix.Bind(fd, &unix.SockaddrUnix{Name: path}); err != nil {
		return -1, fmt.Errorf("bind socket to %q: %w", path, err)
	}
	if err := unix.Listen(fd, 1); err != nil {
		return -1, fmt.Errorf("listen at %q: %w", path, err)
	}
	return fd, nil
}

// connect connects to a listener, sends it a byte with the file descriptors, and
// closes its end.
func connect(path string, fds []int) error {
	fd, err := unixStream.open()
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	if err := unix.Connect(fd, &unix.SockaddrUnix{Name: path}); err != nil {
		return fmt.Errorf("connect to %q: %w", path, err)
	}
	if fds == nil {
		return nil
	}
	return send(fd, fds...)
}

// send queues copies of the file descriptors in the peer of a unix socket.
func send(socket int, fds ...int) error {
	if err := unix.Sendmsg(socket, []byte{0}, unix.UnixRights(fds...), nil, 0); err != nil {
		return fmt.Errorf("send descriptors: %w", err)
	}
	return nil
}

// holdSocketPeer leaves a unix socket elsewhere that is connected to one of the namespace,
// which is closed (unix_dgram_connect, Linux 6.18).
func holdSocketPeer(m *maker) error {
	from, err := unixDgram.open()
	if err != nil {
		return err
	}
	path := filepath.Join(m.Dir, "peer")
	m.hold(Holder{Kind: "kernel", FD: &from, Via: "closed peer"})
	return m.inNew(func() error {
		to, err := unixDgram.open()
		if err != nil {
			return err
		}
		defer unix.Close(to)
		if err := unix.Bind(to, &unix.SockaddrUnix{Name: path}); err != nil {
			return fmt.Errorf("bind socket to %q: %w", path, err)
		}
		if err := unix.Connect(from, &unix.SockaddrUnix{Name: path}); err != nil {
			return fmt.Errorf("connect to %q: %w", path, err)
		}
		return nil
	})
}
