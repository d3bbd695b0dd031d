// SPDX-License-Identifier: Apache-2.0

package record

import (
	"path"

	"github.com/nsinspect/nsinspect/pkg/ns"
)

// Found is what a source hands over; see scanner.take.
type Found struct {
	Records    List
	Threads    map[Key]int // tasks beyond one a process, by namespace
	Names      []Name
	Mounted    []MountedName // further names
	Dangling   []ns.DanglingName
	Dirs       []string // names directories that were read
	Gaps       []ns.Gap
	Nets       []Net              // the kernel's own list
	AllNets    bool               // it was read to its end
	Accounts   map[uint64]Account // of network namespaces, by inode; nil if none was kept
	LoneMounts bool               // mounts in no mount namespace were looked for
	Unread     []string           // sources that an engine could not read here
	Members    Members            // processes, by mount namespace
	Pins       []Pin              // what holds mount namespaces that are not wanted themselves
	Threaded   []ns.TaskID        // processes of more than one thread
	Relations  []Relation         // of namespaces, wanted or not; an engine's
	Watchers   []ns.Holder        // inotify and fanotify files: holders of what they watch
	NetFiles   []NetFile          // files of /proc/PID/net whose namespace is not known
}

// Name is a name of a namespace.
type Name struct {
	Key
	ns.Name
	Cookie uint64 // 0 if unknown, or not asked for
}

// MountedName is a name that only the mount table shows, of which there can be a hundred thousand.
type MountedName struct {
	Key
	Path      string
	Authority ns.Authority
}

// Name returns the name.
func (n *MountedName) Name() ns.Name {
	return ns.Name{Name: path.Base(n.Path), Path: n.Path, Kind: ns.NameMount, Authority: n.Authority}
}

// Add takes over what another source found.
func (f *Found) Add(g Found) {
	f.Records.Join(g.Records)
	f.Names = joined(f.Names, g.Names)
	f.Mounted = joined(f.Mounted, g.Mounted)
	f.Dangling = joined(f.Dangling, g.Dangling)
	f.Dirs = joined(f.Dirs, g.Dirs)
	f.Gaps = joined(f.Gaps, g.Gaps)
	f.Unread = joined(f.Unread, g.Unread)
	f.Nets = joined(f.Nets, g.Nets)
	f.AllNets = f.AllNets || g.AllNets
	if g.Accounts != nil {
		f.Accounts = g.Accounts
	}
	f.LoneMounts = f.LoneMounts || g.LoneMounts
	f.Members.Add(g.Members)
	f.Pins = joined(f.Pins, g.Pins)
	f.Threaded = joined(f.Threaded, g.Threaded)
	f.Relations = joined(f.Relations, g.Relations)
	f.Watchers = joined(f.Watchers, g.Watchers)
	f.NetFiles = joined(f.NetFiles, g.NetFiles)
	if f.Threads == nil {
		f.Threads = map[Key]int{}
	}
	for k, n := range g.Threads {
		f.Threads[k] += n
	}
}

// joined is append, without a copy of what there can be a hundred thousand of.
func joined[T any](all, more []T) []T {
	if len(all) == 0 {
		return more
	}
	return append(all, more...)
}

// Members are the processes in each mount namespace, by its inode.
type Members map[uint64][]ns.TaskID

// Add takes over other members.
func (s *Members) Add(more Members) {
	if *s == nil {
		*s = Members{}
	}
	for inode, pids := range more {
		(*s)[inode] = append((*s)[inode], pids...)
	}
}

// Pin is what holds a mount namespace.
type Pin struct {
	MountNS uint64
	ns.Holder
}

// Relation is what a namespace refers to, and so keeps alive.
type Relation struct {
	Key
	Owner  uint64 // inode of the user namespace that owns it, of a user namespace its parent; 0 if it has none or that is unknown
	Parent uint64 // of a user or PID namespace: inode of its parent, likewise
	UID    int    // of a user namespace: the UID that created it; -1 if unknown
}

// NetFile is an open file of a /proc/PID/net.
type NetFile struct {
	Name  string // below that directory
	Inode uint64 // its own
	ns.Holder
}

// Net is a network namespace as the kernel's own list has it.
type Net struct {
	Inode  uint64
	Cookie uint64 // never reused in one boot; 0 before Linux 5.12
	Refs   int    // references; 0 when it is dying, refsUnknown if it is alive
	UserNS uint64 // inode of the user namespace that owns it
	UID    int    // the UID that created that user namespace

	// Opened is how many open files and mounts have the namespace's nsfs file, and
	// Watched what has that file's inode without one, all of which together have one of
	// Refs.
	Opened, Watched int
}

// Account is what was found to refer to a network namespace, mounts apart.
type Account struct {
	Direct int // what has a reference of its own: sockets and the like, and what tasks share
	Files  int // open nsfs files, and mounts that only they keep: all of them have one, with the other mounts
}

// RefsUnknown is Net.Refs of a namespace that is alive, where nothing counts.
const RefsUnknown = -1
