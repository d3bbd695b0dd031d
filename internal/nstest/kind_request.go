// SPDX-License-Identifier: Apache-2.0

package nstest

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// holdIOURingRegistered registers the namespace file with an io_uring that only a thread keeps
// which has registered it.
func holdIOURingRegistered(m *maker) error {
	return m.inRing("registered io_uring", openNS, func(r *Ring, fd int) error {
		if err := r.Register(fd); err != nil {
			return err
		}
		if err := r.RegisterSelf(); err != nil {
			return err
		}
		return r.Close()
	})
}

// holdIOURingMapped registers the namespace file with an io_uring that only its mapping keeps.
func holdIOURingMapped(m *maker) error {
	return m.inNew(func() error {
		fd, err := openNS()
		if err != nil {
			return err
		}
		defer unix.Close(fd)
		r, err := NewRing()
		if err != nil {
			return err
		}
		if err = r.Register(fd); err == nil {
			_, err = r.Map()
		}
		m.hold(Holder{Kind: "kernel", Via: "mapped io_uring"})
		return errors.Join(err, r.Close())
	})
}

// holdIOURingPoll leaves a closed UDP socket of the namespace that a thread polls by an io_uring.
func holdIOURingPoll(m *maker) error {
	return m.inRing("io_uring request", inet6Dgram.open, (*Ring).Poll)
}

// inRing has a thread elsewhere give what open opens in the namespace to a new io_uring, and
// closes it.
func (m *maker) inRing(via string, open func() (int, error), give func(*Ring, int) error) error {
	fd := -1
	err := m.inNew(func() (err error) {
		fd, err = open()
		return err
	})
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	tid, leave, err := park(func() error {
		r, err := NewRing()
		if err != nil {
			return err
		}
		return give(r, fd)
	})
	if err != nil {
		return err
	}
	m.onRelease(leave)
	m.hold(Holder{Kind: "kernel", TID: tid, Via: via})
	return nil
}

// holdAIOPoll leaves a closed UDP socket of the namespace that the process polls by aio.
func holdAIOPoll(m *maker) error {
	return m.inNew(func() error {
		fd, err := inet6Dgram.open()
		if err != nil {
			return err
		}
		defer unix.Close(fd)
		context, err := PollAIO(fd)
		if err != nil {
			return err
		}
		m.onRelease(func() error { return EndAIO(context) })
		m.hold(Holder{Kind: "kernel", Via: "aio request"})
		return nil
	})
}

// holdInflightSender leaves a datagram of a closed unix socket of the namespace unread.
func holdInflightSender(m *maker) error {
	to, err := unixDgram.open()
	if err != nil {
		return err
	}
	path := m.Dir + "/receiver"
	if err := unix.Bind(to, &unix.SockaddrUnix{Name: path}); err != nil {
		return os.NewSyscallError("bind receiver", err)
	}
	h, err := unixDgram.holder("inflight", to)
	if err != nil {
		return err
	}
	h.Via = "closed sender"
	m.hold(h)
	return m.inNew(func() error {
		from, err := unixDgram.open()
		if err != nil {
			return err
		}
		defer unix.Close(from)
		return os.NewSyscallError("send", unix.Sendto(from, []byte("x"), 0, &unix.SockaddrUnix{Name: path}))
	})
}
