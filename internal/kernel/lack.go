// SPDX-License-Identifier: Apache-2.0

package kernel

import (
	"errors"

	"golang.org/x/sys/unix"
)

// ErrNoProcess is that no other process may be started, by RLIMIT_NPROC or the pids.max of a
// cgroup. The kernel's word for it, EAGAIN, means other things where a file is read.
var ErrNoProcess = errors.New("out of processes: raise ulimit -u, or pids.max of the cgroup")

// IsLack reports whether an error is that this process or the machine is out of descriptors,
// processes or memory. It is nothing about what was looked at.
func IsLack(err error) bool {
	return errors.Is(err, ErrNoProcess) || errors.Is(err, unix.EMFILE) || errors.Is(err, unix.ENFILE) || errors.Is(err, unix.ENOMEM)
}
