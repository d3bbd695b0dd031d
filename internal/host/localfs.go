// SPDX-License-Identifier: Apache-2.0

package host

import (
	"bytes"
	"io"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/internal/fd"
)

// isLocal reports whether a type of file system answers by itself, from memory or a disk of this
// machine. Any other one may wait for a process or a network without end, as FUSE and NFS.
func isLocal(fsType string) bool {
	switch fsType {
	case "bcachefs", "binfmt_misc", "bpf", "btrfs", "cgroup", "cgroup2", "configfs", "cramfs", "debugfs", "devpts",
		"devtmpfs", "efivarfs", "erofs", "exfat", "ext2", "ext3", "ext4", "f2fs", "fusectl", "hugetlbfs", "iso9660",
		"jffs2", "jfs", "minix", "mqueue", "msdos", "nilfs2", "nsfs", "ntfs3", "overlay", "proc", "pstore", "ramfs",
		"reiserfs", "rootfs", "romfs", "rpc_pipefs", "securityfs", "selinuxfs", "squashfs", "sysfs", "tmpfs", "tracefs",
		"ubifs", "udf", "vfat", "xfs", "zfs":
		return true
	}
	return false
}

// mountTable is which mounts of this process's mount namespace are of local file systems.
type mountTable struct {
	mu         sync.Mutex
	file       *fd.FD // our mountinfo; nil until it is read
	generation int    // grows with every change
	local      map[uint64]bool
	remote     map[string]int // mount points of others, with who mounted them: see mountedBy
	mounters   map[uint64]int // the same by their IDs
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
	t.parse(text)
	return nil
}

// parse takes the table from the text of a mountinfo file.
func (t *mountTable) parse(text []byte) {
	t.clear()
	t.add(text)
}

func (t *mountTable) clear() {
	t.local, t.remote, t.mounters = map[uint64]bool{}, map[string]int{}, map[uint64]int{}
}

// add adds what some lines of a mountinfo file have.
func (t *mountTable) add(lines []byte) {
	for line := range bytes.Lines(lines) {
		id, point, kind, ok := parseMount(line)
		switch {
		case !ok: // which makes it no local one
		case isLocal(string(kind)) || string(point) == "/":
			// This program, too, is read from what "/" is on, whichever that is.
			t.local[id] = true
		default:
			uid := fuseUser(line)
			t.remote[unescapeMount(string(point))], t.mounters[id] = uid, uid
		}
	}
}

// parseMount returns what is needed of a line of mountinfo, "ID PARENT MAJOR:MINOR ROOT POINT
// OPTIONS … - TYPE …" (proc_pid_mountinfo(5)). It is read whenever a mount has changed.
func parseMount(line []byte) (id uint64, point, kind []byte, ok bool) {
	number, rest, _ := bytes.Cut(line, []byte(" "))
	for range 3 {
		_, rest, _ = bytes.Cut(rest, []byte(" "))
	}
	point, rest, _ = bytes.Cut(rest, []byte(" "))
	_, rest, ok = bytes.Cut(rest, []byte(" - "))
	kind, _, _ = bytes.Cut(rest, []byte(" "))
	id, err := strconv.ParseUint(string(number), 10, 64)
	return id, point, kind, ok && err == nil
}

// fuseUser returns the user who mounted a FUSE file system, by its options in a line of
// mountinfo (fs/fuse/inode.c, fuse_show_options, 6.18); -1 of any other.
func fuseUser(line []byte) int {
	fields := strings.Fields(string(line))
	for option := range strings.SplitSeq(fields[len(fields)-1], ",") {
		if text, ok := strings.CutPrefix(option, "user_id="); ok {
			if uid, err := strconv.Atoi(text); err == nil {
				return uid
			}
		}
	}
	return -1
}

// unescapeMount reads space, tab, newline, backslash and "#", which are octal there
// (fs/proc_namespace.c, mangle, 6.18).
func unescapeMount(point string) string {
	return strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`, `\043`, "#").Replace(point)
}

// answers reports whether the mount with an ID is of a local file system.
func (t *mountTable) answers(id uint64) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.local[id]
}

// mountedBy reports whether a mount is of no local file system, and who mounted it, -1 if
// that is not known.
func (t *mountTable) mountedBy(id uint64) (uid int, remote bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.local[id] {
		return 0, false
	}
	if uid, ok := t.mounters[id]; ok {
		return uid, true
	}
	return -1, true
}

// isRemote reports whether there is a mount of another file system at a path.
func (t *mountTable) isRemote(path string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	_, remote := t.remote[path]
	return remote
}

// mountedAt is mountedBy for a mount point.
func (t *mountTable) mountedAt(path string) (uid int, remote bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	uid, remote = t.remote[path]
	return uid, remote
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
