// SPDX-License-Identifier: Apache-2.0

package kernel

import "golang.org/x/sys/unix"

// sessionOf returns the session of a process, 0 if there is no such process.
func Session(pid int) int {
	sid, _, errno := unix.RawSyscall(unix.SYS_GETSID, uintptr(pid), 0, 0)
	if errno != 0 {
		return 0
	}
	return int(sid)
}
