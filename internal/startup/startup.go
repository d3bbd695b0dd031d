// SPDX-License-Identifier: Apache-2.0

// Package startup does what comes before everything else that a program does. It is
// imported for that alone.
//
// It imports nothing but syscall, and so is initialized before whatever opens files in an
// init function, as os and cilium/ebpf do (The Go Programming Language Specification,
// "Program initialization").
package startup

import "syscall"

func init() {
	sealClosed(1, stdout)
	sealClosed(2, stderr)
	checkFiles()
}

// What fcntl(2) returned of the flags of stdout and stderr before the Go runtime started:
// with -buildmode=pie or an external linker, which start elsewhere, 0.
var stdout, stderr int

// space is the limit of the address space (RLIMIT_AS), soft and hard, from before the Go
// runtime started: it ends with a dump where it may not map what it reserves first, more than
// half a GiB for its page allocator (runtime, mpagealloc_64bit.go, 1.26). The exit status is
// 1, but 3 where the first argument is doctor: what is there, "doctor\x00", without the byte after it.
//
//nolint:unused // start_*.s has them
var (
	space      [2]uint64
	doctor     uint64 = 0x00_726f_7463_6f64 << 8
	leastSpace uint64 = 2 << 30
	tooSmall          = "nsinspect: out of address space: 2 GiB are needed\nhint: raise ulimit -v\n"
)

// sealClosed has writes to a standard descriptor that was closed fail, as they do without
// the Go runtime. That opens /dev/null in its place (runtime, checkfds, 1.26), where output
// would be lost without an error; left closed, it would be the next file that is opened.
func sealClosed(fd, flags int) {
	if flags != -int(syscall.EBADF) {
		return
	}
	null, err := syscall.Open("/dev/null", syscall.O_RDONLY|syscall.O_CLOEXEC, 0)
	if err != nil {
		return
	}
	_ = syscall.Dup3(null, fd, 0) // both are open
	_ = syscall.Close(null)
}

// leastFree is how many files more than are open a command may need at once. With fewer, what could
// not be opened for their lack would look like a fact about the machine, and the Go runtime
// ends with a dump where it cannot poll.
const leastFree = 56

const tooFew = "nsinspect: out of file descriptors: at least 64 open files are needed\nhint: raise ulimit -n\n"

// checkFiles ends the program if it may not open enough files. The soft limit is raised to the
// hard one later (os, init, 1.26).
func checkFiles() {
	var limit syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit) != nil {
		return // unknown
	}
	free := 0
	for fd := uintptr(0); fd < uintptr(limit.Max) && free < leastFree; fd++ {
		if _, _, errno := syscall.Syscall(syscall.SYS_FCNTL, fd, syscall.F_GETFD, 0); errno == syscall.EBADF {
			free++
		}
	}
	if free == leastFree {
		return
	}
	_, _ = syscall.Write(2, []byte(tooFew)) // to nobody, if it fails
	syscall.Exit(status())
}

// status returns the exit status: 1, but 3 for doctor, where 1 is a warning about the machine.
func status() int {
	_ = syscall.Close(0) // its number is there for the next file
	fd, err := syscall.Open("/proc/self/cmdline", syscall.O_RDONLY, 0)
	if err != nil {
		return 1
	}
	args := make([]byte, 4096)
	n, _ := syscall.Read(fd, args) // -1, and no word, if it fails
	if command(string(args[:max(n, 0)])) == "doctor" {
		return 3
	}
	return 1
}

// command returns which command a command line is of, as /proc has it: the first argument that
// is no flag, and no value of one.
func command(cmdline string) string {
	isValue := true // as the name of the program is no argument
	for word := 0; word < len(cmdline); {
		end := word
		for end < len(cmdline) && cmdline[end] != 0 {
			end++
		}
		switch text := cmdline[word:end]; {
		case isValue:
			isValue = false
		case text == "" || text[0] != '-':
			return text
		default:
			isValue = takesValue(text)
		}
		word = end + 1
	}
	return ""
}

// takesValue reports whether the next argument is the value of a global flag.
func takesValue(flag string) bool {
	switch flag {
	case "--engine", "--source", "--root", "--netns-dir", "--color", "--from":
		return true
	}
	return false
}
