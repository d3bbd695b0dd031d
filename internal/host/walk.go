// SPDX-License-Identifier: Apache-2.0

package host

import (
	"errors"
	"os"
	"path"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/internal/nsfs"
	"github.com/nsinspect/nsinspect/pkg/ns"
)

// ErrMayHang is the error for a way that leads to a file system which may not answer. A
// thread that waits for one cannot be ended, not even by SIGKILL, and the process with it.
var ErrMayHang = errors.New("on a file system that may not answer")

// maxLinks is how many symlinks the kernel follows (include/linux/namei.h, MAXSYMLINKS).
const maxLinks = 40

// Locate opens a path of the host with O_PATH, following symlinks, without asking any file
// system that may not answer. It returns ErrMayHang where the way leads to one. Before
// Linux 5.8 (STATX_MNT_ID) a mount that comes at the same moment is not noticed.
func (h *Host) Locate(name string) (fd int, err error) {
	if err := h.files.root.Check(); err != nil {
		return -1, err
	}
	if h.unguarded {
		return h.Open(name, unix.O_PATH)
	}
	root, name, err := h.Absolute(name)
	if err != nil {
		return -1, err
	}
	return h.walk(h.RootFD(), root, name, maxLinks)
}

// Absolute returns the path of the host's root directory, and one of the host, as they are
// in any working directory.
func (h *Host) Absolute(name string) (root, full string, err error) {
	if root = "/"; !h.live {
		if root, err = os.Readlink(nsfs.SelfFD(h.RootFD())); err != nil {
			return "", "", err
		}
	}
	if path.IsAbs(name) || !h.live {
		return root, name, nil
	}
	dir, err := unix.Getwd() // os.Getwd asks the file system
	return root, dir + "/" + name, err
}

// walk opens a path below a directory, which stands for the root of its absolute symlinks.
// Mounts that come while it runs are noticed: then it is done again.
func (h *Host) walk(top int, at, name string, links int) (int, error) {
	const tries = 10
	for range tries {
		before, err := h.mounts.current()
		if err != nil {
			return -1, err
		}
		w := walk{mounts: &h.mounts, fds: []int{top}, at: strings.TrimRight(at, "/"), links: links, todo: split(name)}
		fd, err := w.run()
		w.close()
		after, tableErr := h.mounts.current()
		if before == after && tableErr == nil {
			return fd, err
		}
		if err == nil {
			unix.Close(fd)
		}
	}
	return -1, ErrMayHang
}

// walk is the state of one way through the directories.
type walk struct {
	mounts *mountTable
	fds    []int    // the directories on the way, the top one first
	names  []string // of those but the top one
	at     string   // the path of the top one
	links  int      // how many symlinks may follow
	todo   []string // what is left of the path
}

// split returns the components of a path.
func split(name string) []string {
	var parts []string
	for part := range strings.SplitSeq(name, "/") {
		if part != "" && part != "." {
			parts = append(parts, part)
		}
	}
	return parts
}

// run returns a descriptor of the end of the way.
func (w *walk) run() (int, error) {
	for len(w.todo) > 0 {
		part := w.todo[0]
		w.todo = w.todo[1:]
		if part == ".." {
			w.up(len(w.fds) - 2)
			continue
		}
		if err := w.step(part); err != nil {
			return -1, err
		}
	}
	return unix.FcntlInt(uintptr(w.dir()), unix.F_DUPFD_CLOEXEC, 0)
}

func (w *walk) dir() int { return w.fds[len(w.fds)-1] }

// up goes back until so many directories are below the top one.
func (w *walk) up(left int) {
	left = max(left, 0)
	for _, fd := range w.fds[left+1:] {
		unix.Close(fd)
	}
	w.fds, w.names = w.fds[:left+1], w.names[:left]
}

func (w *walk) close() { w.up(0) }

// step goes to an entry of the directory reached so far. The lookup asks the file system
// of that directory alone: the root of what is mounted on the entry is in the kernel's
// memory, and O_PATH does not ask it (fs/namei.c, complete_walk, 6.18), unless it is that
// of a network file system, which mountinfo shows.
func (w *walk) step(part string) error {
	if w.mounts.isRemote(w.at + "/" + strings.Join(append(w.names, part), "/")) {
		return ErrMayHang
	}
	fd, mode, err := openGuarded(w.mounts, w.dir(), part)
	if err != nil {
		return err
	}
	if mode&unix.S_IFMT != unix.S_IFLNK {
		w.fds, w.names = append(w.fds, fd), append(w.names, part)
		return nil
	}
	defer unix.Close(fd)
	if w.links--; w.links < 0 {
		return unix.ELOOP
	}
	if nsfs.OnFS(fd, unix.PROC_SUPER_MAGIC) && len(w.names) > 1 {
		return w.magic(fd, part)
	}
	target, err := ReadlinkFD(fd)
	if err != nil {
		return err
	}
	if path.IsAbs(target) {
		w.up(0)
	}
	w.todo = append(split(target), w.todo...)
	return nil
}

