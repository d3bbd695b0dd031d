// SPDX-License-Identifier: Apache-2.0

// Package nsfs opens and identifies namespace files, lists namespaces by the system
// calls that need no file, and has the one thread that enters network namespaces.
package nsfs

import (
	"errors"
	"fmt"
	"strconv"
	"sync"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/internal/kernel"
	"github.com/nsinspect/nsinspect/pkg/ns"
)

// ErrNotNamespace is the error for a file that is no namespace.
var ErrNotNamespace = errors.New("not a namespace file")

// Identify identifies an open file, O_PATH or not. The type is asked of the
// kernel by NS_GET_NSTYPE (fs/nsfs.c, ns_ioctl, since 4.11) on a second,
// read-only descriptor: opening nsfs never blocks and needs no capability.
func Identify(fd int) (ns.Type, uint64, error) {
	again, err := Reopen(fd)
	if err != nil {
		return 0, 0, err
	}
	defer unix.Close(again)
	return Read(again)
}

// Reopen opens the namespace file that fd is of, O_PATH or not, to ask the
// kernel about it.
func Reopen(fd int) (int, error) {
	if !isNamespace(fd) {
		return -1, ErrNotNamespace
	}
	again, err := unix.Open(SelfFD(fd), unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, fmt.Errorf("open namespace file: %w", err)
	}
	return again, nil
}

// isNamespace reports whether an open file, O_PATH or not, is on nsfs. That is asked of no file
// server, as fstatfs does: the file may be a user's.
func isNamespace(fd int) bool {
	dev := device()
	if dev == 0 {
		return OnFS(fd, unix.NSFS_MAGIC)
	}
	var st unix.Statx_t
	err := unix.Statx(fd, "", unix.AT_EMPTY_PATH|unix.AT_STATX_DONT_SYNC|unix.AT_NO_AUTOMOUNT, unix.STATX_TYPE, &st)
	return err == nil && unix.Mkdev(st.Dev_major, st.Dev_minor) == dev
}

// device returns the device number of nsfs, of which there is one, 0 if it is unknown.
func device() uint64 {
	nsfsDevice.once.Do(func() {
		var st unix.Stat_t
		if unix.Stat("/proc/self/ns/net", &st) == nil {
			nsfsDevice.number = st.Dev
		}
	})
	return nsfsDevice.number
}

var nsfsDevice struct {
	once   sync.Once
	number uint64
}

// Read returns the namespace that an open file, not O_PATH, refers to.
func Read(again int) (ns.Type, uint64, error) {
	flag, err := unix.IoctlRetInt(again, unix.NS_GET_NSTYPE)
	if err != nil {
		return 0, 0, fmt.Errorf("get namespace type: %w", err)
	}
	t, ok := ns.TypeOfFlag(flag)
	if !ok {
		return 0, 0, fmt.Errorf("namespace type %#x is unknown", flag)
	}
	var st unix.Stat_t
	if err := unix.Fstat(again, &st); err != nil {
		return 0, 0, fmt.Errorf("stat namespace file: %w", err)
	}
	return t, st.Ino, nil
}

// ID asks an open namespace file for the kernel's own number of the
// namespace, which for a network namespace is its cookie: both come from
// ns_tree_gen_id (net/core/net_namespace.c, setup_net, 6.18). It returns 0
// before Linux 6.18, which has no NS_GET_ID. It needs no capability.
func ID(fd int) uint64 {
	var id uint64
	_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.NS_GET_ID, uintptr(unsafe.Pointer(&id)))
	if errno != 0 {
		return 0
	}
	return id
}

// Owner asks an open namespace file for the inode of the user namespace that
// owns the namespace, and for the UID that created that; of a user namespace, for
// the inode of its parent and for the UID that created it. It returns 0 and -1 for
// what the kernel does not show: an owner that is neither the caller's user namespace nor
// below it (kernel/user_namespace.c, ns_get_owner, 6.18). It needs no capability.
func Owner(t ns.Type, fd int) (inode uint64, uid int) {
	uid = -1
	if t == ns.User {
		uid = Maker(fd)
	}
	owner, inode := Above(fd, unix.NS_GET_USERNS)
	if owner < 0 {
		return 0, uid
	}
	defer unix.Close(owner)
	if t != ns.User {
		uid = Maker(owner)
	}
	return inode, uid
}

// Parent asks an open file of a user or PID namespace for the inode of its parent. It
// returns 0 for what the kernel does not show: the parent of an initial namespace, or one
// that is neither the caller's own nor below it (kernel/pid_namespace.c, pidns_get_parent,
// 6.18). It needs no capability.
func Parent(fd int) uint64 {
	parent, inode := Above(fd, unix.NS_GET_PARENT)
	if parent >= 0 {
		unix.Close(parent)
	}
	return inode
}

// Above opens what a request, NS_GET_USERNS or NS_GET_PARENT, leads to from an open
// namespace file, and returns its inode; -1 and 0 for what the kernel does not show.
func Above(fd int, request uint) (above int, inode uint64) {
	above, err := unix.IoctlRetInt(fd, request)
	if err != nil {
		return -1, 0
	}
	var st unix.Stat_t
	if unix.Fstat(above, &st) != nil {
		unix.Close(above)
		return -1, 0
	}
	return above, st.Ino
}

// Maker returns the UID of whoever made a user namespace, -1 if unknown. To a
// caller in a user namespace of its own the kernel gives the overflow UID for one
// that is not mapped there (fs/nsfs.c, ns_ioctl, from_kuid_munged, 6.18).
func Maker(userNS int) int {
	const overflowUID = 65534 // include/linux/highuid.h
	uid, err := unix.IoctlGetUint32(userNS, unix.NS_GET_OWNER_UID)
	if err != nil || uid == overflowUID && kernel.InUserNamespace() {
		return -1
	}
	return int(uid)
}

// OnFS reports whether an open file, O_PATH or not, is on a file system of the given
// magic number.
func OnFS(fd int, magic int64) bool {
	var fs unix.Statfs_t
	return unix.Fstatfs(fd, &fs) == nil && fs.Type == magic
}

// SelfFD returns the path in /proc by which a descriptor of this process is opened
// again.
func SelfFD(fd int) string { return "/proc/self/fd/" + strconv.Itoa(fd) }

// SocketCookie returns the cookie of a socket's network namespace, 0 where there is
// none to be had: before Linux 5.14, and of what is no socket.
func SocketCookie(fd int) uint64 {
	var cookie uint64
	size := uint32(unsafe.Sizeof(cookie))
	_, _, errno := unix.RawSyscall6(unix.SYS_GETSOCKOPT, uintptr(fd), unix.SOL_SOCKET, unix.SO_NETNS_COOKIE,
		uintptr(unsafe.Pointer(&cookie)), uintptr(unsafe.Pointer(&size)), 0)
	if errno != 0 {
		return 0
	}
	return cookie
}
