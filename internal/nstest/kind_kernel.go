// SPDX-License-Identifier: Apache-2.0

package nstest

import (
	"errors"
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"
)

const ioringRegisterFiles = 2 // IORING_REGISTER_FILES of linux/io_uring.h

// holdIOURing registers the namespace file with an io_uring and closes its fd.
func holdIOURing(m *maker) error {
	var params [120]byte // struct io_uring_params
	ring, _, errno := unix.Syscall(unix.SYS_IO_URING_SETUP, 1, uintptr(unsafe.Pointer(&params)), 0)
	if errors.Is(errno, unix.ENOSYS) || errors.Is(errno, unix.EPERM) {
		// EPERM: the sysctl kernel.io_uring_disabled.
		return fmt.Errorf("set up io_uring: %w (%w)", errno, errMissing)
	}
	if errno != 0 {
		return fmt.Errorf("set up io_uring: %w", errno)
	}
	return m.inNew(func() error {
		fd, err := openNS()
		if err != nil {
			return err
		}
		defer unix.Close(fd)
		files := [1]int32{int32(fd)}
		_, _, errno := unix.Syscall6(unix.SYS_IO_URING_REGISTER, ring, ioringRegisterFiles,
			uintptr(unsafe.Pointer(&files)), 1, 0, 0)
		if errno != 0 {
			return fmt.Errorf("register namespace file: %w", errno)
		}
		n := int(ring)
		m.hold(Holder{Kind: "kernel", FD: &n, Via: "io_uring"})
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
