// SPDX-License-Identifier: Apache-2.0

package snapshot

import (
	"path"
	"slices"
	"strings"

	"github.com/nsinspect/nsinspect/internal/names"
	"github.com/nsinspect/nsinspect/pkg/links"
	"github.com/nsinspect/nsinspect/pkg/ns"
	"github.com/nsinspect/nsinspect/pkg/owner"
)

// side is one of two snapshots, with what it has not read.
type side struct {
	*File
	all      []ns.Namespace
	owners   []*owner.Owner
	pair     []int // for each namespace its index in the other snapshot, -1 if it is not there
	nameless []bool
	at       map[uint64]int // indexes by inode

	hidden    bool                                // processes may be missing, and all that these hold
	foreign   bool                                // its PIDs are not those of the other snapshot
	apart     bool                                // nor is its mount namespace, in which names are
	blind     [ns.NumKinds]bool                   // holders of the kind may be missing
	blindPID  [ns.NumKinds]map[ns.TaskID]struct{} // those of these processes may
	blindMnt  map[uint64]bool                     // mounts in these mount namespaces may
	blindLink map[string]bool                     // links of these namespaces may
	blindName map[string]bool                     // names at these paths, or below them, may
	blindOf   bool                                // owners may
}

func newSide(f *File) *side {
	s := newSideGaps(f)
	s.all, s.at = f.Snapshot.Namespaces, make(map[uint64]int, len(f.Snapshot.Namespaces))
	s.owners, s.pair, s.nameless = make([]*owner.Owner, len(s.all)), make([]int, len(s.all)), make([]bool, len(s.all))
	for i := range s.all {
		s.at[s.all[i].Inode], s.owners[i], s.pair[i] = i, f.Owner(&s.all[i]), -1
	}
	for _, g := range f.Owners.Gaps() {
		s.addGap(&g)
	}
	return s
}

// newSideGaps returns a side with what it has not read alone.
func newSideGaps(f *File) *side {
	s := &side{File: f, blindMnt: map[uint64]bool{}, blindLink: map[string]bool{}, blindName: map[string]bool{}, blindOf: f.Owners == nil}
	for _, k := range ns.Kinds() {
		s.blind[k], s.blindPID[k] = !f.Snapshot.LookedFor(k), map[ns.TaskID]struct{}{}
	}
	for i := range f.Snapshot.Gaps {
		s.addGap(&f.Snapshot.Gaps[i])
	}
	return s
}

// addGap takes what could not be read: holders of one process or in one mount namespace
// where the gap is of no more.
func (s *side) addGap(g *ns.Gap) {
	if g.Of("name") {
		s.blindName[path.Clean(g.Path)] = true
	}
	if g.Of(links.Source) {
		s.blindLink[g.Path] = true
	}
	pid, ofType := processOf(g.Path, s.Snapshot.Root)
	if g.Of(owner.Source) && pid == 0 {
		s.blindOf = true
	}
	s.hidden = s.hidden || g.Of(ns.KindProcess.Source()) && pid == 0 && !ofType
	t, inode, isRef := ns.ParseLink(g.Path)
	for _, k := range ns.Kinds() {
		switch {
		case !g.Of(k.Source()) || ofType:
		case k != ns.KindMount && pid != 0:
			s.blindPID[k][pid] = struct{}{}
		case k == ns.KindMount && isRef && t == ns.Mnt:
			s.blindMnt[inode] = true
		default:
			s.blind[k] = true
		}
	}
}

// processOf returns the process below whose directory of /proc a path is, 0 if it is below
// none. ofType: it is the file of a type of namespaces, which the kernel does not have then.
func processOf(file, root string) (pid ns.TaskID, ofType bool) {
	rest, ok := strings.CutPrefix(strings.TrimPrefix(file, strings.TrimRight(root, "/")), "/proc/")
	if !ok {
		return 0, false
	}
	dir, below, _ := strings.Cut(rest, "/")
	if dir == "self" {
		return 0, path.Dir(below) == "ns"
	}
	pid, _ = ns.ParseTaskID(dir)
	return pid, false
}

