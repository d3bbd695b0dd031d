// SPDX-License-Identifier: Apache-2.0

package procscan

import (
	"errors"
	"fmt"
	"slices"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/internal/host"
	"github.com/nsinspect/nsinspect/internal/kernel"
	"github.com/nsinspect/nsinspect/internal/nsfs"
	"github.com/nsinspect/nsinspect/internal/record"
	"github.com/nsinspect/nsinspect/pkg/ns"
)

// Sockets finds the sockets and tun files of a process that are of another
// network namespace than the process. A socket stays in the namespace it was
// made in, wherever its process goes, and keeps it alive.
//
// The kernel shows the namespace of a socket only to a process that has it open, so
// each is duplicated for a moment: pidfd_getfd needs CAP_SYS_PTRACE over the process
// (PTRACE_MODE_ATTACH_REALCREDS), SIOCGSKNS needs CAP_NET_ADMIN over the
// namespace. On a machine that classifies traffic by cgroup v1 (net_cls,
// net_prio), receiving a socket takes it to the receiver's class
// (net/core/sock.c, __receive_sock, 6.18): the bpf engine borrows nothing.
func Sockets(w *Worker, v *Process) {
	if !w.wants(ns.Net) {
		return
	}
	w.readFiles(v)
	if !slices.ContainsFunc(v.files, func(f openFile) bool { return f.kind == socketFile || f.kind == tunFile }) {
		return
	}
	b := duplicator{w: w, pid: v.pid, pidfds: map[ns.TaskID]int{}, trusted: w.host.ProcessAuthority(v.pid).Trusted}
	defer b.close()
	if !b.trusted && !b.askAhead(v) {
		return
	}
	for i := range v.files {
		b.visit(v, &v.files[i])
	}
}

// visit takes the namespace of a socket or tun file, if that is not the process's. A
// descriptor that is another file by now is looked at again.
func (b *duplicator) visit(v *Process, f *openFile) {
	for range looks {
		if f.kind != socketFile && f.kind != tunFile {
			return
		}
		h, inode, err := b.inspect(f)
		if err != errReplaced {
			b.take(v, f, h, inode, err)
			return
		}
		if b.w.lookAgain(v, f); v.nsFiles {
			b.w.visitFile(v, f)
		}
	}
}

// take takes what a file was found to hold, or why that could not be read.
func (b *duplicator) take(v *Process, f *openFile, h ns.Holder, inode uint64, err error) {
	if err == nil && inode != v.own[ns.Net] {
		b.w.found(record.Key{Type: ns.Net, Inode: inode}, h)
	} else if err != nil && !host.IsGone(err) && !errors.Is(err, unix.EBADF) && !b.reported {
		b.reported = true // one gap a process is enough
		b.w.gap("socket", host.FDPath(v.pid, f.tid, f.fd), host.Cause(err))
	}
}

// ErrForeignTaskIDs is the gap of a source that needs process IDs of the caller's own
// PID namespace, where the procfs is of another.
var ErrForeignTaskIDs = errors.New("process IDs in /proc are those of another PID namespace")

// ErrNoProcfs is the gap of /proc on a running machine where that has nothing of the kernel's.
var ErrNoProcfs = errors.New("no procfs is mounted on it")

// errReplaced is the error for a descriptor that is no socket or tun file any more.
var errReplaced = errors.New("it is another file by now")

// duplicator duplicates files of one process.
type duplicator struct {
	w        *Worker
	pid      ns.TaskID
	trusted  bool              // the process is root's, or of whoever runs this program
	known    map[fileOf]answer // of one that is not
	pidfds   map[ns.TaskID]int // by thread; 0 is the process
	reported bool
}

func (b *duplicator) close() {
	for _, fd := range b.pidfds {
		unix.Close(fd)
	}
}

// pidfd returns a pidfd of the process, or of one of its threads (since 6.9).
func (b *duplicator) pidfd(tid ns.TaskID) (int, error) {
	if fd, ok := b.pidfds[tid]; ok {
		return fd, nil
	}
	open, task := kernel.OpenPidfd, b.pid
	if tid != 0 {
		open, task = kernel.OpenThreadPidfd, tid
	}
	own, ok := b.w.host.Own(task)
	if !ok {
		return -1, ErrForeignTaskIDs
	}
	fd, err := open(own)
	if err != nil {
		return -1, err
	}
	b.pidfds[tid] = fd
	return fd, nil
}

