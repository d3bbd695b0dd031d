// SPDX-License-Identifier: Apache-2.0

package startup

import (
	"runtime"
	"syscall"
	"unsafe"
)

// On a machine where a page fault takes 15 µs, faulting in the heap one page after another
// takes most of a short command. Where the kernel has transparent huge pages and leaves the
// choice to the program ("madvise" in /sys/kernel/mm/transparent_hugepage/enabled), the first
// use of 2 MiB is then one fault. Where it has none, nothing changes.
const (
	hugePage = 2 << 20
	growth   = 4 << 20  // the heap grows by multiples, at multiples of it (runtime, mheap.grow, 1.26)
	room     = 16 << 20 // as much as a scan of some thousand processes takes
	// from is from when on an allocation takes no page of those that a processor has set
	// aside (runtime, pageCachePages/4 pages, 1.26).
	from = 128 << 10
)

func init() {
	heap := growHeap(alignHeap())
	// Where it is refused, the start takes longer and nothing else changes.
	_, _, _ = syscall.Syscall(syscall.SYS_MADVISE, heap[0], heap[1]-heap[0], syscall.MADV_HUGEPAGE)
}

// unused is allocated and never written to, so that it takes no memory, until the first
// garbage collection.
var unused []byte

// alignHeap leaves what remains of the huge page in which the heap has begun unused, and
// returns where the next begins. Both allocations fit what comes before a garbage
// collection, which is 4 MiB.
func alignHeap() uintptr {
	unused = make([]byte, from)
	used := uintptr(unsafe.Pointer(&unused[0])) + from
	next := (used + hugePage - 1) &^ (hugePage - 1)
	unused = make([]byte, next-used)
	unused = nil
	return next
}

// growHeap makes the heap larger by room, and returns from where to where nothing of it
// has been used. Only a stack is given back to the heap without a garbage collection, which
// is when its goroutine ends (runtime, gdestroy, 1.26).
func growHeap(from uintptr) [2]uintptr {
	before := runtime.NumGoroutine()
	top := make(chan uintptr, 1)
	go func() { top <- large(nil) }()
	for runtime.NumGoroutine() > before {
		runtime.Gosched()
	}
	return [2]uintptr{from, (<-top + growth - 1) &^ (growth - 1)}
}

// frame is an argument for which a stack of room is needed, and not of two.
type frame [room - 64<<10]byte

// large needs a large stack, of which it uses no more than the top. It returns an address
// there.
//
//go:noinline
func large(never *byte) uintptr {
	if never != nil {
		take(frame{})
	}
	var here byte
	return uintptr(unsafe.Pointer(&here))
}

//go:noinline
func take(f frame) { unused = append(unused, f[0]) }
