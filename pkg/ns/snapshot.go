// SPDX-License-Identifier: Apache-2.0

package ns

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// Snapshot is the result of one scan.
type Snapshot struct {
	Taken      time.Time
	Root       string // of the machine that was read; "/" is the running one
	Machine    Machine
	Kernel     string // release, as uname -r prints it
	Engine     string // how it was read: "proc"
	NoEngine   error  // Options.NoEngine
	Sources    []string
	Types      []Type
	Initial    [NumTypes]uint64 // inodes of the initial namespaces; 0 where unknown
	NamesDirs  []string         // the names directories there are, sorted
	MountNS    uint64           // inode of the mount namespace in which the paths of names are; 0 if unknown
	MountsAll  bool             // mount namespaces were looked for that no process is in
	LoneMounts bool             // mounts were looked for that are in no mount namespace
	Namespaces []Namespace      // sorted by type, then inode
	Dangling   []DanglingName   // sorted by path
	Gaps       []Gap            // sorted by sources, then path
	Kept       *Kept            // of one from a file; nil of a scan
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

// Gap is something that was to be read and could not be.
type Gap struct {
	Sources []string // those whose answer it may be missing from, as in Snapshot.Sources; sorted
	Path    string
	Err     error
}

// Of reports whether a gap is one of the given source.
func (g *Gap) Of(source string) bool { return slices.Contains(g.Sources, source) }

// Error makes a gap printable; it is not meant to be returned.
func (g Gap) Error() string {
	return strings.Join(g.Sources, ", ") + ": " + g.Path + ": " + g.Err.Error()
}

// DanglingName is an entry of a names directory that refers to no namespace of the
// types asked for.
type DanglingName struct {
	Path   string
	Kind   NameKind  // "" for what is neither symlink nor plain file
	Reason string    // "a symlink to /proc/42/ns/net, which does not exist"
	Target string    // of a symlink: its text
	Made   time.Time // when it was made, or last changed hands; zero if unknown

	Authority Authority // who could have made it, or could change it

	// Of a plain file: the mounts of namespaces on it, in any mount namespace that
	// was read, and whether those were compared with it at all.
	Pins     []Pin
	Compared bool
	Others   []string // the mount namespaces in which something else was seen mounted on it, in words
}

// Pin is a mount of a namespace on a file that is, to us, a plain one.
type Pin struct {
	Type  Type
	Inode uint64
	Mount Holder // its Path is the one in its own mount namespace
}

// Sort brings everything in the snapshot but holders into its order.
func (s *Snapshot) Sort() {
	slices.SortFunc(s.Namespaces, func(a, b Namespace) int {
		return cmp.Or(cmp.Compare(a.Type, b.Type), cmp.Compare(a.Inode, b.Inode))
	})
	for i := range s.Namespaces {
		slices.SortFunc(s.Namespaces[i].Names, func(a, b Name) int { return strings.Compare(a.Path, b.Path) })
	}
	slices.Sort(s.NamesDirs)
	slices.SortFunc(s.Dangling, func(a, b DanglingName) int { return strings.Compare(a.Path, b.Path) })
	slices.SortStableFunc(s.Gaps, func(a, b Gap) int {
		return cmp.Or(slices.Compare(a.Sources, b.Sources), strings.Compare(a.Path, b.Path))
	})
}

// LookedFor reports whether a source of the snapshot looks for a kind of holder.
func (s *Snapshot) LookedFor(k Kind) bool {
	return slices.Contains(s.Sources, k.Source())
}

// LookedAt names in a user's words what the sources of the snapshot read.
func (s *Snapshot) LookedAt() []string {
	var looked []string
	for _, k := range Kinds() {
		if s.LookedFor(k) {
			looked = append(looked, k.Where())
		}
	}
	return append(looked, "names directories")
}

// Unread names the holders that no source of the snapshot looks for.
func (s *Snapshot) Unread() []string {
	var unread []string
	for _, k := range Kinds() {
		if !s.LookedFor(k) {
			unread = append(unread, k.Where())
		}
	}
	if slices.Contains(s.Sources, "mount") {
		if !s.MountsAll {
			unread = append(unread, "mount namespaces that no process is in")
		}
		if !s.LoneMounts {
			unread = append(unread, "detached mounts")
		}
	}
	return unread
}