// inspect returns what a file holds, of whichever kind it is by now. A helper duplicates those of
// a process that is not trusted: what is there by then may be a file on FUSE, which
// waits without end when it is closed, and cannot be killed (fs/fuse/file.c, fuse_flush, 6.18).
func (b *duplicator) inspect(f *openFile) (ns.Holder, uint64, error) {
	if b.trusted {
		return b.duplicate(f)
	}
	at := fileOf{f.tid, f.fd}
	a, known := b.known[at]
	delete(b.known, at) // it is asked about again, if again
	if !known {
		answers, err := b.ask([]*openFile{f})
		if err != nil {
			return ns.Holder{}, 0, err
		}
		a = answers[0]
	}
	return a.take(b.pid, f)
}

// duplicate duplicates a file and returns what it holds.
func (b *duplicator) duplicate(f *openFile) (ns.Holder, uint64, error) {
	h := ns.Holder{Kind: ns.KindSocket, PID: b.pid, TID: f.tid, FD: int32(f.fd)}
	pidfd, err := b.pidfd(f.tid)
	if err != nil {
		return h, 0, err
	}
	fd, err := unix.PidfdGetfd(pidfd, f.fd, 0)
	if err != nil {
		return h, 0, err
	}
	defer unix.Close(fd)
	kind, err := b.w.kindOfOpen(fd)
	if err != nil {
		return h, 0, err
	}
	if kind != socketFile && kind != tunFile {
		return h, 0, errReplaced
	}
	inode, err := b.w.netOf(fd)
	if err != nil {
		return h, 0, err
	}
	if kind == tunFile {
		h.Kind = ns.KindTun
		device, err := tunDevice(fd)
		h.Socket = ns.NewSocket(ns.SocketWords{Device: device})
		return h, inode, err
	}
	family, typ, err := socketKind(fd)
	h.Socket = ns.NewSocket(ns.SocketWords{Family: family, Type: typ})
	return h, inode, err
}

// kindOfOpen returns the kind of an open file.
func (s *walker) kindOfOpen(fd int) (fileKindOf, error) {
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return otherFile, fmt.Errorf("stat duplicate: %w", err)
	}
	return s.kindOf(uint16(st.Mode), st.Dev, st.Rdev), nil
}

// netOf returns the inode of the namespace that a socket or tun file is of. The
// cookie (SO_NETNS_COOKIE, since 5.14) is cheaper to ask for, and mostly known.
func (w *Worker) netOf(fd int) (uint64, error) {
	cookie := nsfs.SocketCookie(fd)
	if inode, ok := w.cookies[cookie]; ok {
		return inode, nil
	}
	ns, err := unix.IoctlRetInt(fd, unix.SIOCGSKNS)
	if err != nil {
		return 0, fmt.Errorf("get namespace of socket: %w", err)
	}
	defer unix.Close(ns)
	var st unix.Stat_t
	if err := unix.Fstat(ns, &st); err != nil {
		return 0, fmt.Errorf("stat namespace of socket: %w", err)
	}
	if cookie != 0 {
		w.cookies[cookie] = st.Ino
	}
	return st.Ino, nil
}

func socketKind(fd int) (family, typ string, err error) {
	domain, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_DOMAIN)
	if err != nil {
		return "", "", fmt.Errorf("get socket family: %w", err)
	}
	number, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TYPE)
	if err != nil {
		return "", "", fmt.Errorf("get socket type: %w", err)
	}
	return SocketFamily(domain), SocketType(number), nil
}

// SocketFamily names an address family as ss(8) and lsfd(1) do.
func SocketFamily(domain int) string {
	names := map[int]string{
		unix.AF_INET: "inet", unix.AF_INET6: "inet6", unix.AF_UNIX: "unix", unix.AF_NETLINK: "netlink",
		unix.AF_PACKET: "packet", unix.AF_VSOCK: "vsock", unix.AF_XDP: "xdp", unix.AF_ALG: "alg",
	}
	if name, ok := names[domain]; ok {
		return name
	}
	return "family " + strconv.Itoa(domain)
}

// SocketType names a socket type.
func SocketType(number int) string {
	names := map[int]string{
		unix.SOCK_STREAM: "stream", unix.SOCK_DGRAM: "dgram", unix.SOCK_RAW: "raw", unix.SOCK_SEQPACKET: "seqpacket",
	}
	if name, ok := names[number]; ok {
		return name
	}
	return "type " + strconv.Itoa(number)
}

// tunDevice returns the name of the device that a tun file is attached to, "" if
// to none.
func tunDevice(fd int) (string, error) {
	ifr, err := unix.NewIfreq("")
	if err != nil {
		return "", fmt.Errorf("make interface request: %w", err)
	}
	err = unix.IoctlIfreq(fd, unix.TUNGETIFF, ifr)
	if errors.Is(err, unix.EBADFD) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("get tun device: %w", err)
	}
	return ifr.Name(), nil
}
