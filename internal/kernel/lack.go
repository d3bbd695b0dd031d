// SPDX-License-Identifier: Apache-2.0

package kernel

import (
	"errors"

	"golang.org/x/sys/unix"
)

// IsLack reports whether an error is that this process or the machine is out of descriptors
// or memory. It is nothing about what was looked at.
func IsLack(err error) bool {
	return errors.Is(err, unix.EMFILE) || errors.Is(err, unix.ENFILE) || errors.Is(err, unix.ENOMEM)
}
