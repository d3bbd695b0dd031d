// SPDX-License-Identifier: Apache-2.0

package nstest

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// holdInotify leaves the namespace's file watched, and not open: the watch keeps the
// file's inode (fsnotify_get_inode_ref, Linux 6.18).
func holdInotify(m *maker) error {
	return m.inNew(func() error {
		fd, err := unix.InotifyInit1(unix.IN_CLOEXEC)
		if err != nil {
			return fmt.Errorf("make inotify: %w", err)
		}
		if _, err := unix.InotifyAddWatch(fd, netSelf, unix.IN_OPEN); err != nil {
			return fmt.Errorf("watch namespace file: %w", err)
		}
		m.hold(Holder{Kind: "kernel", FD: &fd, Via: "inotify"})
		return nil
	})
}

// holdFanotify does the same with fanotify, which needs CAP_SYS_ADMIN.
func holdFanotify(m *maker) error {
	return m.inNew(func() error {
		fd, err := unix.FanotifyInit(unix.FAN_CLOEXEC, 0)
		if err == unix.ENOSYS {
			return fmt.Errorf("make fanotify: %w", errMissing)
		}
		if err != nil {
			return fmt.Errorf("make fanotify: %w", err)
		}
		if err := unix.FanotifyMark(fd, unix.FAN_MARK_ADD, unix.FAN_OPEN, unix.AT_FDCWD, netSelf); err != nil {
			return fmt.Errorf("mark namespace file: %w", err)
		}
		m.hold(Holder{Kind: "kernel", FD: &fd, Via: "fanotify"})
		return nil
	})
}
