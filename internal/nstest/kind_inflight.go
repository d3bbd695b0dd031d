// SPDX-License-Identifier: Apache-2.0

package nstest

import (
	"fmt"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// queue is a unix socket whose peer is closed once something was sent to it.
type queue struct{ read, write int }

func newQueue() (queue, error) {
	p, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return queue{}, fmt.Errorf("make socket pair: %w", err)
	}
	return queue{p[0], p[1]}, nil
}

// put queues fd and closes it, and the queue's writing end.
func (q queue) put(fd int) error {
	defer unix.Close(fd)
	defer unix.Close(q.write)
	return send(q.write, fd)
}

// openNS opens the namespace file of the calling thread.
func openNS() (int, error) { return openSelf(unix.O_RDONLY) }

// holdInflight leaves what open opens in the namespace queued in a unix socket
// of the process, which is elsewhere.
func holdInflight(open func() (int, error)) func(*maker) error {
	return func(m *maker) error {
		q, err := newQueue()
		if err != nil {
			return err
		}
		h, err := unixStream.holder("inflight", q.read)
		if err != nil {
			return err
		}
		m.hold(h)
		return m.inNew(func() error {
			fd, err := open()
			if err != nil {
				return err
			}
			return q.put(fd)
		})
	}
}

// holdInflightNested queues the namespace file in a socket that is itself queued
// in another.
func holdInflightNested(m *maker) error {
	outer, err := newQueue()
	if err != nil {
		return err
	}
	inner, err := newQueue()
	if err != nil {
		return err
	}
	h, err := unixStream.holder("inflight", outer.read)
	if err != nil {
		return err
	}
	ino, err := inodeOf(inner.read)
	if err != nil {
		return err
	}
	h.Via = fmt.Sprintf("socket:[%d]", ino)
	m.hold(h)
	err = m.inNew(func() error {
		fd, err := openNS()
		if err != nil {
			return err
		}
		return inner.put(fd)
	})
	if err != nil {
		return err
	}
	return outer.put(inner.read)
}

// holdInflightUnaccepted queues the namespace file in a connection that its
// listener has not accepted: the socket it waits in has no fd.
func holdInflightUnaccepted(m *maker) error {
	path := filepath.Join(m.Dir, "listener")
	listener, err := listen(path)
	if err != nil {
		return err
	}
	h, err := unixStream.holder("inflight", listener)
	if err != nil {
		return err
	}
	h.Via = "unaccepted connection"
	m.hold(h)
	fd := -1
	err = m.inNew(func() (err error) {
		fd, err = openNS()
		return err
	})
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	return connect(path, []int{fd})
}
