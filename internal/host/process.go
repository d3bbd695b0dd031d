// SPDX-License-Identifier: Apache-2.0

package host

import (
	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/internal/kernel"
	"github.com/nsinspect/nsinspect/pkg/ns"
)

// ReadProc returns a file of a process, "cgroup" or "cmdline", up to so many
// bytes of it, and ErrTooLarge together with those if there are more. What is missing is os.ErrNotExist or ESRCH; another user's process
// may refuse it without CAP_SYS_PTRACE.
func (h *Host) ReadProc(pid ns.TaskID, name string, most int) ([]byte, error) {
	return h.ReadTask(pid.String(), name, most)
}

// ReadTask is ReadProc for a task, "PID" or "PID/task/TID". It returns ErrNoAnswer for a
// command line that a user keeps from being read.
func (h *Host) ReadTask(task, name string, most int) ([]byte, error) {
	if name == "cmdline" && h.procfs && !h.unguarded {
		return h.readMemory(task, name, func() ([]byte, error) { return h.readTask(task, name, most) })
	}
	return h.readTask(task, name, most)
}

func (h *Host) readTask(task, name string, most int) ([]byte, error) {
	fd, err := h.openTask(task, name)
	if err != nil {
		return nil, err
	}
	defer unix.Close(fd)
	return readUpTo(fd, 0, most)
}

// openTask opens a file of a task, which is a regular one.
func (h *Host) openTask(task, name string) (int, error) {
	if err := h.CheckRegular(task, name); err != nil {
		return -1, err
	}
	return h.OpenProc(task+"/"+name, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_NOCTTY)
}

// readRecord is readTask for a file that a running kernel writes as one record (single_open,
// fs/seq_file.c, 6.18): a read that does not fill buf has it all.
func (h *Host) readRecord(task, name string, buf []byte, most int) ([]byte, error) {
	fd, err := h.openTask(task, name)
	if err != nil {
		return nil, err
	}
	defer unix.Close(fd)
	n, err := unix.Read(fd, buf)
	switch {
	case err != nil:
		return nil, err
	case n < len(buf):
		return buf[:n], nil
	case n > most:
		return buf[:most], ErrTooLarge
	}
	rest, err := readUpTo(fd, 0, most-n)
	return append(buf[:n:n], rest...), err
}

// mostCgroup is longer than any cgroup file: a path of 4096 bytes for each of
// cgroup v1's hierarchies.
const mostCgroup = 1 << 17

// ReadCgroup returns the cgroup file of a task, "PID" or "PID/task/TID", with the errors of
// ReadProc.
func (h *Host) ReadCgroup(task string) ([]byte, error) {
	return h.readRecord(task, "cgroup", make([]byte, 2048), mostCgroup)
}

// Live reports whether the host is the running machine, seen from its own root.
func (h *Host) Live() bool { return h.live }

// ownerOf returns the UID that stands for root: in a tree that a user has unpacked
// whoever owns its root directory, and in a user namespace that real root has no
// number in the one that the kernel shows for it.
func (h *Host) ownerOf() int {
	var st unix.Stat_t
	if h.live && !kernel.InUserNamespace() || unix.Fstat(h.RootFD(), &st) != nil {
		return 0
	}
	return int(st.Uid)
}

// SharesRoot reports whether the root directory of a process is the host's. It is
// true where that is unknown: without CAP_SYS_PTRACE, and in a recorded tree. What a file
// system knows is enough: that of another mount namespace may be a user's, and not answer
// (fs/fuse/dir.c, fuse_update_get_attr, 6.18).
func (h *Host) SharesRoot(pid ns.TaskID) bool {
	const flags, want = unix.AT_STATX_DONT_SYNC | unix.AT_NO_AUTOMOUNT, unix.STATX_INO
	var its, own unix.Statx_t
	if !h.procfs || unix.Statx(h.ProcFD(), pid.String()+"/root", flags, want, &its) != nil ||
		unix.Statx(h.RootFD(), "", flags|unix.AT_EMPTY_PATH, want, &own) != nil {
		return true
	}
	return its.Dev_major == own.Dev_major && its.Dev_minor == own.Dev_minor && its.Ino == own.Ino
}

// ReadProcLink returns the text of a link of a process, "cwd" or "root". It needs
// CAP_SYS_PTRACE for another user's.
func (h *Host) ReadProcLink(pid ns.TaskID, name string) (string, error) {
	return h.Readlink(pid.String() + "/" + name)
}
