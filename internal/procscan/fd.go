// SPDX-License-Identifier: Apache-2.0

package procscan

import (
	"fmt"
	"slices"
	"strconv"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/internal/host"
	"github.com/nsinspect/nsinspect/internal/kernel"
	"github.com/nsinspect/nsinspect/internal/nsfs"
	"github.com/nsinspect/nsinspect/internal/record"
	"github.com/nsinspect/nsinspect/pkg/ns"
)

// openFile is a descriptor that can keep a namespace alive.
type openFile struct {
	tid   ns.TaskID // tid is 0 in the table that the process's threads share
	fd    int
	kind  fileKindOf
	inode uint64
	name  string // of a netFile, below /proc/PID/net
}

type fileKindOf uint8

const (
	otherFile fileKindOf = iota
	nsFile
	socketFile
	tunFile
	inotifyFile
	fanotifyFile
	netFile
)

// kindByLink returns the kind of a file that only the text of its link distinguishes
// (do_inotify_init, fs/notify/inotify/inotify_user.c; fanotify_init,
// fs/notify/fanotify/fanotify_user.c; 5.10 and 6.18).
func kindByLink(text string) (none fileKindOf) {
	switch text {
	case "anon_inode:inotify":
		return inotifyFile
	case "anon_inode:[fanotify]":
		return fanotifyFile
	}
	return none
}

// Files finds the open namespace files of a process, and of its threads
// with descriptor tables of their own.
func Files(w *Worker, v *Process) {
	w.readFiles(v)
	v.nsFiles = true
	for i := range v.files {
		w.visitFile(v, &v.files[i])
	}
}

// looks is how often a descriptor is looked at that is another file each time.
const looks = 3

// visitFile takes the namespace that a descriptor is open on, or what may keep one. One that
// is another file by now is looked at again, for the sources to come too.
func (w *Worker) visitFile(v *Process, f *openFile) {
	h := ns.Holder{Kind: ns.KindFD, PID: v.pid, TID: f.tid, FD: int32(f.fd)}
	for range looks {
		if f.kind != nsFile {
			w.visitOther(f, h)
			return
		}
		t, inode, err := w.namespaceOfFile(v, f)
		switch {
		case err == nsfs.ErrNotNamespace:
			w.lookAgain(v, f)
			continue
		case host.IsGone(err): // closed meanwhile
		case err != nil:
			w.gap("fd", host.FDPath(v.pid, f.tid, f.fd), host.Cause(err))
		default:
			w.keeps(t, inode, h)
		}
		return
	}
}

// visitOther takes a file that may keep a namespace: what it watches, or is of, is found later.
func (w *Worker) visitOther(f *openFile, h ns.Holder) {
	switch f.kind {
	case inotifyFile:
		h.Via = ns.ViaInotify
		w.findings = append(w.findings, finding{holder: h, watcher: true})
	case fanotifyFile:
		h.Via = ns.ViaFanotify
		w.findings = append(w.findings, finding{holder: h, watcher: true})
	case netFile:
		h.Via = ns.ViaProcNet
		w.findings = append(w.findings, finding{key: record.Key{Type: ns.Net, Inode: f.inode}, holder: h, netFile: f.name})
	}
}

// lookAgain classifies a descriptor that was found to be another file than it was.
func (w *Worker) lookAgain(v *Process, f *openFile) {
	f.kind = otherFile
	w.path = append(append(w.path[:0], fdPath(v, f)...), 0)
	w.classify(w.host.ProcFD(), f)
}

// fdPath returns the path of a descriptor's link, from /proc.
func fdPath(v *Process, f *openFile) string { return host.FDPath(v.pid, f.tid, f.fd)[len("/proc/"):] }

// keeps takes an open namespace file. One of a mount namespace may be all that
// keeps the mounts in it.
func (w *Worker) keeps(t ns.Type, inode uint64, h ns.Holder) {
	if w.wants(t) {
		w.found(record.Key{Type: t, Inode: inode}, h)
	} else if t == ns.Mnt {
		w.findings = append(w.findings, finding{key: record.Key{Type: t, Inode: inode}, holder: h, pin: true})
	}
}

// namespaceOfFile identifies an open namespace file: by its link where that has the name
// that nsfs gives its files (ns_dname, fs/nsfs.c, 6.18). One that was opened by way of a
// mount has a path there, which begins with a slash (d_path, fs/d_path.c), and is opened,
// with O_PATH first: by now the descriptor may be of a file that blocks whoever opens it.
// Types are not kept by inode, which may be another namespace's a moment later.
func (w *Worker) namespaceOfFile(v *Process, f *openFile) (ns.Type, uint64, error) {
	name := fdPath(v, f)
	w.path = append(append(w.path[:0], name...), 0)
	if n, errno := readlinkat(w.host.ProcFD(), w.path, w.link[:]); errno == 0 {
		if t, inode, ok := ns.ParseLink(string(w.link[:n])); ok {
			return t, inode, nil
		}
	}
	fd, err := w.host.OpenProc(name, unix.O_PATH)
	if err != nil {
		return 0, 0, err
	}
	defer unix.Close(fd)
	return nsfs.Identify(fd)
}

