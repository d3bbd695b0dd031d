// SPDX-License-Identifier: Apache-2.0

package host

import (
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/pkg/ns"
)

// ReadWatches returns the inodes on a device that an inotify or fanotify file keeps by
// watching them, once for each watch, and how many bytes it read, at most so many. It
// returns ErrTooLarge together with them if there are more. It needs CAP_SYS_PTRACE for
// another user's process.
func (h *Host) ReadWatches(pid, tid ns.TaskID, fd int, dev uint64, most int) (inodes []uint64, read int, err error) {
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
