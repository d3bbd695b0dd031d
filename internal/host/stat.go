// SPDX-License-Identifier: Apache-2.0

package host

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"os"
	"path"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/internal/nsfs"
	"github.com/nsinspect/nsinspect/pkg/ns"
)

// IsGone reports whether an error means that the task has ended.
func IsGone(err error) bool { return errors.Is(err, os.ErrNotExist) || errors.Is(err, unix.ESRCH) }

// UserHZ is the clock that /proc counts in, the same on every architecture that
// Go supports (include/asm-generic/param.h).
const UserHZ = 100

// Stat is what is used of /proc/PID/stat.
type Stat struct {
	Comm  string
	PPID  ns.TaskID
	Flags uint64
	Start uint64 // clock ticks after boot; before it, from 1<<64 nanoseconds down: see Born
}

// Tick is the unit of Start.
const Tick = time.Second / UserHZ

// Born returns the start as a time after boot, which is what ns.Holder has. It is never
// 0, which there is an unknown one: that of the first processes is a nanosecond. It is
// negative in a time namespace that is behind, of a process that started before its boot: the
// kernel takes the sum for one without a sign (include/linux/time_namespace.h,
// timens_add_boottime_ns, 6.18).
func (s Stat) Born() time.Duration { return cmp.Or(time.Duration(s.Start*uint64(Tick)), 1) }

// IsOf reports whether the task of the stat file is the one that was born at a time after
// boot, which may be finer than Tick. Two tasks that have the same number one after
// another are the same to it only if both started within one Tick. The kernel gives a
// number again after all others (kernel/pid.c, alloc_pid, 6.18), so that this takes as
// many forks in that time; or CAP_CHECKPOINT_RESTORE in the PID namespace, whose owner
// can choose numbers, of its own processes and in no namespace above it.
func (s Stat) IsOf(born time.Duration) bool {
	return born != 0 && s.Start == uint64(born)/uint64(Tick)
}

// ReadStat reads the stat file of a task: "PID" or "PID/task/TID".
func (h *Host) ReadStat(task string) (Stat, error) {
	f, err := h.OpenStat(task)
	if err != nil {
		return Stat{}, err
	}
	defer f.Close()
	return f.Read()
}

// StatFile is the stat file of one task. In a real /proc it stays that task's:
// once it has ended, reading is ESRCH, whoever has its PID by then (fs/proc/base.c,
// proc_single_show, 6.18).
type StatFile struct {
	fd   int
	task string
}

// OpenStat opens the stat file of a task: "PID" or "PID/task/TID".
func (h *Host) OpenStat(task string) (StatFile, error) {
	fd, err := h.OpenProc(task+"/stat", unix.O_RDONLY|unix.O_NONBLOCK|unix.O_NOCTTY)
	return StatFile{fd, task}, err
}

// OpenStatAt opens the stat file of a task at a path from an open directory of a real
// /proc. From a directory of the task itself, as "../stat" from PID/fd, it is of the task
// that the directory is of, and ENOENT or ESRCH once that has ended (fs/proc/base.c,
// proc_pident_lookup, 6.18).
func OpenStatAt(dir int, name, task string) (StatFile, error) {
	fd, err := unix.Openat(dir, name, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	return StatFile{fd, task}, err
}

// Close closes the file.
func (f StatFile) Close() { unix.Close(f.fd) }

// Read returns the current content of the file.
func (f StatFile) Read() (Stat, error) {
	var buf [1024]byte
	n, err := unix.Pread(f.fd, buf[:], 0)
	if err != nil {
		return Stat{}, err
	}
	st, ok := parseStat(buf[:n])
	if !ok {
		return Stat{}, fmt.Errorf("no stat line in /proc/%s/stat", f.task)
	}
	return st, nil
}

// parseStat reads a stat line. The name stands in parentheses and may hold any
// byte, parentheses and newlines too.
func parseStat(line []byte) (Stat, bool) {
	open, end := bytes.IndexByte(line, '('), bytes.LastIndexByte(line, ')')
	if open < 0 || end < open {
		return Stat{}, false
	}
	const ppid, flags, start = 4 - 3, 9 - 3, 22 - 3 // as numbered in proc(5), from state on
	var fields [start + 1][]byte
	rest := line[end+1:]
	for i := range fields {
		if fields[i], rest, _ = bytes.Cut(bytes.TrimLeft(rest, " \n"), []byte(" ")); len(fields[i]) == 0 {
			return Stat{}, false
		}
	}
	st := Stat{Comm: string(line[open+1 : end])}
	var err1, err2 error
	parent, err3 := strconv.ParseUint(string(fields[ppid]), 10, 31)
	st.PPID = ns.TaskID(parent)
	st.Flags, err1 = strconv.ParseUint(string(fields[flags]), 10, 64)
	st.Start, err2 = strconv.ParseUint(string(bytes.TrimRight(fields[start], "\n")), 10, 64)
	return st, err1 == nil && err2 == nil && err3 == nil
}

// NamespaceLink reads a namespace link below /proc.
func (h *Host) NamespaceLink(name string) (inode uint64, err error) {
	text, err := h.Readlink(name)
	if err != nil {
		return 0, err
	}
	_, inode, ok := ns.ParseLink(text)
	if !ok {
		return 0, nsfs.ErrNotNamespace
	}
	return inode, nil
}

// Readlink reads any link below /proc.
func (h *Host) Readlink(name string) (string, error) {
	buf := make([]byte, unix.PathMax)
	if !h.procfs {
		n, errno := h.ReadlinkRecorded(name, buf)
		if errno != 0 {
			return "", errno
		}
		return string(buf[:n]), nil
	}
	if err := h.files.proc.Check(); err != nil {
		return "", err
	}
	n, err := unix.Readlinkat(h.ProcFD(), name, buf)
	if err != nil {
		return "", err
	}
	return string(buf[:n]), nil
}

// CheckRegular returns an error if, in a recorded tree, a file of a task ("PID" or
// "PID/task/TID") is not a plain file: it could block its reader, or lead out of
// the tree.
func (h *Host) CheckRegular(task string, names ...string) error {
	if h.procfs {
		return nil
	}
	for _, name := range names {
		fd, err := h.OpenProc(path.Join(task, name), unix.O_PATH|unix.O_NOFOLLOW)
		if err != nil {
			return err
		}
		var st unix.Stat_t
		err = unix.Fstat(fd, &st)
		unix.Close(fd)
		if err != nil {
			return err
		}
		if st.Mode&unix.S_IFMT != unix.S_IFREG {
			return errors.New("not a regular file")
		}
	}
	return nil
}

// BootTime reads when the machine started.
func (h *Host) BootTime() (time.Time, error) {
	stat, err := h.ReadFile("/proc/stat")
	if err != nil {
		return time.Time{}, err
	}
	for line := range strings.Lines(stat) {
		if sec, ok := strings.CutPrefix(line, "btime "); ok {
			if n, err := strconv.ParseUint(strings.TrimSpace(sec), 10, 64); err == nil {
				return time.Unix(int64(n), 0), nil
			}
		}
	}
	return time.Time{}, errors.New("no btime line in /proc/stat")
}
