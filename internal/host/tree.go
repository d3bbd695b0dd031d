// SPDX-License-Identifier: Apache-2.0

package host

import (
	"errors"
	"io"
	"os"

	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/internal/fd"
	"github.com/nsinspect/nsinspect/internal/nsfs"
	"github.com/nsinspect/nsinspect/pkg/ns"
)

// Tree is a directory of the host, read with care: below it no symlink is
// followed, nothing but regular files and directories is opened, and nothing of
// any length is read. The way to the directory itself may lead over symlinks.
type Tree struct {
	path string
	dir  *fd.FD
}

// What Tree answers when it will not read something.
var (
	ErrTooLarge   = errors.New("larger than anything of its kind")
	ErrNotRegular = errors.New("not a regular file")
)

// OpenTree opens a directory of the host. It returns an error that is
// os.ErrNotExist if there is none. It needs Linux 5.6 (openat2).
func (h *Host) OpenTree(dir string) (*Tree, error) {
	n, err := h.Open(dir, unix.O_RDONLY|unix.O_DIRECTORY)
	if err != nil {
		return nil, err
	}
	return &Tree{path: dir, dir: fd.New(n)}, nil
}

// Path returns the path that the directory was opened by.
func (t *Tree) Path() string { return t.path }

// Close releases the directory. Any further call does nothing and returns nil.
func (t *Tree) Close() error { return t.dir.Close() }

// open opens what is at a path below the directory without following a symlink.
func (t *Tree) open(name string, flags int) (int, error) {
	if err := t.dir.Check(); err != nil {
		return -1, err
	}
	how := unix.OpenHow{
		Flags:   uint64(flags | unix.O_CLOEXEC),
		Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_SYMLINKS | unix.RESOLVE_NO_MAGICLINKS,
	}
	for {
		fd, err := unix.Openat2(t.dir.Int(), name, &how)
		if err != unix.EINTR && err != unix.EAGAIN { // EAGAIN: a rename raced with ".."
			return fd, err
		}
	}
}

// ReadFile returns the content of a regular file below the directory, and the user
// that owns it. It returns ErrTooLarge if that is more than most bytes, and
// ErrNotRegular for a FIFO, device or socket, which is not opened.
func (t *Tree) ReadFile(name string, most int64) (text []byte, uid int, err error) {
	fd, err := t.open(name, unix.O_PATH)
	if err != nil {
		return nil, -1, err
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	switch err := unix.Fstat(fd, &st); {
	case err != nil:
		return nil, -1, err
	case st.Mode&unix.S_IFMT != unix.S_IFREG:
		return nil, -1, ErrNotRegular
	case st.Size > most:
		return nil, -1, ErrTooLarge
	}
	again, err := unix.Open(nsfs.SelfFD(fd), unix.O_RDONLY|unix.O_CLOEXEC|unix.O_NONBLOCK|unix.O_NOCTTY, 0)
	if err != nil {
		return nil, -1, err
	}
	defer unix.Close(again)
	text, err = readUpTo(again, int(st.Size), int(most))
	if err != nil {
		return nil, -1, err
	}
	return text, int(st.Uid), nil
}

// readUpTo reads a file of size bytes, or of a size that is not known before, at
// most so many.
func readUpTo(fd, size, most int) ([]byte, error) {
	buf := make([]byte, 0, max(size+1, 1024))
	for {
		n, err := unix.Read(fd, buf[len(buf):cap(buf)])
		switch {
		case err == unix.EINTR:
			continue
		case err != nil:
			return nil, err
		case n == 0:
			return buf, nil
		}
		switch buf = buf[:len(buf)+n]; {
		case len(buf) > most:
			return buf[:most], ErrTooLarge // it grew
		case len(buf) == size:
			return buf, nil
		}
		if len(buf) == cap(buf) {
			buf = append(buf, 0)[:len(buf)]
		}
	}
}

// ReadDir lists a directory below the tree, "." for the tree itself, in no order.
// It returns ErrTooLarge together with the first so many entries if there are
// more.
func (t *Tree) ReadDir(name string, most int) ([]os.DirEntry, error) {
	fd, err := t.open(name, unix.O_RDONLY|unix.O_DIRECTORY)
	if err != nil {
		return nil, err
	}
	dir := os.NewFile(uintptr(fd), name)
	defer dir.Close()
	entries, err := dir.ReadDir(most + 1)
	switch {
	case errors.Is(err, io.EOF):
		return entries, nil
	case err != nil:
		return entries, Cause(err)
	case len(entries) > most:
		return entries[:most], ErrTooLarge
	}
	return entries, nil
}

// ReadProc returns a file of a process, "cgroup" or "cmdline", up to so many
// bytes of it, and ErrTooLarge together with those if there are more. What is missing is os.ErrNotExist or ESRCH; another user's process
// may refuse it without CAP_SYS_PTRACE.
func (h *Host) ReadProc(pid ns.TaskID, name string, most int) ([]byte, error) {
	return h.ReadTask(pid.String(), name, most)
}

// ReadTask is ReadProc for a task, "PID" or "PID/task/TID".
func (h *Host) ReadTask(task, name string, most int) ([]byte, error) {
	if err := h.CheckRegular(task, name); err != nil {
		return nil, err
	}
	fd, err := h.OpenProc(task+"/"+name, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_NOCTTY)
	if err != nil {
		return nil, err
	}
	defer unix.Close(fd)
	return readUpTo(fd, 0, most)
}

// Live reports whether the host is the running machine, seen from its own root.
func (h *Host) Live() bool { return h.live }

// OwnerUID returns the UID that owns the host's root directory: root, but for a tree that a
// user has unpacked, in which that user stands for root.
func (h *Host) OwnerUID() int {
	var st unix.Stat_t
	if err := unix.Fstat(h.RootFD(), &st); err != nil {
		return 0 // cannot happen
	}
	return int(st.Uid)
}

// ProcUID returns the user that a process runs as, -1 if it has ended.
func (h *Host) ProcUID(pid ns.TaskID) int {
	var st unix.Stat_t
	if err := unix.Fstatat(h.ProcFD(), pid.String(), &st, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return -1
	}
	return int(st.Uid)
}

// SharesRoot reports whether the root directory of a process is the host's. It is
// true where that is unknown: without CAP_SYS_PTRACE, and in a recorded tree.
func (h *Host) SharesRoot(pid ns.TaskID) bool {
	var its, own unix.Stat_t
	if !h.procfs || unix.Fstatat(h.ProcFD(), pid.String()+"/root", &its, 0) != nil || unix.Fstat(h.RootFD(), &own) != nil {
		return true
	}
	return its.Dev == own.Dev && its.Ino == own.Ino
}

// ReadProcLink returns the text of a link of a process, "cwd" or "root". It needs
// CAP_SYS_PTRACE for another user's.
func (h *Host) ReadProcLink(pid ns.TaskID, name string) (string, error) {
	return h.Readlink(pid.String() + "/" + name)
}
