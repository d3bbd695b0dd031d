// SPDX-License-Identifier: Apache-2.0

package ns

import "time"

// Holder is one reason the kernel keeps a namespace alive. Fields that do not
// belong to its kind are zero.
type Holder struct {
	Kind    Kind
	Covered bool     // of a mount: another one lies over it, so that its path does not reach it
	Along   Along    // of a mount: what it goes away with
	Via     Via      // how it holds, where that is not what is usual
	PID     TaskID   // the process; for a mount one in its mount namespace, 0 if none is known
	TID     TaskID   // the thread, for KindThread, for a file in a thread's own table, and for a mount in the mount namespace of a thread alone
	FD      int32    // for KindFD, KindSocket, KindTun, and KindInflight: of the socket it waits in; -1 if none
	Socket  Socket   // for KindSocket, KindTun and KindMmap, and for what a socket keeps
	Refs    int32    // for KindKernel: how many references nothing visible explains, 0 if that is unknown
	MountID int32    // for KindMount, as in mountinfo
	Path    string   // the mount point, for KindMount, in its mount namespace; "" if that one's root does not lead to it
	MountNS uint64   // inode of the mount namespace the mount is in, 0 if unknown
	Pin     *Holder  // for a mount in a mount namespace without processes: what keeps that alive, if known
	Process *Process // details of PID, where they were asked for (see Describe)

	// Born is when PID started, after boot: PIDs are given again, and the two together
	// are one process. It is of when the holder was found; for a process in the
	// namespace it may be 0 until Process is read. 0 if it is unknown.
	Born time.Duration

	// Child is, for KindChild, a namespace that this one owns or is the parent of, with all
	// that holds it.
	Child *Namespace

	// Authority is of a mount: who can change what is mounted there. A mount in a
	// mount namespace that a user owns is that user's.
	Authority Authority
}

// Along is what a mount of a namespace goes away with, beside its mount namespace.
type Along uint8

// What there is.
const (
	Alone     Along = iota
	AlongOver       // the one its path reaches, by propagation, which made this one covered below that
	AlongPeer       // another mount of the namespace that a path reaches, by propagation, in whatever mount namespace
	AlongFile       // the file that it is on, which another mount of the namespace in our own mount namespace is on
)

// Watches reports whether the holder is a watch on the namespace's file.
func (h *Holder) Watches() bool { return h.Via == ViaInotify || h.Via == ViaFanotify }

// Closing reports whether the holder is a TCP connection that no process has any more.
// It goes by itself.
func (h *Holder) Closing() bool { return h.Socket != (Socket{}) && h.Socket.Words().State != "" }

// Lone reports whether a mount is in no mount namespace.
func (h *Holder) Lone() bool { return h.Via == ViaDetached || h.Via == ViaUnmounted }

// Process is what a user needs to recognise a process.
type Process struct {
	PID     TaskID
	Comm    string
	Cmdline []string  // empty for a kernel thread; the last one ends with "…" if there is more than 64 KiB
	UID     int       // effective; -1 if unreadable
	Started time.Time // of the thread, for a holder with TID; zero if unreadable

	Born time.Duration // when PID started, after boot; 0 if unknown
}

// SortHolders sorts holders as they are shown. It compares them where they are:
// there can be a hundred thousand.
type SortHolders []Holder

func (b SortHolders) Len() int      { return len(b) }
func (b SortHolders) Swap(i, j int) { b[i], b[j] = b[j], b[i] }
func (b SortHolders) Less(i, j int) bool {
	x, y := &b[i], &b[j]
	switch {
	case x.Kind != y.Kind:
		return x.Kind < y.Kind
	case x.PID != y.PID:
		return x.PID < y.PID
	case x.TID != y.TID:
		return x.TID < y.TID
	case x.FD != y.FD:
		return x.FD < y.FD
	case x.Path != y.Path:
		return x.Path < y.Path
	case x.MountNS != y.MountNS:
		return x.MountNS < y.MountNS
	case x.MountID != y.MountID:
		return x.MountID < y.MountID
	case x.Child != nil && y.Child != nil:
		return x.Child.before(y.Child)
	}
	return x.Via < y.Via // in the order of their names
}

// IsTask reports whether the holder is a task in the namespace, not a thing that
// a task has.
func (h *Holder) IsTask() bool { return h.Kind == KindProcess || h.Kind == KindThread }
