// SPDX-License-Identifier: Apache-2.0

// Package host is the only way to the files of the machine that is read: the running
// one, a tree under another root, or a recorded tree. It has one parser for each file
// of /proc.
package host

import (
	"errors"
	"fmt"
	"os"
	"path"
	"strings"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/internal/fd"
	"github.com/nsinspect/nsinspect/internal/nsfs"
	"github.com/nsinspect/nsinspect/pkg/ns"
)

// Host is the machine that is read: the running one, another one's tree under
// a directory (a container's /host), or a recorded tree of plain files. Paths
// given to its methods and found in its results are those of that machine:
// symlinks are resolved inside its root.
type Host struct {
	root   string // "/" for the running machine
	files  files
	live   bool // root is this process's own root
	procfs bool // proc is the kernel's, not a recorded one

	rootUID int // who stands for root, beside root: see ownerOf

	unguarded bool // waits for any file system
	mounts    mountTable
	insides   insides
	helpers   helpers
	memory    memoryReads

	ownOnce sync.Once
	own     bool // see OwnTaskIDs
}

// Open opens the machine whose root directory is root; "" and "/" mean the
// running one. It returns an error if there is no proc directory in it, and ErrNoAnswer if
// its file system does not answer. It
// needs no capability, and Linux 5.6 for any root but "/" (openat2).
func Open(root string) (*Host, error) {
	if root == "" {
		root = "/"
	}
	if root != "/" {
		if err := checkRoot(root); err != nil {
			return nil, err
		}
	}
	return open(root)
}

// open is Open for a root directory that answers.
func open(root string) (*Host, error) {
	rootFD, err := unix.Open(root, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("open root %s: %w", root, err)
	}
	// Not cleaned: "link/.." is another directory than "." where link is one.
	h := &Host{root: strings.TrimRight(root, "/"), files: files{root: fd.New(rootFD)}}
	if h.root == "" {
		h.root, h.live = "/", true
	}
	h.rootUID = h.ownerOf()
	proc, err := h.Open("/proc", unix.O_RDONLY|unix.O_DIRECTORY)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open %s/proc: %w", strings.TrimRight(root, "/"), err), h.Close())
	}
	h.files.proc = fd.New(proc)
	h.procfs = nsfs.OnFS(proc, unix.PROC_SUPER_MAGIC)
	return h, nil
}

// Root returns the directory that the host was opened with.
func (h *Host) Root() string { return h.root }

// ProcFD returns the descriptor of the host's /proc, -1 once the host is closed.
func (h *Host) ProcFD() int { return h.files.proc.Int() }

// RootFD returns the descriptor of the host's root directory, O_PATH, -1 once the
// host is closed.
func (h *Host) RootFD() int { return h.files.root.Int() }

// Recorded reports whether the host is a tree of plain files: what it shows
// cannot be opened, asked or entered.
func (h *Host) Recorded() bool { return !h.procfs }

// Open opens a path of the host. What flags ask for must not be able to block:
// O_PATH, a directory, or a file known to be regular.
func (h *Host) Open(name string, flags int) (int, error) {
	if err := h.files.root.Check(); err != nil {
		return -1, err
	}
	flags |= unix.O_CLOEXEC | unix.O_NONBLOCK | unix.O_NOCTTY
	if flags&unix.O_PATH != 0 {
		flags &^= unix.O_NONBLOCK | unix.O_NOCTTY // openat2 refuses them with O_PATH
	}
	for {
		var fd int
		var err error
		if h.live {
			fd, err = unix.Open(name, flags, 0)
		} else {
			how := unix.OpenHow{Flags: uint64(flags), Resolve: unix.RESOLVE_IN_ROOT}
			fd, err = unix.Openat2(h.RootFD(), name, &how)
		}
		// openat2 gives EAGAIN when a rename raced with "..".
		if err != unix.EINTR && (err != unix.EAGAIN || h.live) {
			return fd, err
		}
	}
}

// OpenProc opens a file below the host's /proc. In a recorded tree, where a
// directory may be anybody's symlink, none is followed.
func (h *Host) OpenProc(name string, flags int) (int, error) {
	if err := h.files.proc.Check(); err != nil {
		return -1, err
	}
	if h.procfs {
		return unix.Openat(h.ProcFD(), name, flags|unix.O_CLOEXEC, 0)
	}
	how := unix.OpenHow{
		Flags:   uint64(flags | unix.O_CLOEXEC),
		Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_SYMLINKS,
	}
	return unix.Openat2(h.ProcFD(), name, &how)
}

