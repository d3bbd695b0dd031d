// SPDX-License-Identifier: Apache-2.0

//go:build amd64 || arm64

package bpfreader

import (
	"errors"
	"fmt"
	"io"
	"net/netip"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// bufferBytes is more than the 32 KiB that one read of an iterator returns with
// pages of 4 KiB (bpf_seq_read in kernel/bpf/bpf_iter.c).
const bufferBytes = 64 << 10

// buffer has room for whole records only, so that no read ends inside one.
func buffer[T any]() []T {
	var t T
	return make([]T, bufferBytes/unsafe.Sizeof(t))
}

// drain reads records into buf until the end of the stream and calls each with every
// one. It returns their number. A read that ends inside a record is an error.
func drain[T any](stream io.Reader, buf []T, each func(*T)) (uint64, error) {
	size := int(unsafe.Sizeof(buf[0]))
	raw := rawBytes(buf)
	var got uint64
	for {
		n, err := stream.Read(raw)
		if n%size != 0 {
			return got, fmt.Errorf("read %d bytes of records of %d: %w", n, size, io.ErrUnexpectedEOF)
		}
		for i := range n / size {
			each(&buf[i])
		}
		got += uint64(n / size)
		switch {
		case errors.Is(err, io.EOF):
			return got, nil
		case errors.Is(err, unix.EAGAIN), errors.Is(err, unix.EINTR):
			// A million elements without a record (MAX_ITER_OBJECTS in
			// kernel/bpf/bpf_iter.c, 5.9): the next read continues.
		case err != nil:
			return got, fmt.Errorf("read records: %w", err)
		}
	}
}

// Index into Task.NS.
const (
	NSNet          = int(scanNsIndexNS_NET)
	NSMnt          = int(scanNsIndexNS_MNT)
	NSUser         = int(scanNsIndexNS_USER)
	NSPID          = int(scanNsIndexNS_PID)
	NSIPC          = int(scanNsIndexNS_IPC)
	NSUTS          = int(scanNsIndexNS_UTS)
	NSCgroup       = int(scanNsIndexNS_CGROUP)
	NSTime         = int(scanNsIndexNS_TIME)
	NSPIDChildren  = int(scanNsIndexNS_PID_CHILDREN)
	NSTimeChildren = int(scanNsIndexNS_TIME_CHILDREN)
	NSCount        = int(scanNsIndexNS_COUNT)
)

// Task is one thread. Its IDs are those of the reader's PID namespace.
type Task struct {
	PID, TID, PPID int           // PPID is 0 if the parent is outside that namespace
	UID            uint32        // real, in the initial user namespace
	Start          time.Duration // of the thread, since boot, suspend included
	Born           time.Duration // of its process, as /proc/PID/stat shows it to the reader: in its time namespace
	NS             [NSCount]uint32
	NetCookie      uint64 // 0 before Linux 5.12
	NSProxy        Object // what has all of NS but the user namespace, for one or several tasks
	Comm           [16]byte
	Kthread        bool // a kernel thread
	Exited         bool // a zombie, or an exited leader of threads that run
	Left           bool // has given up its namespaces: NS has the user namespace only
	HasRings       bool // has registered io_uring instances with itself: see Rings
}

// Command returns the task's name, at most 15 bytes of any value but NUL.
func (t *Task) Command() string { return cString(t.Comm[:]) }

func (t *Task) set(r *scanTaskRecord) {
	flags := scanTaskFlag(r.Flags)
	*t = Task{
		PID: int(r.Pid), TID: int(r.Tid), PPID: int(r.Ppid), UID: r.Uid,
		Start: time.Duration(r.Start), Born: time.Duration(r.Born), NS: r.Ns, NetCookie: r.NetCookie, NSProxy: Object(r.Nsproxy), Comm: r.Comm,
		Kthread:  flags&scanTaskFlagTASK_KTHREAD != 0,
		Exited:   flags&scanTaskFlagTASK_EXITED != 0,
		Left:     flags&scanTaskFlagTASK_LEFT != 0,
		HasRings: flags&scanTaskFlagTASK_HAS_RINGS != 0,
	}
}

// Object identifies something in the kernel that has a reference of its own to a
// namespace, while it exists. It is an address there, which is never shown.
type Object uint64

// Kind is the kind of a file.
type Kind uint16

// The kinds.
const (
	KindNSFS          = Kind(scanFileKindFILE_NSFS)           // a namespace file, whatever path opened it
	KindSocket        = Kind(scanFileKindFILE_SOCKET)         // a socket
	KindTun           = Kind(scanFileKindFILE_TUN)            // /dev/net/tun, or /dev/tapN of a macvtap or ipvtap device
	KindDetachedMount = Kind(scanFileKindFILE_DETACHED_MOUNT) // a detached mount of another file system: see DetachedMounts
	KindProcNet       = Kind(scanFileKindFILE_PROC_NET)       // a file of /proc/PID/net
	KindFSContext     = Kind(scanFileKindFILE_FS_CONTEXT)     // of fsopen
	KindBPFIter       = Kind(scanFileKindFILE_BPF_ITER)       // a BPF iterator over what is in one network namespace
	KindInotify       = Kind(scanFileKindFILE_INOTIFY)        // with Options.Account: its fdinfo has what it watches
	KindFanotify      = Kind(scanFileKindFILE_FANOTIFY)       // the same
)

// Flags are properties of a File.
type Flags uint32

// The flags.
const (
	OPath      = Flags(scanFileFlagFILE_O_PATH)     // opened with O_PATH
	Detached   = Flags(scanFileFlagFILE_DETACHED)   // a detached mount of nsfs (open_tree)
	Unmounted  = Flags(scanFileFlagFILE_UNMOUNTED)  // an unmounted mount that is still in use
	Listening  = Flags(scanFileFlagFILE_LISTENING)  // a listening unix socket
	Queued     = Flags(scanFileFlagFILE_QUEUED)     // a unix socket with messages in its receive queue
	OwnNS      = Flags(scanFileFlagFILE_OWN_NS)     // refers to the namespace that its task is in
	Registered = Flags(scanFileFlagFILE_REGISTERED) // in Slot of the io_uring that FD or Address is
	Embryo     = Flags(scanFileFlagFILE_EMBRYO)     // in an unaccepted connection, or one itself: Socket is 0
	Sender     = Flags(scanFileFlagFILE_SENDER)     // from InFlight: a closed socket that has sent a message which is in Queue
	Request    = Flags(scanFileFlagFILE_REQUEST)    // from Requests: of io_uring
	AIO        = Flags(scanFileFlagFILE_AIO)        // from Requests: of aio
	InMapping  = Flags(scanFileFlagFILE_MAPPED)     // mapped at Address, or Registered with what is
	ClosedPeer = Flags(scanFileFlagFILE_PEER)       // from ClosedPeers: a closed socket that the one at FD is connected to
)

// File is one reference from a file to a namespace. The file is a descriptor, mapped,
// in flight, or a mount.
type File struct {
	Kind      Kind
	Flags     Flags
	Namespace uint32 // inode of the namespace
	Type      uint32 // CLONE_NEW* flag of its type
	Cookie    uint64 // of a network namespace; 0 before Linux 5.12
	Object    Object // of a descriptor or file in flight: what has the reference, the same in each copy; of KindNSFS the open file
	Beside    Object // what it keeps that refers to the namespace too: of KindNSFS a mount that only such files keep, of a unix socket its peer; 0 if there is none

	PID, TID int           // of the task; 0 in flight
	Born     time.Duration // when its process started, as in Task; 0 in flight
	FD       int           // descriptor; -1 mapped or in flight
	Slot     int           // in the io_uring; -1 if not Registered
	Address  uint64        // mapped: address
	TaskNS   uint32        // network namespace of the task; 0 in flight or given up

	Socket                     uint64 // the socket's inode; 0 if it is none
	Family, SockType, Protocol uint16
	Backlog                    int // of a listening inet socket: connections to accept, each of which has a reference too; of an MPTCP socket also its subflows

	Device   [16]byte // tun: its device, if it has one
	DeviceNS uint32   // tun: network namespace of that device

	Queue   uint64 // in flight: inode of the unix socket in whose queue it is; 0 if unknown
	QueueNS uint32 // in flight: network namespace of that socket

	State int            // from Closing: that of the connection (enum in include/net/tcp_states.h)
	Peer  netip.AddrPort // from Closing: its other end

	Mount int // mount ID: of KindDetachedMount, and from DetachedMounts
	Tree  int // from DetachedMounts: ID of the mount at the root of its tree; 0 if unmounted
}

// DeviceName returns the name of a tun file's device, "" if it has none.
func (f *File) DeviceName() string { return cString(f.Device[:]) }

func (f *File) set(r *scanFileRecord) {
	*f = File{
		Kind: Kind(r.Kind), Flags: Flags(r.Flags),
		Namespace: r.Ns, Type: r.Type, Cookie: r.Cookie, Object: Object(r.Object), Beside: Object(r.Beside),
		PID: int(r.Pid), TID: int(r.Tid), Born: time.Duration(r.Born), FD: int(r.Fd), Slot: int(r.Slot), TaskNS: r.TaskNs,
		Socket: r.Socket, Family: r.Family, SockType: r.Socktype, Protocol: r.Protocol,
		Device: r.Device, Mount: int(r.Mount),
	}
	if f.Flags&InMapping != 0 {
		f.Address = r.Location
	}
	switch f.Kind {
	case KindTun:
		f.DeviceNS = r.OtherNs
	case KindSocket:
		f.Backlog = int(r.OtherNs)
	}
}

// setOwn fills in one of the sockets that are in r.
func (f *File) setOwn(r *scanOwnRecord, object uint64) {
	*f = File{Kind: KindSocket, Flags: OwnNS, Namespace: r.Ns, Type: unix.CLONE_NEWNET, Object: Object(object), FD: -1, Slot: -1, TaskNS: r.Ns}
}

// Net is one network namespace on the kernel's list.
type Net struct {
	Inode   uint32
	Cookie  uint64 // 0 before Linux 5.12
	Refs    int    // references; 0 if it is dying
	Opened  int    // how many open files and mounts its nsfs file has, which together have one of Refs; 0 if it has none
	Watched int    // what else has that file's inode, without it being open: watches of inotify and fanotify
	UserNS  uint32 // inode of the user namespace that owns it
	UID     uint32 // of that namespace's creator, in the initial user namespace
	Rings   bool   // it has packet or XDP sockets
}

func cString(b []byte) string {
	for i, c := range b {
		if c == 0 {
			return string(b[:i])
		}
	}
	return string(b)
}
