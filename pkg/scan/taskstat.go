// SPDX-License-Identifier: Apache-2.0

package scan

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// isEnd reports whether an error only says that the task is no more.
func isEnd(err error) bool { return errors.Is(err, os.ErrNotExist) || errors.Is(err, unix.ESRCH) }

// userHZ is the clock that /proc counts in, the same on every architecture that
// Go supports (include/asm-generic/param.h).
const userHZ = 100

// taskStat is what is used of /proc/PID/stat.
type taskStat struct {
	comm  string
	flags uint64
	start uint64 // clock ticks after boot
}

// readStat reads the stat file of a task: "PID" or "PID/task/TID".
func (h *Host) readStat(task string) (taskStat, error) {
	f, err := h.openStat(task)
	if err != nil {
		return taskStat{}, err
	}
	defer f.close()
	return f.read()
}

// statFile is the stat file of one task. In a real /proc it stays that task's:
// once it has ended, reading is ESRCH, whoever has its PID by then (fs/proc/base.c,
// proc_single_show, 6.18).
type statFile struct {
	fd   int
	task string
}

func (h *Host) openStat(task string) (statFile, error) {
	fd, err := h.openProc(task+"/stat", unix.O_RDONLY|unix.O_NONBLOCK|unix.O_NOCTTY)
	return statFile{fd, task}, err
}

func (f statFile) close() { unix.Close(f.fd) }

// read reads what the file tells now.
func (f statFile) read() (taskStat, error) {
	var buf [1024]byte
	n, err := unix.Pread(f.fd, buf[:], 0)
	if err != nil {
		return taskStat{}, err
	}
	st, ok := parseStat(buf[:n])
	if !ok {
		return taskStat{}, fmt.Errorf("no stat line in /proc/%s/stat", f.task)
	}
	return st, nil
}

// parseStat reads a stat line. The name stands in parentheses and may hold any
// byte, parentheses and newlines too.
func parseStat(line []byte) (taskStat, bool) {
	open, end := bytes.IndexByte(line, '('), bytes.LastIndexByte(line, ')')
	if open < 0 || end < open {
		return taskStat{}, false
	}
	fields := bytes.Fields(line[end+1:])
	const flags, start = 9 - 3, 22 - 3 // as numbered in proc(5), from state on
	if len(fields) <= start {
		return taskStat{}, false
	}
	st := taskStat{comm: string(line[open+1 : end])}
	var err1, err2 error
	st.flags, err1 = strconv.ParseUint(string(fields[flags]), 10, 64)
	st.start, err2 = strconv.ParseUint(string(fields[start]), 10, 64)
	return st, err1 == nil && err2 == nil
}

// link reads a namespace link below /proc.
func (h *Host) link(name string) (inode uint64, err error) {
	text, err := h.readLinkText(name)
	if err != nil {
		return 0, err
	}
	_, inode, ok := ParseLink(text)
	if !ok {
		return 0, errNotNamespace
	}
	return inode, nil
}

// readLinkText reads any link below /proc.
func (h *Host) readLinkText(name string) (string, error) {
	buf := make([]byte, unix.PathMax)
	if !h.procfs {
		n, errno := h.readlinkRecorded(name, buf)
		if errno != 0 {
			return "", errno
		}
		return string(buf[:n]), nil
	}
	n, err := unix.Readlinkat(h.procFD, name, buf)
	if err != nil {
		return "", err
	}
	return string(buf[:n]), nil
}

// regular returns an error if, in a recorded tree, a file of a task ("PID" or
// "PID/task/TID") is not a plain file: it could block its reader, or lead out of
// the tree.
func (h *Host) regular(task string, names ...string) error {
	if h.procfs {
		return nil
	}
	for _, name := range names {
		fd, err := h.openProc(path.Join(task, name), unix.O_PATH|unix.O_NOFOLLOW)
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

// bootTime reads when the machine started.
func (h *Host) bootTime() (time.Time, error) {
	stat, err := h.readAll("/proc/stat")
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