// ReadlinkRecorded reads a link below the /proc of a recorded tree. It returns
// EINVAL for what is no link.
func (h *Host) ReadlinkRecorded(name string, buf []byte) (int, unix.Errno) {
	fd, err := h.OpenProc(name, unix.O_PATH|unix.O_NOFOLLOW)
	if err == nil {
		defer unix.Close(fd)
		var n int
		switch n, err = unix.Readlinkat(fd, "", buf); err {
		case nil:
			return n, 0
		case unix.ENOENT: // see readlinkFD
			return 0, unix.EINVAL
		}
	}
	var errno unix.Errno
	errors.As(err, &errno)
	return 0, errno
}

// Canonical returns the path, in the host, of an open directory: without
// symlinks. It returns the path it was opened by if the kernel does not show it.
func (h *Host) Canonical(fd int, opened string) string {
	name, err := os.Readlink(nsfs.SelfFD(fd))
	if err != nil {
		return path.Clean(opened)
	}
	if h.live {
		return name
	}
	root, err := os.Readlink(nsfs.SelfFD(h.RootFD()))
	rest, inside := strings.CutPrefix(name, strings.TrimRight(root, "/")+"/")
	if err != nil || !inside {
		return path.Clean(opened)
	}
	return "/" + rest
}

// MountTask names in /proc the task whose mounts are the host's: "self", or "1" of
// a machine under another root.
func (h *Host) MountTask() string {
	if h.live {
		return "self"
	}
	return "1"
}

// MountNamespace returns the inode of a task's mount namespace, 0 if it cannot be
// read.
func (h *Host) MountNamespace(task string) uint64 {
	_, inode, err := h.NamespaceAt(path.Join("/proc", task, "ns/mnt"))
	if err != nil {
		return 0
	}
	return inode
}

// NamespaceAt returns which namespace the file at a path of the host is, following
// symlinks. It returns nsfs.ErrNotNamespace for any other file. The way there must be
// one that does not block.
func (h *Host) NamespaceAt(name string) (ns.Type, uint64, error) {
	fd, err := h.OpenPath(name)
	return identify(fd, err)
}

// identify returns which namespace an open file is, and closes it.
func identify(fd int, err error) (ns.Type, uint64, error) {
	if err != nil {
		var rec recordedLink
		if errors.As(err, &rec) {
			return rec.typ, rec.inode, nil
		}
		return 0, 0, err
	}
	defer unix.Close(fd)
	return nsfs.Identify(fd)
}

// OpenPath opens a path for identification only, following symlinks to the
// end. Under another root the kernel refuses the last step into
// /proc/PID/ns/TYPE together with every other magic link, so that step is made
// by hand: from the directory already resolved inside the root.
func (h *Host) OpenPath(name string) (int, error) {
	if h.live {
		return h.Open(name, unix.O_PATH)
	}
	for range 40 { // as many symlinks as the kernel follows (MAXSYMLINKS)
		fd, err := h.Open(name, unix.O_PATH|unix.O_NOFOLLOW)
		if err != nil {
			return -1, err
		}
		target, err := ReadlinkFD(fd)
		if err == unix.EINVAL || err == unix.ENOENT { // not a symlink
			return fd, nil
		}
		kernels := nsfs.OnFS(fd, unix.PROC_SUPER_MAGIC)
		unix.Close(fd)
		if err != nil {
			return -1, err
		}
		if t, inode, ok := ns.ParseLink(target); ok {
			if kernels {
				return h.openMagic(name)
			}
			if !h.procfs {
				return -1, recordedLink{t, inode}
			}
		}
		if !path.IsAbs(target) {
			target = parent(name) + "/" + target
		}
		name = target
	}
	return -1, unix.ELOOP
}

func (h *Host) openMagic(name string) (int, error) {
	dir, err := h.Open(parent(name), unix.O_PATH|unix.O_DIRECTORY)
	if err != nil {
		return -1, err
	}
	defer unix.Close(dir)
	return unix.Openat(dir, path.Base(name), unix.O_PATH|unix.O_CLOEXEC, 0)
}

// recordedLink is what a namespace link became in a recorded tree: a symlink
// whose text is all that is left of the namespace.
type recordedLink struct {
	typ   ns.Type
	inode uint64
}

func (r recordedLink) Error() string { return ns.FormatLink(r.typ, r.inode) + " is a recorded link" }

// parent is path.Dir without the cleaning, which is wrong for ".." behind a
// symlink.
func parent(name string) string {
	name = strings.TrimRight(name, "/")
	return name[:strings.LastIndexByte(name, '/')+1] + "."
}

// ReadlinkFD reads the symlink that fd, opened with O_PATH|O_NOFOLLOW, is. The
// kernel returns ENOENT for any other file (fs/stat.c, do_readlinkat, 6.18).
func ReadlinkFD(fd int) (string, error) {
	buf := make([]byte, unix.PathMax)
	n, err := unix.Readlinkat(fd, "", buf)
	if err != nil {
		return "", err
	}
	return string(buf[:n]), nil
}
