// SPDX-License-Identifier: Apache-2.0

package scan

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

var errNotNamespace = errors.New("not a namespace file")

// namespaceOf identifies an open file, O_PATH or not. The type is asked of the
// kernel by NS_GET_NSTYPE (fs/nsfs.c, ns_ioctl, since 4.11) on a second,
// read-only descriptor: opening nsfs never blocks and needs no capability.
func namespaceOf(fd int) (Type, uint64, error) {
	again, err := openNamespace(fd)
	if err != nil {
		return 0, 0, err
	}
	defer unix.Close(again)
	return readNamespace(again)
}

// openNamespace opens the namespace file that fd is of, O_PATH or not, to ask the
// kernel about it.
func openNamespace(fd int) (int, error) {
	if !onFS(fd, unix.NSFS_MAGIC) {
		return -1, errNotNamespace
	}
	again, err := unix.Open(selfFD(fd), unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, fmt.Errorf("open namespace file: %w", err)
	}
	return again, nil
}

// readNamespace says which namespace an open file, not O_PATH, is of.
func readNamespace(again int) (Type, uint64, error) {
	flag, err := unix.IoctlRetInt(again, unix.NS_GET_NSTYPE)
	if err != nil {
		return 0, 0, fmt.Errorf("get namespace type: %w", err)
	}
	t, ok := typeOfFlag(flag)
	if !ok {
		return 0, 0, fmt.Errorf("namespace type %#x is unknown", flag)
	}
	var st unix.Stat_t
	if err := unix.Fstat(again, &st); err != nil {
		return 0, 0, fmt.Errorf("stat namespace file: %w", err)
	}
	return t, st.Ino, nil
}
