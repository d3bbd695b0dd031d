// SPDX-License-Identifier: Apache-2.0

// Package ns has the data types of a scan: namespaces, their holders, names, links
// and owners, and the snapshot of a machine. It does no I/O.
package ns

import (
	"fmt"
	"time"
)

// Namespace is one kernel namespace and every reason found for it to be alive.
type Namespace struct {
	Type       Type
	Inode      uint64      // nsfs inode; the kernel reuses it once the namespace is gone
	Cookie     uint64      // of a network namespace; never reused in one boot; 0 if unknown
	UserNS     uint64      // inode of the user namespace that owns it, of a user namespace its parent; 0 if unknown
	Parent     uint64      // of a user or PID namespace: inode of its parent; 0 if it has none or that is unknown
	OwnerUID   int         // the UID that created that user namespace, or this one if it is one; -1 if unknown
	NSID       *int        // the ID of a network namespace in this process's own; nil if it has none or that is unknown
	Initial    bool        // the namespace the kernel started with: the host's own
	Names      []Name      // sorted by path
	Holders    []Holder    // sorted by kind, PID, TID, FD, path
	Threads    int         // tasks in it beyond one a process
	Leader     *Process    // the oldest process in it; nil if it has none
	Age        Age         // since when it is there, where details were asked for
	References *References // of a network namespace; nil where the kernel's count was not read
	Links      []Link      // of a network namespace, by index; nil if they were not read (pkg/links)
}

// References is the account of what keeps a network namespace alive. The kernel frees it
// when there is no reference any more (put_net, net/core/net_namespace.c).
type References struct {
	Total     int // as the kernel counts them
	Explained int // by the holders that were found; more than Total where some were closed meanwhile
}

// String returns the kernel's own text for the namespace, "net:[4026531833]".
func (n *Namespace) String() string { return FormatLink(n.Type, n.Inode) }

// before reports whether the namespace is listed before another one.
func (n *Namespace) before(m *Namespace) bool {
	if n.Type != m.Type {
		return n.Type < m.Type
	}
	return n.Inode < m.Inode
}

// Above returns the inodes of the user namespace that owns the namespace and of the
// parent, which live for as long as it does, by type.
func (n *Namespace) Above() map[Type]uint64 {
	above := map[Type]uint64{}
	if n.UserNS != 0 {
		above[User] = n.UserNS
	}
	if n.Parent != 0 { // of a user namespace the same one
		above[n.Type] = n.Parent
	}
	return above
}

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
	counts := make([]int, NumKinds)
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
		if h := &n.Holders[i]; h.Kind == KindProcess && h.Via == NoVia {
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

	Authority Authority // who could have made it, or could change it
}

// NameKind is how a name refers to its namespace.
type NameKind string

// The kinds of names.
const (
	NameMount   NameKind = "mount"   // a bind mount: keeps the namespace alive
	NameSymlink NameKind = "symlink" // does not
	NameFile    NameKind = "file"    // a plain file, which is no namespace
)

// BestName returns a name that is a trusted word, one that keeps the namespace alive
// before others or, failing that and if the user has made the namespace, a user's as
// "user:1000/NAME"; "" if it has none.
func (n *Namespace) BestName() string {
	best := n.Best()
	if best == nil {
		return ""
	}
	return best.Label()
}

// Best returns the name that BestName returns, nil if there is none.
func (n *Namespace) Best() *Name {
	best := -1
	rank := func(name *Name) int {
		switch {
		case !name.Authority.Trusted && int(name.Authority.UID) != n.OwnerUID:
			return 0
		case !name.Authority.Trusted:
			return 1
		case name.Kind != NameMount:
			return 2
		}
		return 3
	}
	for i := range n.Names {
		if best < 0 || rank(&n.Names[i]) > rank(&n.Names[best]) {
			best = i
		}
	}
	if best < 0 || rank(&n.Names[best]) == 0 {
		return nil
	}
	return &n.Names[best]
}

// Label returns the name as it is printed, and as a reference: a user's as
// "user:1000/NAME".
func (n *Name) Label() string { return n.Authority.Qualify(n.Name) }

// Tally counts the holders by kind, in words: "2 processes", "1 mount". References that
// nothing visible explains are "1 unexplained", and "unexplained" if nothing counts them.
func (n *Namespace) Tally() []string {
	var parts []string
	for i, c := range n.Counts() {
		switch {
		case c == 0:
		case Kind(i) != KindKernel:
			parts = append(parts, fmt.Sprintf("%d %s", c, Kind(i).Plural(c)))
		case n.Unexplained() > 0:
			parts = append(parts, fmt.Sprintf("%d unexplained", n.Unexplained()))
		default:
			parts = append(parts, "unexplained")
		}
	}
	return parts
}

// Unexplained returns how many references nothing visible explains; 0 if there are none, or
// nothing counts them.
func (n *Namespace) Unexplained() int {
	if n.References != nil && n.Count(KindKernel) < len(n.Holders) {
		return max(n.References.Total-n.References.Explained, 0)
	}
	refs := 0
	for i := range n.Holders {
		refs += int(n.Holders[i].Refs)
	}
	return refs
}
