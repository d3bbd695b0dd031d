// SPDX-License-Identifier: Apache-2.0

package startup

// Numbers of system calls (arch/x86/entry/syscalls/syscall_64.tbl, 6.18).
const (
	sysWrite      = 1
	sysClose      = 3
	sysSchedYield = 24
	sysMadvise    = 28
	sysFcntl      = 72
	sysExitGroup  = 231
	sysOpenat     = 257
	sysDup3       = 292
	sysPrlimit64  = 302
)
