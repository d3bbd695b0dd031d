// SPDX-License-Identifier: Apache-2.0

// Package stacks makes a goroutine's stack large at once. A stack begins with 2 KiB and is made
// twice as large each time that it does not suffice: it is copied, and the tables of every
// function on it are looked into, which are page faults of their own (runtime, newstack and copystack,
// 1.26). It imports nothing, and so may be used before all else is initialized.
package stacks

import "unsafe"

// Grow makes the stack of the calling goroutine large enough for a frame, and returns an address on it.
// never is nil. A function has as much as its frame may take before it begins, and writes only to what
// it uses: here, nothing of the frame.
//
//go:noinline
func Grow[frame any](never *byte) uintptr {
	if never != nil {
		var f frame
		return take(f)
	}
	var here byte
	return uintptr(unsafe.Pointer(&here))
}

//go:noinline
func take[frame any](f frame) uintptr { return uintptr(unsafe.Pointer(&f)) }
