// SPDX-License-Identifier: Apache-2.0

package mounts

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/internal/host"
	"github.com/nsinspect/nsinspect/internal/nsfs"
	"github.com/nsinspect/nsinspect/pkg/ns"
)

// The system calls that read mount namespaces from outside. Each needs
// CAP_SYS_ADMIN in the user namespace that owns the mount namespace.
const (
	nsMntGetNext = 0x8010b70b // NS_MNT_GET_NEXT, linux/nsfs.h, since 6.12
	nsMntGetPrev = 0x8010b70c // NS_MNT_GET_PREV
	nsMntGetInfo = 0x8010b70a // NS_MNT_GET_INFO

	lsmtRoot = ^uint64(0) // LSMT_ROOT: all that can be reached from the root
)

// mntIDReq is struct mnt_id_req of linux/mount.h (MNT_ID_REQ_SIZE_VER1).
type mntIDReq struct {
	size, spare uint32
	mntID       uint64
	param       uint64 // statmount: what to return; listmount: the ID to continue after
	mntNSID     uint64
}

// mntNSInfo is struct mnt_ns_info of linux/nsfs.h.
type mntNSInfo struct {
	size, mounts uint32
	id           uint64
}

// Listed is a mount namespace as the kernel lists it.
type Listed struct {
	inode uint64
	id    uint64 // what listmount and statmount know it by
}

// List lists every mount namespace that the caller has
// CAP_SYS_ADMIN over, and its own, whether a task is in it or not; the anonymous
// ones of detached mounts are on no list (fs/namespace.c, get_sequential_mnt_ns
// and mnt_ns_tree_add, 6.12 to 6.18). It returns ENOTTY from a kernel before 6.12.
func List() (all []Listed, err error) {
	err = eachListed(func(_ int, l Listed) { all = append(all, l) })
	return all, err
}

// ownersOf returns the user who made the user namespace that owns each of these
// mount namespaces, or of all for nil, by inode. One that is not listed is absent.
func ownersOf(inodes map[uint64]bool) (map[uint64]int, error) {
	owners := map[uint64]int{}
	err := eachListed(func(fd int, l Listed) {
		if inodes != nil && !inodes[l.inode] {
			return
		}
		if _, uid := nsfs.Owner(ns.Mnt, fd); uid >= 0 {
			owners[l.inode] = uid
		}
	})
	return owners, err
}

// eachListed calls f for every mount namespace that is listed, while it is open.
func eachListed(f func(fd int, l Listed)) error {
	own, err := unix.Open("/proc/self/ns/mnt", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("open own mount namespace: %w", err)
	}
	defer unix.Close(own)
	info := mntNSInfo{size: uint32(unsafe.Sizeof(mntNSInfo{}))}
	if _, errno := ioctlInfo(own, nsMntGetInfo, &info); errno != 0 {
		return fmt.Errorf("get info of own mount namespace: %w", errno)
	}
	if err := visit(own, info, f); err != nil {
		return err
	}
	for _, request := range []uintptr{nsMntGetNext, nsMntGetPrev} {
		if err := eachSibling(own, request, f); err != nil {
			return err
		}
	}
	return nil
}

// eachSibling follows the kernel's list from one mount namespace to its end.
// Each is open, and so held, only until the next one is.
func eachSibling(from int, request uintptr, f func(fd int, l Listed)) error {
	at := from
	defer func() {
		if at != from {
			unix.Close(at)
		}
	}()
	for {
		info := mntNSInfo{size: uint32(unsafe.Sizeof(mntNSInfo{}))}
		next, errno := ioctlInfo(at, request, &info)
		if errno == unix.ENOENT {
			return nil
		}
		if errno != 0 {
			return fmt.Errorf("list mount namespaces: %w", errno)
		}
		if at != from {
			unix.Close(at)
		}
		at = next
		if err := visit(at, info, f); err != nil {
			return err
		}
	}
}

func visit(fd int, info mntNSInfo, f func(fd int, l Listed)) error {
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return fmt.Errorf("stat mount namespace: %w", err)
	}
	f(fd, Listed{st.Ino, info.id})
	return nil
}

func ioctlInfo(fd int, request uintptr, info *mntNSInfo) (int, unix.Errno) {
	n, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), request, uintptr(unsafe.Pointer(info)))
	return int(n), errno
}

// listMounts returns the unique IDs of all mounts of a mount namespace but the
// one that it is built on (rootfs, which nothing can be seen of). LSMT_ROOT
// alone would give those that the namespace's first root mount leads to, or, in
// our own, our root directory (fs/namespace.c, grab_requested_root, 6.18). check may end it.
func listMounts(ns uint64, check func() error) ([]uint64, error) {
	ids, err := listMountsBelow(ns, lsmtRoot, check)
	if err != nil || len(ids) == 0 {
		return ids, err
	}
	var buf statmountBuf
	base := ids[0]
	for {
		if err := buf.read(ns, base, statMntBasic); err != nil {
			if errors.Is(err, unix.EPERM) {
				return ids, nil // no more than our own root leads to
			}
			return nil, err
		}
		parent := buf.u64(offParent)
		if parent == base {
			return listMountsBelow(ns, base, check)
		}
		base = parent
	}
}

