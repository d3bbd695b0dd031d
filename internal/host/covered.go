// SPDX-License-Identifier: Apache-2.0

package host

import "golang.org/x/sys/unix"

// TaskCovered reports whether a mount lies over the directory of a process in /proc ("PID" or
// "self"), or over that of its namespaces: what is found there may be of any other. It is false
// where that cannot be known: in a recorded tree, and before Linux 5.8.
func (h *Host) TaskCovered(task string) bool {
	proc, ok := h.procMount("")
	if !ok {
		return false
	}
	for _, name := range []string{task, task + "/ns"} {
		if id, ok := h.procMount(name); ok && id != proc {
			return true
		}
	}
	return false
}

// procMount returns the ID of the mount that a name below /proc leads to.
func (h *Host) procMount(name string) (id uint64, ok bool) {
	if !h.procfs {
		return 0, false
	}
	var st unix.Statx_t
	const flags = unix.AT_EMPTY_PATH | unix.AT_NO_AUTOMOUNT | unix.AT_STATX_DONT_SYNC
	err := unix.Statx(h.ProcFD(), name, flags, unix.STATX_MNT_ID, &st)
	return st.Mnt_id, err == nil && st.Mask&unix.STATX_MNT_ID != 0
}
