// SPDX-License-Identifier: Apache-2.0

package host

import (
	"encoding/binary"
	"fmt"
	"math"

	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/pkg/ns"
)

// Task is what was read of one process beside what is shown of it.
type Task struct {
	Stat         Stat
	OutlivesTerm bool   // see Host.OutlivesTerm
	Cgroup       []byte // the text of its cgroup file; nil if it was not read
}

// Threads lists the threads of a process, its first among them. buf is what the
// kernel's listing is read into.
func (h *Host) Threads(pid ns.TaskID, buf []byte) ([]ns.TaskID, error) {
	fd, err := h.OpenProc(pid.String()+"/task", unix.O_RDONLY|unix.O_DIRECTORY)
	if err != nil {
		return nil, err
	}
	defer unix.Close(fd)
	var tids []ns.TaskID
	for {
		n, err := unix.Getdents(fd, buf)
		if err != nil || n == 0 {
			return tids, err
		}
		tids = NumericEntries(tids, buf[:n], unix.DT_DIR)
	}
}

// MayHaveThreads reports whether a process has more than one thread, or that is unknown. The
// links of its task directory are counted as two and one a thread (proc_task_getattr,
// fs/proc/base.c, 6.18), which costs less than a listing.
func (h *Host) MayHaveThreads(pid ns.TaskID) bool {
	var st unix.Stat_t
	return !h.procfs || unix.Fstatat(h.ProcFD(), pid.String()+"/task", &st, 0) != nil || st.Nlink != 3
}

// Descriptors lists the numbers of the descriptors in an open directory of them. buf is what
// the kernel's listing is read into.
func Descriptors(dir int, buf []byte) ([]int, error) {
	var all []int
	for {
		n, err := unix.Getdents(dir, buf)
		if err != nil || n == 0 {
			return all, err
		}
		all = NumericEntries(all, buf[:n], unix.DT_LNK)
	}
}

// NumericEntries appends the numbers among the names in a getdents64 buffer that
// are of one type: the PIDs of /proc, the TIDs of /proc/PID/task, the links of
// /proc/PID/fd.
func NumericEntries[T ~int | ~int32](to []T, buf []byte, want byte) []T {
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
		if i > 0 && i < len(name) && name[i] == 0 && n <= math.MaxInt32 { // the kernel has no larger ones
			to = append(to, T(n))
		}
	}
	return to
}

// FDPath returns the path of a descriptor's link in /proc: in the table of a thread,
// or where tid is 0 of the process.
func FDPath(pid, tid ns.TaskID, fd int) string {
	if tid != 0 {
		return fmt.Sprintf("/proc/%d/task/%d/fd/%d", pid, tid, fd)
	}
	return fmt.Sprintf("/proc/%d/fd/%d", pid, fd)
}
