// SPDX-License-Identifier: Apache-2.0

package startup

import (
	"runtime"
	"unsafe"

	"github.com/nsinspect/nsinspect/internal/stacks"
)

// On a machine where a page fault takes 15 µs, faulting in the heap one page after another
// takes most of a short command. Where the kernel has transparent huge pages and leaves the
// choice to the program ("madvise" in /sys/kernel/mm/transparent_hugepage/enabled), the first
// use of 2 MiB is then one fault. Where it has none, nothing changes.
const (
	hugePage = 2 << 20
	growth   = 4 << 20  // the heap grows by multiples, at multiples of it (runtime, mheap.grow, 1.26)
	room     = 16 << 20 // as much as a scan of some thousand processes takes
	roomTwo  = 64 << 20 // as much as two files take, each with some thousand namespaces
	// from is from when on an allocation takes no page of those that a processor has set
	// aside (runtime, pageCachePages/4 pages, 1.26).
	from = 128 << 10

	stackRoom = 40 << 10 // as much stack as most commands need
)

// profileRate is where the runtime has how many bytes are allocated, on average, between two
// allocations that it records with their callers. start_*.s sets that to 0, which is none: the very
// first would be one, for a dozen page faults. "go test -memprofile" needs -memprofilerate.
var profileRate = &runtime.MemProfileRate

var _ = profileRate // start_*.s has it

func init() {
	setGCPercent(800) // one scan ends before it has to collect 32 MiB; --watch sets it back
	low := alignHeap()
	high := (low + growth - 1) &^ (growth - 1)
	// Growing makes the runtime look for room in an index of all addresses first, which is
	// a dozen page faults (runtime, pageAlloc.find, 1.26).
	switch reads := reading(); {
	case reads == files:
		high = growHeap(stacks.Grow[[roomTwo - 64<<10]byte])
	case reads == machine:
		high = growHeap(stacks.Grow[[room - 64<<10]byte])
	case high == low:
		useUp(low) // which grows it
		high = low + growth
	}
	// Where it is refused, the start takes longer and nothing else changes.
	call(sysMadvise, low, high-low, hugePages, 0)
	useUp(low)
	stacks.Grow[[stackRoom]byte](nil) // there, too
}

// setGCPercent is what runtime/debug.SetGCPercent calls. That package imports some that are to
// be initialized after this one.
//
//go:linkname setGCPercent runtime/debug.setGCPercent
func setGCPercent(percent int32) int32

// What a command reads, by which it takes more than what is left of the first growth.
const (
	nothing = iota
	machine
	files
)

// reading returns what the command reads.
func reading() int {
	if argv == nil {
		return machine
	}
	switch commandIn(argv[:]) {
	case "", "version", "help", "completion":
		return nothing
	case "diff", "leaks":
		return files
	}
	const from = "--from"
	for i := 1; i < len(argv) && argv[i] != nil; i++ {
		if text := stringAt(argv[i]); len(text) >= len(from) && text[:len(from)] == from {
			return files
		}
	}
	return machine
}

// unused is allocated and never written to, so that it takes no memory, until the first
// garbage collection.
var unused []byte

// alignHeap leaves what remains of the huge page in which the heap has begun unused, and
// returns where the next begins.
func alignHeap() uintptr {
	unused = make([]byte, from)
	used := uintptr(unsafe.Pointer(&unused[0])) + from
	next := (used + hugePage - 1) &^ (hugePage - 1)
	unused = make([]byte, next-used)
	unused = nil
	return next
}

// growHeap makes the heap larger by the stack that grow makes, with room for its frame and not for
// two, and returns where it ends.
// Only a stack is given back to the heap without a garbage collection, which is when its
// goroutine ends (runtime, gdestroy, 1.26).
func growHeap(grow func(never *byte) uintptr) uintptr {
	before := runtime.NumGoroutine()
	top := make(chan uintptr, 1)
	go func() { top <- grow(nil) }()
	for runtime.NumGoroutine() > before {
		runtime.Gosched()
	}
	return (<-top + growth - 1) &^ (growth - 1)
}

// useUp leaves the pages that the processor has set aside before the address low unused: small
// objects would be put there, for two page faults every 8 KiB. A slice of a page takes one
// page, and memory only once it is written to.
func useUp(low uintptr) {
	const page, aside = 8 << 10, 64 // runtime, pageSize and pageCachePages, 1.26
	for range aside {
		unused = make([]byte, page)
		if uintptr(unsafe.Pointer(&unused[0])) >= low {
			break
		}
	}
	unused = nil
}
