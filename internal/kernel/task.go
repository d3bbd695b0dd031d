// SPDX-License-Identifier: Apache-2.0

package kernel

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// TaskID is the number of a process or thread in the PID namespace of this process:
// the only kind that a system call takes. One that was read from a procfs is an
// ns.TaskID, which host.Host.Own turns into a TaskID where they are the same.
type TaskID int

// Session returns the session of a process, 0 if there is no such process. It needs
// no capability. It is one raw system call: it cannot block.
func Session(pid TaskID) TaskID {
	sid, _, errno := unix.RawSyscall(unix.SYS_GETSID, uintptr(pid), 0, 0)
	if errno != 0 {
		return 0
	}
	return TaskID(sid)
}

// LeadsGroup reports whether a process is the leader of its process group. It needs
// no capability.
func LeadsGroup(pid TaskID) bool {
	group, err := unix.Getpgid(int(pid))
	return err == nil && group == int(pid)
}

// SharesFiles reports whether two tasks certainly use one table of descriptors. It
// needs CONFIG_KCMP and CAP_SYS_PTRACE over both (kernel/kcmp.c, 6.18); where it
// cannot be known it is false. It is one raw system call: it cannot block.
func SharesFiles(a, b TaskID) bool {
	const kcmpFiles = 2 // include/uapi/linux/kcmp.h, KCMP_FILES
	differs, _, errno := unix.RawSyscall6(unix.SYS_KCMP, uintptr(a), uintptr(b), kcmpFiles, 0, 0, 0)
	return errno == 0 && differs == 0
}

// OpenPidfd returns a pidfd of a process, closed on exec. It needs no capability.
func OpenPidfd(pid TaskID) (int, error) { return openPidfd(pid, 0) }

// OpenThreadPidfd returns a pidfd of a single thread, closed on exec. It needs Linux
// 6.9, and no capability.
func OpenThreadPidfd(tid TaskID) (int, error) { return openPidfd(tid, unix.PIDFD_THREAD) }

func openPidfd(task TaskID, flags int) (int, error) {
	fd, err := unix.PidfdOpen(int(task), flags)
	if err != nil {
		return -1, fmt.Errorf("open pidfd: %w", err)
	}
	return fd, nil
}
