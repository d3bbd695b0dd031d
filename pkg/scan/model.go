// SPDX-License-Identifier: Apache-2.0

package scan

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// Namespace is one kernel namespace and every reason found for it to be alive.
type Namespace struct {
	Type     Type
	Inode    uint64   // nsfs inode; the kernel reuses it once the namespace is gone
	Cookie   uint64   // of a network namespace; never reused in one boot; 0 if unknown
	UserNS   uint64   // inode of the user namespace that owns it, of a user namespace its parent; 0 if unknown
	OwnerUID int      // who made that user namespace, or this one if it is one; -1 if unknown
	NSID     *int     // the ID of a network namespace in this process's own; nil if it has none or that is unknown
	Initial  bool     // the namespace the kernel started with: the host's own
	Names    []Name   // sorted by path
	Holders  []Holder // sorted by kind, PID, TID, FD, path
	Threads  int      // tasks in it beyond one a process
	Leader   *Process // the oldest process in it; nil if it has none
	Age      Age      // since when it is there, where details were asked for
	Links    []Link   // of a network namespace, by index; nil if they were not read (pkg/links)
}

// String returns the kernel's own text for the namespace, "net:[4026531833]".
func (n *Namespace) String() string { return FormatLink(n.Type, n.Inode) }

// Count returns how many holders of one kind the namespace has.
func (n *Namespace) Count(k Kind) int {
	c := 0
	for i := range n.Holders {
		if n.Holders[i].Kind == k {
			c++
		}
	}
	return c
}

// Counts returns how many holders of each kind the namespace has, by kind.
func (n *Namespace) Counts() []int {
	counts := make([]int, numKinds)
	for i := range n.Holders {
		counts[n.Holders[i].Kind]++
	}
	return counts
}

// Processes returns how many processes are in the namespace. One that only has
// it in store for its future children holds it and is not in it.
func (n *Namespace) Processes() int {
	c := 0
	for i := range n.Holders {
		if h := &n.Holders[i]; h.Kind == KindProcess && h.Via == "" {
			c++
		}
	}
	return c
}

// Name is a file in a names directory that refers to a namespace.
type Name struct {
	Name   string // the last element of Path
	Path   string // as seen from the scanned root
	Kind   NameKind
	Target string    // of a symlink: its text
	Made   time.Time // when it became a name: see made; zero if unknown
}

// NameKind is how a name refers to its namespace.
type NameKind string

// The kinds of names.
const (
	NameMount   NameKind = "mount"   // a bind mount: keeps the namespace alive
	NameSymlink NameKind = "symlink" // does not
	NameFile    NameKind = "file"    // a plain file, which is no namespace
)

// Stray is an entry of a names directory that refers to no namespace of the
// types asked for.
type Stray struct {
	Path   string
	Kind   NameKind  // "" for what is neither symlink nor plain file
	Reason string    // "a symlink to /proc/42/ns/net, which does not exist"
	Target string    // of a symlink: its text
	Made   time.Time // when it was made, or last changed hands; zero if unknown

	// Of a plain file: the mounts of namespaces on it, in any mount namespace that
	// was read, and whether those were compared with it at all.
	Pins     []Pin
	Compared bool
}

// Pin is a mount of a namespace on a file that is, to us, a plain one.
type Pin struct {
	Type  Type
	Inode uint64
	Mount Holder // its Path is the one in its own mount namespace
}

// Holder is one reason the kernel keeps a namespace alive. Fields that do not
// belong to its kind are zero.
type Holder struct {
	Kind    Kind
	PID     int      // the process; for a mount one that sees it, 0 if none is known
	TID     int      // the thread, for KindThread, for a file in a thread's own table, and for a mount that a thread sees and its process does not
	FD      int      // for KindFD, KindSocket, KindTun, and KindInflight: of the socket it waits in; -1 if none
	Family  string   // of a socket: "inet"
	Type    string   // of a socket: "stream"
	Device  string   // of a tun file: its device
	Refs    int      // for KindKernel: how many references the kernel counts, 0 if that is unknown
	Path    string   // the mount point, for KindMount, in its mount namespace; "" if that one's root does not lead to it
	MountNS uint64   // inode of the mount namespace the mount is in, 0 if unknown
	MountID int      // as in mountinfo
	Covered bool     // another mount lies over this one: its path does not reach it
	Copy    bool     // a covered one that propagation made of the one its path reaches, and takes away with it
	Pin     *Holder  // for a mount that no process sees: what keeps its mount namespace alive, if known
	Via     string   // "pid_for_children" where that link, not the process itself, holds
	Process *Process // details of PID, where they were asked for (see Describe)

	born time.Duration // when PID started, after boot; 0 if it was not read
}

