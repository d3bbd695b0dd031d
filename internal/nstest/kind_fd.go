// SPDX-License-Identifier: Apache-2.0

package nstest

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// holdFD leaves the namespace held by its nsfs file, opened with flags.
func holdFD(flags int) func(*maker) error {
	return func(m *maker) error {
		return m.inNew(func() error {
			fd, err := openSelf(flags)
			if err != nil {
				return err
			}
			m.holdFD(fd)
			return nil
		})
	}
}

// holdFD adds an fd of the process to the truth.
func (m *maker) holdFD(fd int) { m.hold(Holder{Kind: "fd", FD: &fd}) }

// threadFD is a number that only the thread with its own table has a file at.
const threadFD = 77

func holdFDThread(m *maker) error {
	maker, gone, err := m.parkInNew()
	if err != nil {
		return err
	}
	tid, leave, err := park(func() error {
		if err := unix.Unshare(unix.CLONE_FILES); err != nil {
			return fmt.Errorf("take own fd table: %w", err)
		}
		fd, err := unix.Open(fmt.Sprintf("/proc/self/task/%d/ns/net", maker), unix.O_RDONLY|unix.O_CLOEXEC, 0)
		if err != nil {
			return fmt.Errorf("open namespace: %w", err)
		}
		defer unix.Close(fd)
		return os.NewSyscallError("copy fd", unix.Dup3(fd, threadFD, unix.O_CLOEXEC))
	})
	if err != nil {
		return err
	}
	m.onRelease(leave)
	fd := threadFD
	m.hold(Holder{Kind: "fd", TID: tid, FD: &fd})
	return gone()
}

// holdFDUnmounted opens the namespace by a bind mount and takes that away: the
// link of the fd then names neither the namespace nor a path.
func holdFDUnmounted(m *maker) error {
	return m.inNew(func() error {
		if err := privateMounts(m.Dir); err != nil {
			return err
		}
		path, err := bindSelf("/ns")
		if err != nil {
			return err
		}
		fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
		if err != nil {
			return fmt.Errorf("open mounted namespace: %w", err)
		}
		if err := unix.Unmount(path, unix.MNT_DETACH); err != nil {
			return fmt.Errorf("unmount namespace: %w", err)
		}
		m.holdFD(fd)
		return nil
	})
}

// holdFDDetached holds a mount that no mount namespace has (Linux 5.2).
func holdFDDetached(m *maker) error {
	return m.inNew(func() error {
		fd, err := unix.OpenTree(unix.AT_FDCWD, netSelf, unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC)
		if errors.Is(err, unix.ENOSYS) {
			return fmt.Errorf("open_tree: %w", errMissing)
		}
		if err != nil {
			return os.NewSyscallError("clone namespace mount", err)
		}
		m.holdFD(fd)
		return nil
	})
}
