// SPDX-License-Identifier: Apache-2.0

//go:build amd64 || arm64

package bpfreader

import (
	"errors"
	"fmt"
	"io"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// bufferBytes is more than the 32 KiB that one read of an iterator returns with
// pages of 4 KiB (bpf_seq_read in kernel/bpf/bpf_iter.c).
const bufferBytes = 64 << 10

// buffer makes room for whole records only, so that no read ends inside one.
func buffer[T any]() []T {
	var t T
	return make([]T, bufferBytes/unsafe.Sizeof(t))
}

// drain reads records into buf until the end of the stream and hands each to
// the caller. It returns how many there were. A read that ends inside a record
// is an error.
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
			// kernel/bpf/bpf_iter.c, 5.9): the next read goes on.
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

// Task is one thread. Numbers of tasks are those of the reader's pid namespace.
type Task struct {
	PID, TID, PPID int           // PPID is 0 if the parent is outside that namespace
	UID            uint32        // real, as the initial user namespace numbers it
	Start          time.Duration // since boot, suspend included
	NS             [NSCount]uint32
	NetCookie      uint64 // 0 before Linux 5.12
	Comm           [16]byte
	Kthread        bool // a thread of the kernel
	Exited         bool // a zombie, or a dead leader whose threads live on
	Left           bool // has given its namespaces up: NS has the user namespace only
}

// Command returns the task's name, of at most 15 bytes, as the kernel has it:
// any bytes but NUL.
func (t *Task) Command() string { return cString(t.Comm[:]) }

func (t *Task) set(r *scanTaskRec) {
	flags := scanTaskFlag(r.Flags)
	*t = Task{
		PID: int(r.Pid), TID: int(r.Tid), PPID: int(r.Ppid), UID: r.Uid,
		Start: time.Duration(r.Start), NS: r.Ns, NetCookie: r.NetCookie, Comm: r.Comm,
		Kthread: flags&scanTaskFlagTASK_KTHREAD != 0,
		Exited:  flags&scanTaskFlagTASK_EXITED != 0,
		Left:    flags&scanTaskFlagTASK_LEFT != 0,
	}
}

// Kind is what sort of file keeps a namespace.
type Kind uint16

// The kinds.
const (
	KindNSFS   = Kind(scanFileKindFILE_NSFS)   // a namespace file, by whatever path
	KindSocket = Kind(scanFileKindFILE_SOCKET) // a socket
	KindTun    = Kind(scanFileKindFILE_TUN)    // /dev/net/tun
	KindTree   = Kind(scanFileKindFILE_TREE)   // a detached mount, of no namespace: LoneMounts tells what is below
)

// Flags says more of a File.
type Flags uint32

// The flags.
const (
	Path       = Flags(scanFileFlagFILE_PATH)       // opened with O_PATH
	Detached   = Flags(scanFileFlagFILE_DETACHED)   // a mount by open_tree that is in no mount tree
	Unmounted  = Flags(scanFileFlagFILE_UNMOUNTED)  // a mount that is in no mount tree any more
	Listening  = Flags(scanFileFlagFILE_LISTENING)  // a unix socket that listens
	Queued     = Flags(scanFileFlagFILE_QUEUED)     // a unix socket with messages to receive
	Own        = Flags(scanFileFlagFILE_OWN)        // keeps what its task is in
	Registered = Flags(scanFileFlagFILE_REGISTERED) // in Slot of the io_uring that FD or Address is
	Embryo     = Flags(scanFileFlagFILE_EMBRYO)     // in a connection that is not accepted yet, or that itself: Socket is 0
)

// File is one reference to one namespace by one file, which is open as a
// descriptor, mapped, or in flight.
type File struct {
	Kind      Kind
	Flags     Flags
	Namespace uint32 // inode of the namespace kept
	Type      uint32 // CLONE_NEW* flag of its type
	Cookie    uint64 // of a network namespace; 0 before Linux 5.12

	PID, TID int    // who has it; 0 in flight
	FD       int    // descriptor; -1 mapped or in flight
	Slot     int    // in the io_uring; -1 if not Registered
	Address  uint64 // mapped: where
	TaskNS   uint32 // network namespace of the task; 0 in flight or given up

	Socket                     uint64 // the socket's inode; 0 if it is none
	Family, SockType, Protocol uint16

	Device   [16]byte // tun: its device, if it is attached to one
	DeviceNS uint32   // tun: where that device is

	Queue   uint64 // in flight: inode of the unix socket that it waits in; 0 unknown
	QueueNS uint32 // in flight: network namespace of that socket

	Mount int // ID of the mount that it is: of KindTree, and from LoneMounts
	Tree  int // from LoneMounts: ID of the mount at the top of its tree; 0 if unmounted
}

// DeviceName returns the name of a tun file's device, "" if it has none.
func (f *File) DeviceName() string { return cString(f.Device[:]) }

func (f *File) set(r *scanFileRec) {
	*f = File{
		Kind: Kind(r.Kind), Flags: Flags(r.Flags),
		Namespace: r.Ns, Type: r.Type, Cookie: r.Cookie,
		PID: int(r.Pid), TID: int(r.Tid), FD: int(r.Fd), Slot: int(r.Slot), TaskNS: r.TaskNs,
		Socket: r.Socket, Family: r.Family, SockType: r.Socktype, Protocol: r.Protocol,
		Device: r.Device, Mount: int(r.Mount),
	}
	if f.Kind == KindTun {
		f.DeviceNS = r.OtherNs
	}
}

// Net is one network namespace on the kernel's list.
type Net struct {
	Inode  uint32
	Cookie uint64 // 0 before Linux 5.12
	Refs   int    // references; 0 if it is dying
	UserNS uint32 // inode of the user namespace that owns it
	UID    uint32 // who made that user namespace, as the initial one numbers it
}

func cString(b []byte) string {
	for i, c := range b {
		if c == 0 {
			return string(b[:i])
		}
	}
	return string(b)
}
