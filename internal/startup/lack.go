// SPDX-License-Identifier: Apache-2.0

package startup

import "unsafe"

// What is printed where a limit of the process, or of its cgroup, ends the program.
const (
	tooFew    = "nsinspect: out of file descriptors: at least 64 open files are needed\nhint: raise ulimit -n\n"
	tooSmall  = "nsinspect: out of address space: 2 GiB are needed\nhint: raise ulimit -v\n"
	noFiles   = "nsinspect: out of file descriptors\nhint: raise ulimit -n, or fs.file-max of the machine\n"
	noMemory  = "nsinspect: out of memory\nhint: raise ulimit -v and ulimit -d, or end other programs\n"
	noThreads = "nsinspect: out of processes: no thread can be started\nhint: raise ulimit -u, or pids.max of the cgroup\n"
)

// onWrite is what the Go runtime calls to print, with a piece of text at a time: why it ends
// the program, and what every goroutine does then (runtime, overrideWrite, 1.26). start_*.s has
// it called from the beginning on. The runtime has no error to return where a thread or
// memory is lacking: it ends the program.
//
// It is called on any stack, and so is everything that it calls.
var onWrite = write

var _ = onWrite // start_*.s has it

// announced is set once the runtime has begun to print "fatal error: ", and why is the next piece.
var announced, leaving flag

const fatal = "fatal error: "

//go:nosplit
//go:norace
func write(fd uintptr, p unsafe.Pointer, n int32) int32 {
	text := unsafe.String((*byte)(p), int(n))
	if fd != 2 { // no print, but what wakes another thread (runtime, netpollBreak, 1.26)
		return put(fd, text)
	}
	if line := lackIn(text, announced.Load()); line != "" {
		quit(line)
	}
	switch {
	case text == fatal:
		announced.Store(true)
		return n
	case announced.Swap(false):
		put(fd, fatal)
	}
	return put(fd, text)
}

// lackIn returns what to print in place of a piece of text that the runtime prints, "" if it is
// about no lack. A piece after "fatal error: " is why.
//
//go:nosplit
//go:norace
func lackIn(text string, why bool) string {
	switch {
	case begins(text, "runtime: failed to create new OS thread"):
		return noThreads
	case begins(text, "runtime: epollcreate failed"), begins(text, "runtime: eventfd failed"):
		return noFiles
	case begins(text, "runtime: out of memory: "):
	case why && (has(text, "out of memory") || has(text, "cannot allocate memory") || has(text, "failed to reserve")):
	default:
		return ""
	}
	if littleSpace() {
		return tooSmall
	}
	return noMemory
}

// quit prints a line and ends the program.
//
//go:nosplit
//go:norace
func quit(line string) {
	for leaving.Swap(true) { // another thread does, which may not have printed yet
		call(sysSchedYield, 0, 0, 0, 0)
	}
	put(2, line)
	for {
		call(sysExitGroup, status(), 0, 0, 0)
	}
}

//go:nosplit
//go:norace
func put(fd uintptr, text string) int32 {
	return int32(call(sysWrite, fd, uintptr(unsafe.Pointer(unsafe.StringData(text))), uintptr(len(text)), 0))
}

// limitOf returns a limit, soft and hard, as high as can be if it is not known.
//
//go:nosplit
//go:norace
func limitOf(resource uintptr) [2]uint64 {
	limit := [2]uint64{^uint64(0), ^uint64(0)}
	call(sysPrlimit64, 0, resource, 0, uintptr(unsafe.Pointer(&limit)))
	return limit
}

//go:nosplit
//go:norace
func begins(text, with string) bool { return len(text) >= len(with) && text[:len(with)] == with }

//go:nosplit
//go:norace
func has(text, part string) bool {
	for ; len(text) >= len(part); text = text[1:] {
		if begins(text, part) {
			return true
		}
	}
	return false
}
