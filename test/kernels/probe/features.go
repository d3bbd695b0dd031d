// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/binary"
	"fmt"
	"os"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
)

// features are what newer kernels offer and nsinspect uses where it is there.
var features = []struct {
	name string
	try  func() error
}{
	{"BTF", func() error { return exists("/sys/kernel/btf/vmlinux") }},
	{"lockdown", lockdown},
	{"cookie, SO_NETNS_COOKIE", socketCookie},
	{"cookie, NS_GET_ID", func() error { return own("net", unix.NS_GET_ID) }},
	{"borrow sockets, pidfd_getfd", borrow},
	{"ask paths that may block, RESOLVE_CACHED", cached},
	{"list mount namespaces, NS_MNT_GET_NEXT", listMountNS},
	{"read mounts from outside, statmount", statmount},
	{"open a namespace by its ID", byID},
	{"list namespaces, listns", listns},
}

func exists(path string) error {
	_, err := os.Stat(path)
	return err
}

// lockdown succeeds where the kernel is locked down to confidentiality.
func lockdown() error {
	text, err := os.ReadFile("/sys/kernel/security/lockdown")
	if err != nil {
		return err
	}
	if !strings.Contains(string(text), "[confidentiality]") {
		return fmt.Errorf("%s", strings.TrimSpace(string(text)))
	}
	return nil
}

func socketCookie() error {
	s, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(s)
	_, err = unix.GetsockoptUint64(s, unix.SOL_SOCKET, unix.SO_NETNS_COOKIE)
	return err
}

// own asks our own namespace something by an ioctl that answers with a number.
func own(link string, request uintptr) error {
	fd, err := unix.Open("/proc/self/ns/"+link, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	var answer uint64
	return ioctl(fd, request, unsafe.Pointer(&answer))
}

func ioctl(fd int, request uintptr, arg unsafe.Pointer) error {
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), request, uintptr(arg)); errno != 0 {
		return errno
	}
	return nil
}

func borrow() error {
	pidfd, err := unix.PidfdOpen(os.Getpid(), 0)
	if err != nil {
		return err
	}
	defer unix.Close(pidfd)
	fd, err := unix.PidfdGetfd(pidfd, 0, 0)
	if err == nil {
		unix.Close(fd)
	}
	return err
}

func cached() error {
	const resolveCached = 0x20
	fd, err := unix.Openat2(unix.AT_FDCWD, "/", &unix.OpenHow{Flags: unix.O_PATH | unix.O_CLOEXEC, Resolve: resolveCached})
	if err == nil {
		unix.Close(fd)
	}
	return err
}

// mntNSInfo is struct mnt_ns_info of linux/nsfs.h.
type mntNSInfo struct {
	size, mounts uint32
	id           uint64
}

// listMountNS asks for the mount namespace after our own, of which there need not
// be one.
func listMountNS() error {
	fd, err := unix.Open("/proc/self/ns/mnt", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	info := mntNSInfo{size: uint32(unsafe.Sizeof(mntNSInfo{}))}
	next, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), 0x8010b70b, uintptr(unsafe.Pointer(&info)))
	switch errno {
	case 0:
		unix.Close(int(next))
		return nil
	case unix.ENOENT:
		return nil
	}
	return errno
}

func statmount() error {
	req := [4]uint64{32, ^uint64(0), 0, 0} // struct mnt_id_req: size, LSMT_ROOT
	var ids [1]uint64
	const sysListmount = 458
	_, _, errno := unix.Syscall6(sysListmount, uintptr(unsafe.Pointer(&req)), uintptr(unsafe.Pointer(&ids)), 1, 0, 0, 0)
	if errno != 0 {
		return errno
	}
	return nil
}

// byID opens our own network namespace by its number alone.
func byID() error {
	fd, err := unix.Open("/proc/self/ns/net", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	var handle [16]byte // struct nsfs_file_handle of linux/nsfs.h
	var id uint64
	if err := ioctl(fd, unix.NS_GET_ID, unsafe.Pointer(&id)); err != nil {
		return err
	}
	binary.NativeEndian.PutUint64(handle[:], id)
	const fileidNsfs = 0xf1
	opened, err := unix.OpenByHandleAt(unix.FD_NSFS_ROOT, unix.NewFileHandle(fileidNsfs, handle[:]), unix.O_RDONLY|unix.O_CLOEXEC)
	if err == nil {
		unix.Close(opened)
	}
	return err
}

func listns() error {
	const sysListns = 470
	req := struct { // struct ns_id_req of linux/nsfs.h
		size, spare    uint32
		after          uint64
		nsType, spare2 uint32
		userNS         uint64
	}{size: 32, nsType: unix.CLONE_NEWNET}
	var ids [8]uint64
	_, _, errno := unix.Syscall6(sysListns, uintptr(unsafe.Pointer(&req)), uintptr(unsafe.Pointer(&ids)), uintptr(len(ids)), 0, 0, 0)
	if errno != 0 {
		return errno
	}
	return nil
}
