// SPDX-License-Identifier: Apache-2.0

package nstest

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Of linux/io_uring.h.
const (
	ioringOffSQEs         = 0x10000000
	ioringOpPollAdd       = 6
	ioringRegisterFiles   = 2
	ioringRegisterRingFDs = 20
)

// Ring is an io_uring instance, by its descriptor.
type Ring struct {
	FD     int
	params [120]byte // struct io_uring_params
}

// NewRing makes an instance. The error is errMissing where the machine has none.
func NewRing() (*Ring, error) {
	r := &Ring{FD: -1}
	fd, _, errno := unix.Syscall(unix.SYS_IO_URING_SETUP, 4, uintptr(unsafe.Pointer(&r.params)), 0)
	if errors.Is(errno, unix.ENOSYS) || errors.Is(errno, unix.EPERM) {
		// EPERM: the sysctl kernel.io_uring_disabled.
		return nil, fmt.Errorf("set up io_uring: %w (%w)", errno, errMissing)
	}
	if errno != 0 {
		return nil, fmt.Errorf("set up io_uring: %w", errno)
	}
	r.FD = int(fd)
	return r, nil
}

// Close closes the descriptor.
func (r *Ring) Close() error { return os.NewSyscallError("close io_uring", unix.Close(r.FD)) }

// Register puts a file into the first slot of the instance.
func (r *Ring) Register(fd int) error {
	files := [1]int32{int32(fd)}
	return r.register(ioringRegisterFiles, unsafe.Pointer(&files))
}

// RegisterSelf registers the instance with the calling thread, which keeps it then without
// the descriptor. The error is errMissing before Linux 5.18.
func (r *Ring) RegisterSelf() error {
	update := struct { // struct io_uring_rsrc_update
		offset, reserved uint32
		data             uint64
	}{offset: ^uint32(0), data: uint64(r.FD)} // in any place
	err := r.register(ioringRegisterRingFDs, unsafe.Pointer(&update))
	if errors.Is(err, unix.EINVAL) {
		return fmt.Errorf("%w (%w)", err, errMissing)
	}
	return err
}

func (r *Ring) register(what uintptr, argument unsafe.Pointer) error {
	if _, _, errno := unix.Syscall6(unix.SYS_IO_URING_REGISTER, uintptr(r.FD), what, uintptr(argument), 1, 0, 0); errno != 0 {
		return fmt.Errorf("register with io_uring: %w", errno)
	}
	return nil
}

// Map maps the queue of the instance, which keeps it without the descriptor.
func (r *Ring) Map() ([]byte, error) {
	queue, err := unix.Mmap(r.FD, 0, os.Getpagesize(), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	return queue, os.NewSyscallError("map io_uring", err)
}

// Poll has the calling thread wait for a file to become readable. The thread's end ends that.
func (r *Ring) Poll(fd int) error {
	queue, err := r.Map()
	if err != nil {
		return err
	}
	defer func() { _ = unix.Munmap(queue) }()
	requests, err := unix.Mmap(r.FD, ioringOffSQEs, os.Getpagesize(), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return os.NewSyscallError("map requests of io_uring", err)
	}
	defer func() { _ = unix.Munmap(requests) }()
	order := binary.NativeEndian
	requests[0] = ioringOpPollAdd // struct io_uring_sqe
	order.PutUint32(requests[4:], uint32(fd))
	order.PutUint32(requests[28:], unix.POLLIN)
	tail := order.Uint32(r.params[44:]) // io_sqring_offsets; the array there has zeros
	order.PutUint32(queue[tail:], order.Uint32(queue[tail:])+1)
	if n, _, errno := unix.Syscall6(unix.SYS_IO_URING_ENTER, uintptr(r.FD), 1, 0, 0, 0, 0); errno != 0 || n != 1 {
		return fmt.Errorf("submit to io_uring: %d of 1: %w", n, errno)
	}
	return nil
}

// PollAIO has the process wait, with a new aio context, for a file to become readable, and
// returns the context, for EndAIO.
func PollAIO(fd int) (context uintptr, err error) {
	const iocbCmdPoll = 5 // of linux/aio_abi.h
	if _, _, errno := unix.Syscall(unix.SYS_IO_SETUP, 1, uintptr(unsafe.Pointer(&context)), 0); errno == unix.ENOSYS {
		return 0, fmt.Errorf("set up aio: %w (%w)", errno, errMissing)
	} else if errno != 0 {
		return 0, fmt.Errorf("set up aio: %w", errno)
	}
	poll := &[8]uint64{2: iocbCmdPoll | uint64(fd)<<32, 3: unix.POLLIN} // struct iocb: aio_lio_opcode, aio_fildes, aio_buf
	if _, _, errno := unix.Syscall(unix.SYS_IO_SUBMIT, context, 1, uintptr(unsafe.Pointer(&poll))); errno != 0 {
		return 0, errors.Join(fmt.Errorf("submit to aio: %w", errno), EndAIO(context))
	}
	return context, nil
}

// EndAIO ends an aio context, and what is pending there.
func EndAIO(context uintptr) error {
	if _, _, errno := unix.Syscall(unix.SYS_IO_DESTROY, context, 0, 0); errno != 0 {
		return fmt.Errorf("end aio: %w", errno)
	}
	return nil
}
