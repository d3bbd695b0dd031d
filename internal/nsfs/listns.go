// SPDX-License-Identifier: Apache-2.0

package nsfs

import (
	"encoding/binary"
	"fmt"

	"golang.org/x/sys/unix"
)

// ListActive returns the IDs, which are cookies, of the network namespaces that
// the caller may list; ENOSYS before Linux 6.19.
func ListActive() ([]uint64, error) {
	const page = 1024
	req := unix.NsIdReq{Size: unix.NS_ID_REQ_SIZE_VER0, Ns_type: unix.CLONE_NEWNET}
	var all []uint64
	for {
		ids := make([]uint64, page)
		n, err := unix.Listns(&req, ids, 0)
		if err == unix.ENOENT && req.Ns_id != 0 {
			return all, nil // the last one has ended meanwhile, and none is after it
		}
		if err != nil {
			return nil, fmt.Errorf("list namespaces: %w", err)
		}
		all = append(all, ids[:n]...)
		if n < page {
			return all, nil
		}
		req.Ns_id = all[len(all)-1]
	}
}

// OpenByID opens any namespace by the number that NS_GET_ID gives, without
// a path to it. From Linux 6.19 on it has to be active; it needs Linux 6.18 and
// CAP_SYS_ADMIN over the namespace (fs/nsfs.c, nsfs_fh_to_dentry, 6.19).
func OpenByID(id uint64) (int, error) {
	return OpenByHandle(id, 0, 0)
}

// OpenByHandle does the same, and demands its type and inode unless both
// are 0.
func OpenByHandle(id uint64, flag uint32, inode uint32) (int, error) {
	const fileidNsfs = 0xf1 // include/linux/exportfs.h, FILEID_NSFS
	var handle [16]byte     // include/uapi/linux/nsfs.h, struct nsfs_file_handle
	binary.NativeEndian.PutUint64(handle[0:], id)
	binary.NativeEndian.PutUint32(handle[8:], flag)
	binary.NativeEndian.PutUint32(handle[12:], inode)
	return unix.OpenByHandleAt(unix.FD_NSFS_ROOT, unix.NewFileHandle(fileidNsfs, handle[:]), unix.O_RDONLY|unix.O_CLOEXEC)
}
