// SPDX-License-Identifier: Apache-2.0

package nstest

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// holdMountDetached leaves a mount below a directory that is itself a detached
// mount, held by an fd: in a mount namespace that has no name (Linux 5.2).
func holdMountDetached(m *maker) error {
	return m.inNew(func() error {
		tree, err := m.detachedTree()
		if err != nil {
			return err
		}
		return m.holdBelow(tree, "detached mount")
	})
}

// holdMountUnmounted does the same, opens the directory and closes the detached
// mount, which unmounts all of it: the open directory keeps it as it was, but on
// Linux 7.3, which keeps the directory alone.
func holdMountUnmounted(m *maker) error {
	return m.inNew(func() error {
		tree, err := m.detachedTree()
		if err != nil {
			return err
		}
		dir, err := unix.Openat(tree, ".", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
		unix.Close(tree)
		if err != nil {
			return fmt.Errorf("open directory in detached mount: %w", err)
		}
		var st unix.Statfs_t
		if err := fstatfsAt(dir, "ns", &st); err != nil {
			return fmt.Errorf("stat mount: %w", err)
		}
		if st.Type != unix.NSFS_MAGIC {
			return fmt.Errorf("keep what is unmounted and in use: %w", errMissing)
		}
		return m.holdBelow(dir, "unmounted, but in use")
	})
}

// detachedTree mounts the thread's network namespace on /ns of a detached mount
// and, while the thread exists, nowhere that lasts longer.
func (m *maker) detachedTree() (int, error) {
	if _, err := m.mountApart(); err != nil {
		return -1, err
	}
	fd, err := unix.OpenTree(unix.AT_FDCWD, "/", unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC|unix.AT_RECURSIVE)
	if errors.Is(err, unix.ENOSYS) {
		return -1, fmt.Errorf("open_tree: %w", errMissing)
	}
	if err != nil {
		return -1, fmt.Errorf("clone mounts: %w", err)
	}
	return fd, nil
}

// holdBelow is the truth of a mount on "ns" below an open directory. Its ID is
// known from Linux 5.8 on.
func (m *maker) holdBelow(fd int, via string) error {
	var stx unix.Statx_t
	if err := unix.Statx(fd, "ns", 0, unix.STATX_MNT_ID, &stx); err != nil {
		return fmt.Errorf("stat mount: %w", err)
	}
	pin := &Holder{Kind: "fd", PID: os.Getpid(), FD: &fd, Comm: m.comm()}
	m.truth.Holders = []Holder{{Kind: "mount", Path: "/ns", MountID: int(stx.Mnt_id), Via: via, Pin: pin}}
	return nil
}

// fstatfsAt returns the file system of a file below an open directory.
func fstatfsAt(dir int, name string, st *unix.Statfs_t) error {
	fd, err := unix.Openat(dir, name, unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	return unix.Fstatfs(fd, st)
}
