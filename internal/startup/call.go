// SPDX-License-Identifier: Apache-2.0

package startup

// Not syscall's, which is initialized late: see the package's comment.

// call makes a system call and returns its result, or the error number less than 0. It is called on
// any stack.
//
//go:noescape
func call(number, a, b, c, d uintptr) int

// What they take and return (include/uapi, 6.18).
const (
	badFile      = -9           // EBADF
	currentDir   = ^uintptr(99) // AT_FDCWD
	readOnly     = 0            // O_RDONLY
	closeOnExec  = 0x80000      // O_CLOEXEC
	getFlags     = 1            // F_GETFD
	hugePages    = 14           // MADV_HUGEPAGE
	openFiles    = 7            // RLIMIT_NOFILE
	addressSpace = 9            // RLIMIT_AS
)
