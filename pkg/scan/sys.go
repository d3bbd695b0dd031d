// SPDX-License-Identifier: Apache-2.0

package scan

import (
	"encoding/binary"
	"strconv"
	"unsafe"

	"golang.org/x/sys/unix"
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

// numericEntries appends the numbers among the names in a getdents64 buffer that
// are of one type: the PIDs of /proc, the TIDs of /proc/PID/task, the links of
// /proc/PID/fd.
func numericEntries(to []int, buf []byte, want byte) []int {
	const header = 19 // d_ino, d_off, d_reclen, d_type
	for len(buf) > header {
		reclen := int(binary.NativeEndian.Uint16(buf[16:]))
		if reclen <= header || reclen > len(buf) {
			return to
		}
		dtype, name := buf[18], buf[header:reclen]
		buf = buf[reclen:]
		if dtype != want && dtype != unix.DT_UNKNOWN {
			continue
		}
		n, i := 0, 0
		for i < len(name) && name[i] >= '0' && name[i] <= '9' && i < 10 {
			n = n*10 + int(name[i]-'0')
			i++
		}
		if i > 0 && i < len(name) && name[i] == 0 {
			to = append(to, n)
		}
	}
	return to
}

// procPath builds "PID/rest" with its NUL in buf.
func procPath(buf []byte, pid int, rest ...string) []byte {
	buf = strconv.AppendInt(buf[:0], int64(pid), 10)
	for _, r := range rest {
		buf = append(buf, r...)
	}
	return append(buf, 0)
}

// sessionOf returns the session of a process, 0 if there is no such process.
func sessionOf(pid int) int {
	sid, _, errno := unix.RawSyscall(unix.SYS_GETSID, uintptr(pid), 0, 0)
	if errno != 0 {
		return 0
	}
	return int(sid)
}

// netCookie returns the cookie of a socket's network namespace, 0 where there is
// none to be had: before Linux 5.14, and of what is no socket.
func netCookie(fd int) uint64 {
	var cookie uint64
	size := uint32(unsafe.Sizeof(cookie))
	_, _, errno := unix.RawSyscall6(unix.SYS_GETSOCKOPT, uintptr(fd), unix.SOL_SOCKET, unix.SO_NETNS_COOKIE,
		uintptr(unsafe.Pointer(&cookie)), uintptr(unsafe.Pointer(&size)), 0)
	if errno != 0 {
		return 0
	}
	return cookie
}
