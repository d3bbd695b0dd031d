// SPDX-License-Identifier: Apache-2.0

package startup

// Numbers of system calls (scripts/syscall.tbl, 6.18).
const (
	sysDup3       = 24
	sysFcntl      = 25
	sysOpenat     = 56
	sysClose      = 57
	sysWrite      = 64
	sysExitGroup  = 94
	sysSchedYield = 124
	sysMadvise    = 233
	sysPrlimit64  = 261
)
