// SPDX-License-Identifier: Apache-2.0

package host

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path"

	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/internal/fd"
	"github.com/nsinspect/nsinspect/internal/nsfs"
	"github.com/nsinspect/nsinspect/pkg/ns"
)

// Tree is a directory of the host, read with care: below it no symlink is
// followed, nothing but regular files and directories is opened, and nothing of
// any length is read. The way to the directory itself may lead over symlinks.
//
// One on a file system that may not answer is read by a helper.
type Tree struct {
	host      *Host
	path      string
	dir       *fd.FD       // nil if a helper reads it
	authority ns.Authority // of what is in the directory
}

// What Tree answers when it will not read something.
var (
	ErrTooLarge   = errors.New("larger than anything of its kind")
	ErrNotRegular = errors.New("not a regular file")
)

// OpenTree opens a directory of the host. It returns an error that is
// os.ErrNotExist if there is none, and ErrNoAnswer if
// its file system does not answer. It needs Linux 5.6 (openat2).
func (h *Host) OpenTree(dir string) (*Tree, error) {
	n, err := h.OpenDir(dir)
	switch {
	case err == ErrMayHang:
		t := &Tree{host: h, path: dir, authority: h.treeAuthority(dir)}
		_, err := t.ask(treeQuestion{})
		return t, err
	case err != nil:
		return nil, err
	}
	return &Tree{host: h, path: dir, dir: fd.New(n), authority: h.treeAuthority(dir)}, nil
}

// treeAuthority returns who can change what is in a directory that was just opened.
func (h *Host) treeAuthority(dir string) ns.Authority {
	authority, err := h.Authority(dir)
	if err != nil {
		return ns.UnknownAuthority // replaced meanwhile
	}
	return authority
}

// Authority returns who can change what is in the directory.
func (t *Tree) Authority() ns.Authority { return t.authority }

// below returns who can change what is in a directory below the tree.
func (t *Tree) below(dir string) ns.Authority {
	authority := t.authority
	for i := range len(dir) + 1 {
		if i < len(dir) && dir[i] != '/' || i == 0 || dir[:i] == "." {
			continue
		}
		var st unix.Statx_t
		const flags = unix.AT_SYMLINK_NOFOLLOW | unix.AT_STATX_DONT_SYNC
		if err := unix.Statx(t.dir.Int(), dir[:i], flags, unix.STATX_MODE|unix.STATX_UID|unix.STATX_GID, &st); err != nil {
			return ns.UnknownAuthority
		}
		authority = authority.And(t.host.AuthorityOf(int(st.Uid)))
		if st.Mode&unix.S_ISVTX == 0 {
			authority = authority.And(writers(uint32(st.Mode), st.Gid))
		}
	}
	return authority
}

// Path returns the path that the directory was opened by.
func (t *Tree) Path() string { return t.path }

// Close releases the directory. Any further call does nothing and returns nil.
func (t *Tree) Close() error {
	if t.dir == nil {
		return nil
	}
	return t.dir.Close()
}

// open opens what is at a path below the directory without following a symlink.
func (t *Tree) open(name string, flags int) (int, error) {
	if err := t.dir.Check(); err != nil {
		return -1, err
	}
	how := unix.OpenHow{
		Flags:   uint64(flags | unix.O_CLOEXEC),
		Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_SYMLINKS | unix.RESOLVE_NO_MAGICLINKS,
	}
	if !t.host.unguarded {
		how.Resolve |= unix.RESOLVE_NO_XDEV // what is mounted below may not answer
	}
	for {
		fd, err := unix.Openat2(t.dir.Int(), name, &how)
		if err != unix.EINTR && err != unix.EAGAIN { // EAGAIN: a rename raced with ".."
			return fd, err
		}
	}
}

// ReadFile returns the content of a regular file below the directory, and who can
// change it. It returns ErrTooLarge if that is more than most bytes, and
// ErrNotRegular for a FIFO, device or socket, which is not opened.
func (t *Tree) ReadFile(name string, most int64) (text []byte, authority ns.Authority, err error) {
	if t.dir == nil {
		a, err := t.ask(treeQuestion{File: name, Most: most})
		return a.Text, t.authority, err
	}
	fd, err := t.open(name, unix.O_PATH)
	if err == unix.EXDEV && fs.ValidPath(name) {
		a, err := t.ask(treeQuestion{File: name, Most: most})
		return a.Text, authority, err
	}
	if err != nil {
		return nil, authority, err
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	switch err := unix.Fstat(fd, &st); {
	case err != nil:
		return nil, authority, err
	case st.Mode&unix.S_IFMT != unix.S_IFREG:
		return nil, authority, ErrNotRegular
	case st.Size > most:
		return nil, authority, ErrTooLarge
	}
	again, err := unix.Open(nsfs.SelfFD(fd), unix.O_RDONLY|unix.O_CLOEXEC|unix.O_NONBLOCK|unix.O_NOCTTY, 0)
	if err != nil {
		return nil, authority, err
	}
	defer unix.Close(again)
	text, err = readUpTo(again, int(st.Size), int(most))
	if err != nil {
		return nil, authority, err
	}
	return text, t.below(path.Dir(name)).And(t.host.FileAuthority(&st)), nil
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
	if t.dir == nil {
		return t.askDir(name, most)
	}
	fd, err := t.open(name, unix.O_RDONLY|unix.O_DIRECTORY)
	if err == unix.EXDEV && fs.ValidPath(name) {
		return t.askDir(name, most)
	}
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
