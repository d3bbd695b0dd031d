// SPDX-License-Identifier: Apache-2.0

package procscan

import (
	"strconv"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/pkg/ns"
)

// The system calls of the loop over every process, without the string that each
// call through x/sys/unix allocates. They are raw, unknown to Go's scheduler:
// none of them can block, and announcing each would cost more than it gains.

// readlinkat reads the link at path, which must end in a NUL byte.
func readlinkat(dir int, path, buf []byte) (int, unix.Errno) {
	n, _, errno := unix.RawSyscall6(unix.SYS_READLINKAT, uintptr(dir), uintptr(unsafe.Pointer(&path[0])),
		uintptr(unsafe.Pointer(&buf[0])), uintptr(len(buf)), 0, 0)
	return int(n), errno
}

// linkCount returns st_nlink of path, which must end in a NUL byte.
func linkCount(dir int, path []byte, stx *unix.Statx_t) (int, unix.Errno) {
	_, _, errno := unix.RawSyscall6(unix.SYS_STATX, uintptr(dir), uintptr(unsafe.Pointer(&path[0])),
		0, unix.STATX_NLINK, uintptr(unsafe.Pointer(stx)), 0)
	return int(stx.Nlink), errno
}

// procPath builds "PID/rest" with its NUL in buf.
func procPath(buf []byte, pid ns.TaskID, rest ...string) []byte {
	buf = strconv.AppendInt(buf[:0], int64(pid), 10)
	for _, r := range rest {
		buf = append(buf, r...)
	}
	return append(buf, 0)
}
