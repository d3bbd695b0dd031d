// SPDX-License-Identifier: Apache-2.0

package host

import (
	"os"
	"strconv"
	"strings"
	"sync"

	"github.com/moby/sys/mountinfo"

	"github.com/nsinspect/nsinspect/pkg/ns"
)

// remoteMounts are the mounts of this mount namespace whose files are a program's or
// another machine's, by mount ID.
type remoteMounts struct {
	once sync.Once
	by   map[uint64]ns.Authority
}

// local are the file systems whose files the kernel itself keeps, or the machine that
// this one is a guest of.
var local = map[string]bool{
	"9p": true, "bcachefs": true, "binfmt_misc": true, "bpf": true, "btrfs": true, "cgroup": true, "cgroup2": true,
	"configfs": true, "debugfs": true, "devpts": true, "devtmpfs": true, "efivarfs": true, "erofs": true, "exfat": true,
	"ext2": true, "ext3": true, "ext4": true, "f2fs": true, "fusectl": true, "hugetlbfs": true, "iso9660": true, "jfs": true,
	"mqueue": true, "nsfs": true, "overlay": true, "proc": true, "pstore": true, "ramfs": true, "rootfs": true,
	"securityfs": true, "selinuxfs": true, "squashfs": true, "sysfs": true, "tmpfs": true, "tracefs": true, "udf": true,
	"vfat": true, "virtiofs": true, "xfs": true, "zfs": true,
}

// remote reports whether a mount is of a file system whose files are a program's or
// another machine's, and whose word those are: of FUSE that of the user who mounted
// it, of any other nobody's who is known.
func (h *Host) remote(mount uint64) (ns.Authority, bool) {
	h.remotes.once.Do(func() { h.remotes.by = readRemote(h) })
	authority, ok := h.remotes.by[mount]
	return authority, ok
}

func readRemote(h *Host) map[uint64]ns.Authority {
	by := map[uint64]ns.Authority{}
	text, err := os.ReadFile("/proc/self/mountinfo") // which has those of another root too
	if err != nil {
		return by
	}
	for line := range strings.Lines(string(text)) {
		mounts, err := mountinfo.GetMountsFromReader(strings.NewReader(line), nil)
		if err != nil || len(mounts) == 0 || local[mounts[0].FSType] {
			continue // the source of mounts reports a line that cannot be parsed
		}
		by[uint64(mounts[0].ID)] = mountedBy(h, mounts[0].VFSOptions)
	}
	return by
}

// mountedBy returns whose word the files of a remote file system are
// (Documentation/filesystems/fuse, user_id, 6.18).
func mountedBy(h *Host, options string) ns.Authority {
	for option := range strings.SplitSeq(options, ",") {
		text, ok := strings.CutPrefix(option, "user_id=")
		uid, err := strconv.Atoi(text)
		if ok && err == nil && uid > 0 {
			return h.AuthorityOf(uid)
		}
	}
	return ns.UnknownAuthority
}