// readFiles fills v.files. Reading the descriptors of another user's process
// needs CAP_SYS_PTRACE over it (fs/proc/fd.c, proc_fd_permission, 6.18).
func (w *Worker) readFiles(v *Process) {
	if v.filesKnown {
		return
	}
	v.filesKnown = true
	w.readOwn(v)
	if v.denied {
		return // noted by the source process
	}
	shared := w.readTable(v, 0, nil)
	v.files = append(v.files, shared...)
	for _, tid := range w.threads(v) {
		if tid != v.pid && !w.sharesTable(v.pid, tid) {
			v.files = append(v.files, w.readTable(v, tid, v.files)...)
		}
	}
}

// sharesTable reports whether a thread certainly uses the descriptors that its
// process's first thread uses. It needs CONFIG_KCMP, and as much privilege as
// reading the descriptors. A first thread that has ended shares nothing.
func (w *Worker) sharesTable(pid, tid ns.TaskID) bool {
	process, own := w.host.Own(pid)
	thread, _ := w.host.Own(tid)
	return own && kernel.SharesFiles(process, thread)
}

// readTable lists what can keep a namespace in one descriptor table: of the
// process, or of one of its threads. Entries of known with the same number and
// file are left out: without kcmp(2), equal tables are taken for one.
func (w *Worker) readTable(v *Process, tid ns.TaskID, known []openFile) []openFile {
	pid := v.pid
	dir := pid.String() + "/fd"
	if tid != 0 {
		dir = fmt.Sprintf("%d/task/%d/fd", pid, tid)
	}
	fd, err := unix.Openat(w.host.ProcFD(), dir, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		if !host.IsGone(err) && !w.gone(pid) {
			w.gap("fd", "/proc/"+dir, err)
		}
		return nil
	}
	var files []openFile
	defer func() {
		if len(files) == 0 || !v.pin(fd, statBeside(tid)) {
			unix.Close(fd)
		}
	}()
	for {
		n, err := unix.Getdents(fd, w.buffer())
		if err != nil || n == 0 {
			if err != nil && !host.IsGone(err) {
				w.gap("fd", "/proc/"+dir, err)
			}
			return files
		}
		w.fds = host.NumericEntries(w.fds[:0], w.dirents[:n], unix.DT_LNK)
		for _, number := range w.fds {
			f := openFile{tid: tid, fd: number}
			w.path = append(strconv.AppendInt(w.path[:0], int64(number), 10), 0)
			if w.classify(fd, &f); f.kind != otherFile && !slices.ContainsFunc(known, f.same) {
				files = append(files, f)
			}
		}
	}
}

func (f openFile) same(g openFile) bool { return f.fd == g.fd && f.inode == g.inode }

// classify looks at what a descriptor, whose link is at w.path below dir, is open on, and at
// the link's text only where that is the same for all files of a kind: a namespace file
// opened through a bind mount reads as that mount's path, and as "/" once it is
// unmounted. AT_STATX_DONT_SYNC keeps a dead file server out of it.
func (w *Worker) classify(dir int, f *openFile) {
	_, _, errno := unix.RawSyscall6(unix.SYS_STATX, uintptr(dir), uintptr(unsafe.Pointer(&w.path[0])),
		unix.AT_STATX_DONT_SYNC|unix.AT_NO_AUTOMOUNT, unix.STATX_TYPE|unix.STATX_INO, uintptr(unsafe.Pointer(&w.stx)), 0)
	if errno != 0 {
		return // closed meanwhile
	}
	f.inode = w.stx.Ino
	dev := unix.Mkdev(w.stx.Dev_major, w.stx.Dev_minor)
	f.kind = w.kindOf(w.stx.Mode, dev, unix.Mkdev(w.stx.Rdev_major, w.stx.Rdev_minor))
	switch {
	case f.kind != otherFile:
	case w.anon == file{dev, f.inode}:
		f.kind = kindByLink(w.linkText(dir))
	case w.stx.Mode&unix.S_IFMT == unix.S_IFREG && dev == w.proc && f.inode >= firstDynamic:
		if f.name = netName(w.linkText(dir)); f.name != "" {
			f.kind = netFile
		}
	}
}

// linkText returns the text of the link at w.path below dir, "" if it is gone.
func (w *Worker) linkText(dir int) string {
	n, errno := readlinkat(dir, w.path, w.link[:])
	if errno != 0 {
		return ""
	}
	return string(w.link[:n])
}

// kindOf returns what kind of file has a mode, is on a device and, if it is a device
// itself, of a number.
func (s *walker) kindOf(mode uint16, dev, rdev uint64) fileKindOf {
	const tunMajor, tunMinor = 10, 200 // include/linux/miscdevice.h, TUN_MINOR
	switch mode &= unix.S_IFMT; {
	case mode == unix.S_IFSOCK:
		return socketFile
	case mode == unix.S_IFCHR && rdev == unix.Mkdev(tunMajor, tunMinor):
		return tunFile
	case dev == s.nsfs:
		return nsFile
	}
	return otherFile
}

// anonymous returns the inode that all anonymous files share (alloc_anon_inode,
// fs/anon_inodes.c), or nothing if no such file can be made.
func anonymous() file {
	fd, err := unix.Eventfd(0, unix.EFD_CLOEXEC)
	if err != nil {
		return file{}
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return file{}
	}
	return file{st.Dev, st.Ino}
}