// samePIDs reports whether PIDs and start times mean the same to two readers, as far as is known
// where these were.
func samePIDs(a, b *ns.Kept) bool {
	for _, t := range []ns.Type{ns.PID, ns.Time} {
		if a != nil && b != nil && a.Own[t] != 0 && b.Own[t] != 0 && a.Own[t] != b.Own[t] {
			return false
		}
	}
	return true
}

// index returns which namespace is the one of that type and inode, -1 if none is.
func (s *side) index(t ns.Type, inode uint64) int {
	if i, ok := s.at[inode]; ok && s.all[i].Type == t {
		return i
	}
	return -1
}

// misses reports whether a snapshot may lack a holder that another one has.
func (s *side) misses(h *ns.Holder) bool {
	if h.Kind == ns.KindMount {
		return s.missesMount(h)
	}
	_, blind := s.blindPID[h.Kind][h.PID]
	return s.blind[h.Kind] || blind || h.PID != 0 && (s.foreign || s.missesProcess(h.PID))
}

// missesProcess reports whether a process may have been there, and could not be read.
func (s *side) missesProcess(pid ns.TaskID) bool {
	_, blind := s.blindPID[ns.KindProcess][pid]
	return s.hidden || blind
}

// missesProcesses reports whether a snapshot lacks processes other than the first: even root may
// not read one with more capabilities (__ptrace_may_access, kernel/ptrace.c, 6.18), and that one
// moves to no other namespace.
func (s *side) missesProcesses() bool {
	for pid := range s.blindPID[ns.KindProcess] {
		if pid != 1 {
			return true
		}
	}
	return s.hidden || s.blind[ns.KindProcess]
}

func (s *side) missesMount(h *ns.Holder) bool {
	switch {
	case !s.Snapshot.LookedFor(ns.KindMount), s.blindMnt[h.MountNS]:
		return true
	case h.Lone():
		return !s.Snapshot.LoneMounts || s.blind[ns.KindMount]
	case h.MountNS != 0 && h.MountNS == s.Snapshot.MountNS:
		return false // its own is read by /proc/self
	case h.PID == 0 && !s.Snapshot.MountsAll, h.MountNS != 0 && s.index(ns.Mnt, h.MountNS) < 0 && s.missesProcesses():
		return true // of a mount namespace that is not in the snapshot: whoever is in it may be among those
	}
	return s.blind[ns.KindMount]
}

// sees reports whether a snapshot would have a namespace that another one has, if that had
// been there: by one of its holders at least, and none that was there and could not be read.
func (s *side) sees(n *ns.Namespace) (seen bool) {
	switch {
	case !slices.Contains(s.Snapshot.Types, n.Type), n.Initial: // which is always there
		return false
	case s.listed(n.Type):
		return true
	}
	for i := range n.Holders {
		h := &n.Holders[i]
		if h.Kind != ns.KindMount && h.PID != 0 && (s.foreign || s.missesProcess(h.PID)) {
			return false
		}
		seen = seen || !s.misses(h)
	}
	return seen
}

// listed reports whether a snapshot has every namespace of a type: the kernel's own list is
// of network namespaces, as far as it was read.
func (s *side) listed(t ns.Type) bool { return t == ns.Net && !s.blind[ns.KindKernel] }

// missesSome reports whether a snapshot may lack some holders of a kind.
func (s *side) missesSome(k ns.Kind) bool {
	return s.blind[k] || len(s.blindPID[k]) > 0 || k != ns.KindKernel && s.missesProcesses()
}

// readsAll reports whether a snapshot misses no holder of any kind.
func (s *side) readsAll() bool {
	for _, k := range ns.Kinds() {
		if s.blind[k] || len(s.blindPID[k]) > 0 {
			return false
		}
	}
	return s.Snapshot.MountsAll && s.Snapshot.LoneMounts && len(s.blindMnt) == 0
}

// readsName reports whether a snapshot has what is at a path in a names directory.
func (s *side) readsName(file string) bool {
	if !slices.Contains(s.Snapshot.Sources, "name") || !slices.Contains(s.Snapshot.Types, ns.Net) {
		return false
	}
	for at := path.Clean(file); at != "/" && at != "."; at = path.Dir(at) {
		if s.blindName[at] {
			return false
		}
	}
	dir := path.Dir(file)
	return slices.Contains(s.Snapshot.NamesDirs, dir) || names.Customary(dir) && !s.apart
}
