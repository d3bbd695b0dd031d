// SPDX-License-Identifier: Apache-2.0

package host

import (
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/pkg/ns"
)

func init() { Serve("watches", answerWatches) }

// watchesQuestion is what a helper is asked: the arguments of readWatches.
type watchesQuestion struct {
	Root     string
	PID, TID ns.TaskID
	FD       int
	Dev      uint64
	Most     int
}

type watchesAnswer struct {
	Inodes   []uint64
	Read     int
	TooLarge bool
}

// answerWatches is what a helper does.
func answerWatches(q watchesQuestion) (a watchesAnswer, err error) {
	h, err := OpenUnguarded(q.Root)
	if err != nil {
		return a, err
	}
	defer h.Close()
	a.Inodes, a.Read, err = h.readWatches(q.PID, q.TID, q.FD, q.Dev, q.Most)
	if a.TooLarge = err == ErrTooLarge; a.TooLarge {
		err = nil
	}
	return a, err
}

// ReadWatches returns the inodes on a device that an inotify or fanotify file keeps by
// watching them, once for each watch, and how many bytes it read, at most so many. It
// returns ErrTooLarge together with them if there are more. It needs CAP_SYS_PTRACE for
// another user's process.
//
// One that is not trusted may replace the file at any moment by one whose information waits
// without end, and cannot be killed: an epoll file that is locked while a FUSE file is added
// to it (fs/eventpoll.c, ep_show_fdinfo, 6.18). A helper reads it.
func (h *Host) ReadWatches(trusted bool, pid, tid ns.TaskID, fd int, dev uint64, most int) (inodes []uint64, read int, err error) {
	if trusted || h.Recorded() {
		return h.readWatches(pid, tid, fd, dev, most)
	}
	a, err := AskOf[watchesQuestion, watchesAnswer](h, "watches", pid, watchesQuestion{h.root, pid, tid, fd, dev, most})
	if a.TooLarge {
		err = ErrTooLarge
	}
	return a.Inodes, a.Read, err
}

func (h *Host) readWatches(pid, tid ns.TaskID, fd int, dev uint64, most int) (inodes []uint64, read int, err error) {
	task := pid.String()
	if tid != 0 {
		task += "/task/" + tid.String()
	}
	text, err := h.ReadTask(task, fmt.Sprintf("fdinfo/%d", fd), most)
	return parseWatches(string(text), dev), len(text), err
}

// parseWatches reads the lines of watches in a file of /proc/PID/fdinfo (inotify_fdinfo
// and fanotify_fdinfo, fs/notify/fdinfo.c). A watch on a mount or file system has no
// inode; one with FAN_MARK_EVICTABLE, since 6.0, does not keep it.
func parseWatches(fdinfo string, dev uint64) (inodes []uint64) {
	const evictable = 0x200
	kernelDev := uint64(unix.Major(dev))<<20 | uint64(unix.Minor(dev))
	for line := range strings.Lines(fdinfo) {
		kind, _, _ := strings.Cut(line, " ")
		inode, known := hexField(line, " ino:")
		on, _ := hexField(line, " sdev:")
		flags, _ := hexField(line, " mflags:")
		if (kind == "inotify" || kind == "fanotify") && known && on == kernelDev && flags&evictable == 0 {
			inodes = append(inodes, inode)
		}
	}
	return inodes
}

// hexField returns the number after a name in a line, 0 and false if it has none: no watch is on
// device 0, and one without flags has none.
func hexField(line, name string) (uint64, bool) {
	_, rest, found := strings.Cut(line, name)
	word, _, _ := strings.Cut(rest, " ")
	n, err := strconv.ParseUint(strings.TrimSpace(word), 16, 64)
	return n, found && err == nil
}
