// SPDX-License-Identifier: Apache-2.0

package host

import (
	"bytes"
	"io"
	"strings"
	"sync"

	"github.com/moby/sys/mountinfo"
	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/internal/fd"
)

// localTypes are the file systems that answer by themselves, from memory or a disk of this
// machine. Any other one may wait for a process or a network without end, as FUSE and NFS.
var localTypes = map[string]bool{}

func init() {
	const types = "bcachefs binfmt_misc bpf btrfs cgroup cgroup2 configfs cramfs debugfs devpts devtmpfs efivarfs erofs exfat ext2 ext3 ext4 " +
		"f2fs fusectl hugetlbfs iso9660 jffs2 jfs minix mqueue msdos nilfs2 nsfs ntfs3 overlay proc pstore ramfs reiserfs rootfs romfs " +
		"rpc_pipefs securityfs selinuxfs squashfs sysfs tmpfs tracefs ubifs udf vfat xfs zfs"
	for _, t := range strings.Fields(types) {
		localTypes[t] = true
	}
}

// mountTable is which mounts of this process's mount namespace are of local file systems.
type mountTable struct {
	mu         sync.Mutex
	file       *fd.FD // our mountinfo; nil until it is read
	generation int    // grows with every change
	local      map[uint64]bool
	remote     map[string]bool // mount points of others
}

// current reads the table if it is not the kernel's any more, and returns how often it has
// changed. poll(2) reports a change once (fs/proc_namespace.c, mounts_poll, 6.18).
func (t *mountTable) current() (generation int, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.file == nil {
		// Not os.Open: the poller of the Go runtime would take the reports of changes.
		n, err := unix.Open("/proc/self/mountinfo", unix.O_RDONLY|unix.O_CLOEXEC, 0)
		if err != nil {
			return 0, err
		}
		t.file = fd.New(n)
		return t.generation, t.read()
	}
	fds := []unix.PollFd{{Fd: int32(t.file.Int()), Events: unix.POLLPRI}}
	for {
		n, err := unix.Poll(fds, 0)
		switch {
		case err == unix.EINTR:
			continue
		case err != nil:
			return 0, err
		case n == 0:
			return t.generation, nil
		}
		t.generation++
		return t.generation, t.read()
	}
}

func (t *mountTable) read() error {
	if _, err := unix.Seek(t.file.Int(), 0, io.SeekStart); err != nil {
		return err
	}
	text, err := readUpTo(t.file.Int(), 0, maxFile)
	if err != nil {
		return err
	}
	t.local, t.remote = map[uint64]bool{}, map[string]bool{}
	for line := range bytes.Lines(text) {
		mounts, err := mountinfo.GetMountsFromReader(bytes.NewReader(line), nil)
		if err != nil || len(mounts) != 1 {
			continue // which makes it no local one
		}
		m := mounts[0]
		// This program, too, is read from what "/" is on, whichever that is.
		if localTypes[m.FSType] || m.Mountpoint == "/" {
			t.local[uint64(m.ID)] = true
		} else {
			t.remote[m.Mountpoint] = true
		}
	}
	return nil
}

// answers reports whether the mount with an ID is of a local file system.
func (t *mountTable) answers(id uint64) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.local[id]
}

// isRemote reports whether there is a mount of another file system at a path.
func (t *mountTable) isRemote(path string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.remote[path]
}

func (t *mountTable) close() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.file == nil {
		return nil
	}
	defer func() { t.file = nil }()
	return t.file.Close()
}
