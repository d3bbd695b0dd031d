// SPDX-License-Identifier: Apache-2.0

package ns

import "slices"

// Kept is what a snapshot from a file has beside what was scanned, to be shown on another
// machine and at another time.
type Kept struct {
	UID          int                // effective, of who took it
	Capabilities []string           // in effect then, of those that matter, as CAP_SYS_ADMIN
	Own          [NumTypes]uint64   // inodes of the namespaces that nsinspect was in; 0 where unknown
	Users        map[int]string     // names of the machine's users
	Local        map[uint64][]Local // local routes, by the inode of the network namespace
}

// GapsOf returns the gaps of a snapshot that matter for namespaces of some types: children are
// looked for where there are user or PID namespaces, which live by them.
func (s *Snapshot) GapsOf(types ...Type) []Gap {
	if slices.Contains(types, User) || slices.Contains(types, PID) {
		return s.Gaps
	}
	return slices.DeleteFunc(slices.Clone(s.Gaps), func(g Gap) bool { return slices.Equal(g.Sources, []string{KindChild.Source()}) })
}

// Of returns a snapshot that has only the namespaces of some types. It shares everything
// else with s, and where these are all of one type, the namespaces too. A gap that only
// child namespaces may be missing from is none of types that have no children.
func (s *Snapshot) Of(types ...Type) *Snapshot {
	of := *s
	of.Types = types
	of.Gaps = s.GapsOf(types...)
	first, last := len(s.Namespaces), 0
	for i := range s.Namespaces {
		if slices.Contains(types, s.Namespaces[i].Type) {
			first, last = min(first, i), i+1
		}
	}
	of.Namespaces = nil
	if first < last {
		of.Namespaces = s.Namespaces[first:last:last]
	}
	if len(types) > 1 {
		of.Namespaces = slices.DeleteFunc(slices.Clone(of.Namespaces), func(n Namespace) bool { return !slices.Contains(types, n.Type) })
	}
	return &of
}

// JoinChildren has every child be the namespace of the snapshot, if that has it, and returns
// all of those by inode. They must not be moved any more.
func (s *Snapshot) JoinChildren() map[uint64]*Namespace {
	all := make(map[uint64]*Namespace, len(s.Namespaces))
	for i := range s.Namespaces {
		all[s.Namespaces[i].Inode] = &s.Namespaces[i]
	}
	for _, n := range all {
		for i := range n.Holders {
			if h := &n.Holders[i]; h.Child != nil && all[h.Child.Inode] != nil {
				h.Child = all[h.Child.Inode]
			}
		}
	}
	return all
}