func listMountsBelow(ns, mount uint64, check func() error) ([]uint64, error) {
	const page = 1024
	var ids []uint64
	req := mntIDReq{size: uint32(unsafe.Sizeof(mntIDReq{})), mntID: mount, mntNSID: ns}
	for {
		if err := check(); err != nil {
			return nil, err
		}
		at := len(ids)
		ids = append(ids, make([]uint64, page)...)
		n, _, errno := unix.Syscall6(unix.SYS_LISTMOUNT, uintptr(unsafe.Pointer(&req)),
			uintptr(unsafe.Pointer(&ids[at])), page, 0, 0, 0)
		if errno != 0 {
			return nil, fmt.Errorf("list mounts: %w", errno)
		}
		ids = ids[:at+int(n)]
		if n < page {
			return ids, nil
		}
		req.param = ids[len(ids)-1]
	}
}

// The fields that statmount is asked for, and their offsets in struct statmount of
// linux/mount.h. Strings are offsets from offStrings.
const (
	statSBBasic  = 0x01
	statMntBasic = 0x02
	statMntRoot  = 0x08
	statMntPoint = 0x10

	offDevice  = 16
	offMagic   = 24
	offID      = 56
	offOldPar  = 60
	offParent  = 48
	offPeers   = 80
	offMaster  = 88
	offRoot    = 104
	offPoint   = 108
	offStrings = 512
)

// statmountBuf receives the answer of statmount for one mount.
type statmountBuf struct{ buf []byte }

func (b *statmountBuf) u32(off int) uint32 { return binary.NativeEndian.Uint32(b.buf[off:]) }
func (b *statmountBuf) u64(off int) uint64 { return binary.NativeEndian.Uint64(b.buf[off:]) }

func (b *statmountBuf) str(off int) string {
	s := b.buf[min(offStrings+int(b.u32(off)), len(b.buf)):]
	s, _, _ = bytes.Cut(s, []byte{0})
	return string(s)
}

func (b *statmountBuf) read(ns, mount, mask uint64) error {
	if b.buf == nil {
		b.buf = make([]byte, offStrings+2*unix.PathMax)
	}
	req := mntIDReq{size: uint32(unsafe.Sizeof(mntIDReq{})), mntID: mount, param: mask, mntNSID: ns}
	for {
		_, _, errno := unix.Syscall6(unix.SYS_STATMOUNT, uintptr(unsafe.Pointer(&req)),
			uintptr(unsafe.Pointer(&b.buf[0])), uintptr(len(b.buf)), 0, 0, 0)
		switch {
		case errno == unix.EOVERFLOW && len(b.buf) < 1<<20:
			b.buf = make([]byte, 2*len(b.buf))
		case errno != 0:
			return fmt.Errorf("stat mount: %w", errno)
		default:
			return nil
		}
	}
}

// mostText is how much the paths of one mount namespace may take, as its mountinfo may.
const mostText = 64 << 20

// some calls check for one mount of many.
func some(i int, check func() error) error {
	if i%64 != 63 {
		return nil
	}
	return check()
}

// mountsNamespace reports whether a namespace is mounted among the mounts with
// the given unique IDs, other than by those mounts whose IDs in mountinfo are known.
func mountsNamespace(ns uint64, ids []uint64, known map[int]bool, check func() error) (bool, error) {
	var buf statmountBuf
	for i, id := range ids {
		if err := some(i, check); err != nil {
			return false, err
		}
		err := buf.read(ns, id, statSBBasic|statMntBasic)
		if err != nil && !errors.Is(err, unix.ENOENT) { // unmounted meanwhile
			return false, err
		}
		if err == nil && buf.u64(offMagic) == unix.NSFS_MAGIC && !known[int(buf.u32(offID))] {
			return true, nil
		}
	}
	return false, nil
}

// statMounts reads the mounts with the given unique IDs, in the words of
// mountinfo; nil if no namespace is mounted among them but by the known ones. A mount
// point is empty where the namespace's root does not lead to it.
func (s *Scan) statMounts(ns uint64, ids []uint64, known map[int]bool, check func() error) ([]*mount, error) {
	if more, err := mountsNamespace(ns, ids, known, check); err != nil || !more {
		return nil, err
	}
	var buf statmountBuf
	var t table
	size := 0
	for i, id := range ids {
		if err := some(i, check); err != nil {
			return nil, err
		}
		err := buf.read(ns, id, statSBBasic|statMntBasic|statMntRoot|statMntPoint)
		if errors.Is(err, unix.ENOENT) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if size += len(buf.str(offRoot)) + len(buf.str(offPoint)); size > mostText {
			return nil, host.ErrTooLarge
		}
		t.add(&mount{
			id: int(buf.u32(offID)), parent: int(buf.u32(offOldPar)),
			major: int32(buf.u32(offDevice)), minor: int32(buf.u32(offDevice + 4)),
			nsfs: buf.u64(offMagic) == unix.NSFS_MAGIC,
			root: buf.str(offRoot), path: buf.str(offPoint), peers: buf.peers(),
		}, s.paths)
	}
	return t.mounts, nil
}
