// SPDX-License-Identifier: Apache-2.0

// Package startup does what comes before everything else that a program does, and what comes
// last where a limit of this process ends it. It is imported for that alone.
//
// It imports nothing but what is there first, runtime and sync/atomic, and so is initialized before whatever opens
// files in an init function, as os and cilium/ebpf do, and before most of what takes memory
// there (The Go Programming Language Specification, "Program initialization"; of packages that
// wait for no other, the first by path: cmd/link, inittask.go, 1.26).
package startup

import "unsafe"

func init() {
	sealClosed(1, stdout)
	sealClosed(2, stderr)
	checkSpace()
	checkFiles()
}

// What fcntl(2) returned of the flags of stdout and stderr before the Go runtime started:
// with -buildmode=pie or an external linker, which start elsewhere, 0.
var stdout, stderr int

// The first thread has 64 KiB of the stack that the kernel made, beside the arguments and
// environment there (runtime, asm_*.s, rt0_go, 1.26), of which 128 KiB are always allowed
// (fs/exec.c, bprm_stack_limits, 6.18). Where its limit (RLIMIT_STACK) is less than both take,
// the thread would end with a signal, and has a stack of its own in its place.
const stackSize = 80 << 10

var (
	stackLimit [2]uint64 // soft and hard
	leastStack uint64    = 256 << 10
	stack      [stackSize]byte

	_, _, _ = &stackLimit, &leastStack, &stack // start_*.s has them
)

// sealClosed has writes to a standard descriptor that was closed fail, as they do without
// the Go runtime. That opens /dev/null in its place (runtime, checkfds, 1.26), where output
// would be lost without an error; left closed, it would be the next file that is opened.
func sealClosed(fd, flags int) {
	if flags != badFile {
		return
	}
	path := "/dev/null\x00"
	null := call(sysOpenat, currentDir, uintptr(unsafe.Pointer(unsafe.StringData(path))), readOnly|closeOnExec, 0)
	if null < 0 {
		return
	}
	call(sysDup3, uintptr(null), uintptr(fd), 0, 0) // both are open
	call(sysClose, uintptr(null), 0, 0, 0)
}

// leastSpace is how much address space (RLIMIT_AS) a command may need.
const leastSpace = 2 << 30

// checkSpace ends the program if it has less address space. Where that is too little for the Go
// runtime to start, onWrite does the same.
func checkSpace() {
	if littleSpace() {
		quit(tooSmall)
	}
}

// littleSpace reports whether the limit of the address space is less than leastSpace.
//
//go:nosplit
//go:norace
func littleSpace() bool {
	return limitOf(addressSpace)[0] < leastSpace
}

// leastFree is how many files more than are open a command may need at once. With fewer, what could
// not be opened for their lack would look like a fact about the machine, and the Go runtime
// ends with a dump where it cannot poll.
const leastFree = 56

// checkFiles ends the program if it may not open enough files. The soft limit is raised to the
// hard one later (os, init, 1.26).
func checkFiles() {
	hard := limitOf(openFiles)[1]
	free := 0
	for fd := uint64(0); fd < hard && free < leastFree; fd++ {
		if call(sysFcntl, uintptr(fd), getFlags, 0, 0) == badFile {
			free++
		}
	}
	if free < leastFree {
		quit(tooFew)
	}
}