// Via of a mount that is in no mount namespace, and so on no list of mounts.
const (
	ViaDetached  = "detached mount"        // it is below one, as open_tree and fsmount make them: Pin has it, if known
	ViaUnmounted = "unmounted, but in use" // with what it is below
)

// Lone reports whether a mount is in no mount namespace.
func (h *Holder) Lone() bool { return h.Via == ViaDetached || h.Via == ViaUnmounted }

// Process is what a user needs to recognise a process.
type Process struct {
	PID     int
	Comm    string
	Cmdline []string  // empty for a kernel thread
	UID     int       // effective; -1 if unreadable
	Started time.Time // zero if unreadable
}

// Gap is something that was to be read and could not be.
type Gap struct {
	Source string // the source, as in Sources
	Path   string
	Err    error
}

// Error makes a gap printable; it is not meant to be returned.
func (g Gap) Error() string { return g.Source + ": " + g.Path + ": " + g.Err.Error() }

// Snapshot is the result of one scan.
type Snapshot struct {
	Taken      time.Time
	Root       string // of the machine that was read; "/" is the running one
	Kernel     string // release, as uname -r prints it
	Engine     string // how it was read: "proc"
	NoEngine   error  // Options.NoEngine
	Sources    []string
	Types      []Type
	Initial    [numTypes]uint64 // inodes of the initial namespaces; 0 where unknown
	NamesDirs  []string         // the names directories there are, sorted
	MountNS    uint64           // inode of the mount namespace whose paths names are; 0 if unknown
	MountsAll  bool             // mount namespaces were looked for that no process is in
	LoneMounts bool             // mounts were looked for that are in no mount namespace
	Namespaces []Namespace      // sorted by type, then inode
	Strays     []Stray          // sorted by path
	Gaps       []Gap            // sorted by source, then path
}

// Complete reports whether everything the sources tried to read was read.
func (s *Snapshot) Complete() bool { return len(s.Gaps) == 0 }

// Find returns the namespace with the given inode, or nil. Inodes are unique
// over all types: they come from one allocator (fs/proc/generic.c,
// proc_alloc_inum, 6.18).
func (s *Snapshot) Find(inode uint64) *Namespace {
	for i := range s.Namespaces {
		if s.Namespaces[i].Inode == inode {
			return &s.Namespaces[i]
		}
	}
	return nil
}

// byHolder sorts holders as they are shown. It compares them where they are:
// there can be a hundred thousand.
type byHolder []Holder

func (b byHolder) Len() int      { return len(b) }
func (b byHolder) Swap(i, j int) { b[i], b[j] = b[j], b[i] }
func (b byHolder) Less(i, j int) bool {
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
	}
	return x.Via < y.Via
}

func (s *Snapshot) sort() {
	slices.SortFunc(s.Namespaces, func(a, b Namespace) int {
		return cmp.Or(cmp.Compare(a.Type, b.Type), cmp.Compare(a.Inode, b.Inode))
	})
	for i := range s.Namespaces {
		slices.SortFunc(s.Namespaces[i].Names, func(a, b Name) int { return strings.Compare(a.Path, b.Path) })
	}
	slices.Sort(s.NamesDirs)
	slices.SortFunc(s.Strays, func(a, b Stray) int { return strings.Compare(a.Path, b.Path) })
	slices.SortStableFunc(s.Gaps, func(a, b Gap) int {
		return cmp.Or(strings.Compare(a.Source, b.Source), strings.Compare(a.Path, b.Path))
	})
}