// magic follows a link of a process's directory in /proc, which leads elsewhere than its
// text. Namespace files are in memory; what others lead to may be anything. One of this
// process's own descriptors is duplicated: to a helper, the same path would lead elsewhere.
func (w *walk) magic(link int, part string) error {
	var fd int
	var err error
	switch w.names[len(w.names)-1] {
	case "ns":
		fd, err = unix.Openat(w.dir(), part, unix.O_PATH|unix.O_CLOEXEC, 0)
	case "fd":
		fd, err = w.descriptor(link, part)
	default:
		return ErrMayHang
	}
	if err == nil {
		w.fds, w.names = append(w.fds, fd), append(w.names, part)
	}
	return err
}

// descriptor duplicates a descriptor of this process, or opens one of another's if that is of
// the kernel's own mount of namespace files, which the text of the link shows.
func (w *walk) descriptor(link int, part string) (int, error) {
	text, err := ReadlinkFD(link)
	if err != nil {
		return -1, err
	}
	if _, _, ok := ns.ParseLink(text); ok {
		return unix.Openat(w.dir(), part, unix.O_PATH|unix.O_CLOEXEC, 0)
	}
	n, err := strconv.Atoi(part)
	if err != nil || w.names[1] != strconv.Itoa(os.Getpid()) {
		return -1, ErrMayHang
	}
	fd, err := unix.FcntlInt(uintptr(n), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return -1, err
	}
	_, err = guard(w.mounts, fd)
	return fd, err
}

// openGuarded opens an entry of a directory with O_PATH, not following a symlink, and
// returns its file type. It returns ErrMayHang for one on a file system that may not
// answer, which it does not ask: AT_STATX_DONT_SYNC takes what is in memory
// (fs/fuse/dir.c, fuse_update_get_attr, 6.18).
func openGuarded(mounts *mountTable, dir int, name string) (fd int, mode uint16, err error) {
	for {
		fd, err = unix.Openat(dir, name, unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
		if err != unix.EINTR {
			break
		}
	}
	if err != nil {
		return -1, 0, err
	}
	mode, err = guard(mounts, fd)
	if err != nil {
		return -1, 0, err
	}
	return fd, mode, nil
}

// guard returns the type of an open file, or closes it and returns ErrMayHang if it is on a
// file system that may not answer.
func guard(mounts *mountTable, fd int) (mode uint16, err error) {
	var st unix.Statx_t
	err = unix.Statx(fd, "", unix.AT_EMPTY_PATH|unix.AT_STATX_DONT_SYNC, unix.STATX_TYPE|unix.STATX_MNT_ID, &st)
	if err == nil && st.Mask&unix.STATX_MNT_ID != 0 && !mounts.answers(st.Mnt_id) {
		err = ErrMayHang
	}
	if err != nil {
		unix.Close(fd)
		return 0, err
	}
	return st.Mode, nil
}

// OpenDir opens a directory of the host for reading, following symlinks. It returns
// ErrMayHang if it is on a file system that may not answer.
func (h *Host) OpenDir(name string) (int, error) {
	fd, err := h.Locate(name)
	if err != nil {
		return -1, err
	}
	defer unix.Close(fd)
	return unix.Openat(fd, ".", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
}

// OpenEntry opens an entry of a directory with O_PATH, not following a symlink. It returns
// ErrMayHang for what is mounted there and may not answer.
func (h *Host) OpenEntry(dir int, name string) (int, error) {
	if h.unguarded {
		return unix.Openat(dir, name, unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	}
	const tries = 10
	for range tries {
		before, err := h.mounts.current()
		if err != nil {
			return -1, err
		}
		fd, _, err := openGuarded(&h.mounts, dir, name)
		after, tableErr := h.mounts.current()
		if before == after && tableErr == nil {
			return fd, err
		}
		if err == nil {
			unix.Close(fd)
		}
	}
	return -1, ErrMayHang
}
