// SPDX-License-Identifier: Apache-2.0

package startup

import (
	"testing"
	"unsafe"
)

// stayed is whether the stack of main's goroutine was large enough for a function that needs
// half of stackRoom; init is called on it.
var stayed bool

func init() {
	var here byte
	before := uintptr(unsafe.Pointer(&here))
	half(0)
	stayed = uintptr(unsafe.Pointer(&here)) == before
}

//go:noinline
func half(i int) byte {
	var frame [stackRoom / 2]byte
	frame[i]++
	return frame[i/2]
}

func TestStackIsGrown(t *testing.T) {
	if !stayed {
		t.Errorf("main's stack was moved for %d bytes", stackRoom/2)
	}
}
