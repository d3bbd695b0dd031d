// SPDX-License-Identifier: Apache-2.0

//go:build amd64 || arm64

package engines

import (
	"testing"

	"golang.org/x/sys/unix"

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
