// SPDX-License-Identifier: Apache-2.0

package nstest

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// holdIOURing registers the namespace file with an io_uring and closes its fd.
func holdIOURing(m *maker) error {
	r, err := NewRing()
	if err != nil {
		return err
	}
	return m.inNew(func() error {
		fd, err := openNS()
		if err != nil {
			return err
		}
		defer unix.Close(fd)
		if err := r.Register(fd); err != nil {
			return err
		}
		m.hold(Holder{Kind: "kernel", FD: &r.FD, Via: "io_uring"})
		return nil
	})
}

// holdProcNet leaves a file of the namespace's /proc/net open, which holds the
// namespace too (seq_open_net, Linux 6.18).
func holdProcNet(m *maker) error {
	return m.inNew(func() error {
		fd, err := unix.Open("/proc/thread-self/net/dev", unix.O_RDONLY|unix.O_CLOEXEC, 0)
		if err != nil {
			return fmt.Errorf("open /proc/net/dev: %w", err)
		}
		m.hold(Holder{Kind: "kernel", FD: &fd, Via: "/proc/net/dev"})
		return nil
	})
}
