// SPDX-License-Identifier: Apache-2.0

package snapshot

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/nsinspect/nsinspect/internal/text"
	"github.com/nsinspect/nsinspect/pkg/ns"
)

// LeastGrowths is after how many growths, each between two snapshots, a group is a leak:
// what was made once or twice and is kept is none.
const LeastGrowths = 3

// maxTracked is how many namespaces a Tracker keeps of all snapshots together, in some
// hundred bytes each.
const maxTracked = 1 << 20

// Tracker finds leaks in many snapshots, of which it keeps the namespaces without processes
// alone. The zero value is ready for use.
type Tracker struct {
	series  map[seriesKey]*series
	groups  []Group
	known   map[Group]int32
	tracked int
}

// Group is what leaked namespaces have in common.
type Group struct {
	Type    ns.Type
	Runtime string // of the owner, "" if there is none or it is unknown
	Names   string // the pattern of their names, "cni-*"; "" if they have none
	Creator int    // the UID that made the user namespace that owns them; -1 if unknown
}

// Leak is a group that grows.
type Leak struct {
	Group
	Count     int       // how many there are now
	Grown     int       // how many of them came after the first snapshot
	FirstSeen time.Time // when the first of them was seen
	PerHour   float64   // how many came an hour
	First     Growth    // when the group grew first
	Last      Growth    // and last
	Oldest    Member
	Newest    Member
}

// Growth is a pair of snapshots, one after the other, of which the second has more members
// of a group.
type Growth struct {
	Before, After string // names of the files
	Taken         time.Time
	Count         int // how many came
}

// Member is a leaked namespace.
type Member struct {
	Inode, Cookie uint64
	Name          string // "" if it has none
}

// Series are the snapshots of one boot of a machine.
type Series struct {
	Machine     ns.Machine
	Snapshots   int
	First, Last time.Time
	Leaks       []Leak // those that grow fastest first
}

type seriesKey struct{ host, machine, boot string }

// series is what is kept of the snapshots of one boot.
type series struct {
	machine ns.Machine
	taken   map[int64]string // the names of the files, by time
	orphans map[orphanKey]*orphan
}

// orphanKey identifies a namespace in one boot.
type orphanKey struct {
	cookie uint64 // alone, if it has one
	inode  uint64
	since  int64
	t      ns.Type
}

// orphan is a namespace without processes. The times are of snapshots, in nanoseconds.
type orphan struct {
	first, last int64
	seen        int32
	group       int32 // as in the last snapshot that has it
	inode       uint64
	name        string
}

// The reasons for which Add does not take a snapshot.
var (
	ErrNoProcesses = errors.New("not all processes were read: which namespaces have none is unknown")
	ErrNoBoot      = errors.New("which boot of the machine it was taken in is unknown: numbers of namespaces are given again")
	ErrTwice       = errors.New("the same snapshot is there already")
	ErrTooMany     = fmt.Errorf("more than %s namespaces without processes: compare fewer snapshots", text.Count(maxTracked))
)

// Add takes a snapshot that was read from a file of that name. The order does not matter.
func (t *Tracker) Add(name string, f *File) error {
	side := newSideGaps(f)
	switch {
	case side.missesProcesses() || side.blind[ns.KindThread]:
		return ErrNoProcesses
	case f.Snapshot.Machine.BootID == "":
		return ErrNoBoot
	}
	s, at := t.seriesOf(f.Snapshot.Machine), f.Snapshot.Taken.UnixNano()
	if _, twice := s.taken[at]; twice {
		return ErrTwice
	}
	s.taken[at] = strings.Clone(name)
	for i := range f.Snapshot.Namespaces {
		n := &f.Snapshot.Namespaces[i]
		if n.Initial || n.Count(ns.KindProcess)+n.Count(ns.KindThread) > 0 {
			continue
		}
		k := keyOf(n)
		o := s.orphans[k]
		if o == nil {
			if t.tracked++; t.tracked > maxTracked {
				return ErrTooMany
			}
			o = &orphan{first: at, last: at - 1, inode: n.Inode}
			s.orphans[k] = o
		}
		o.seen++
		o.first = min(o.first, at)
		if at > o.last {
			o.last, o.inode = at, n.Inode
			o.group = t.group(groupOf(f, n))
			if plain := plainName(n); plain != o.name {
				o.name = strings.Clone(plain)
			}
		}
	}
	return nil
}

func (t *Tracker) seriesOf(m ns.Machine) *series {
	k := seriesKey{m.Host, m.MachineID, m.BootID}
	if m.MachineID != "" {
		k.host = "" // a machine can be given another name
	}
	if t.series == nil {
		t.series, t.known = map[seriesKey]*series{}, map[Group]int32{}
	}
	s := t.series[k]
	if s == nil {
		s = &series{machine: m, taken: map[int64]string{}, orphans: map[orphanKey]*orphan{}}
		t.series[k] = s
	}
	return s
}

// group returns the number of a group.
func (t *Tracker) group(g Group) int32 {
	i, ok := t.known[g]
	if !ok {
		g.Runtime, g.Names = strings.Clone(g.Runtime), strings.Clone(g.Names)
		i = int32(len(t.groups))
		t.known[g], t.groups = i, append(t.groups, g)
	}
	return i
}

// keyOf identifies a namespace: without a cookie, one of the same inode that is there since
// another time is another.
func keyOf(n *ns.Namespace) orphanKey {
	if n.Type == ns.Net && n.Cookie != 0 {
		return orphanKey{cookie: n.Cookie, t: ns.Net}
	}
	k := orphanKey{inode: n.Inode, t: n.Type}
	if !n.Age.Since.IsZero() {
		k.since = n.Age.Since.Unix()
	}
	return k
}

func groupOf(f *File, n *ns.Namespace) Group {
	g := Group{Type: n.Type, Names: text.Shape(plainName(n)), Creator: n.OwnerUID}
	if o := f.Owner(n); o != nil {
		g.Runtime = o.Runtime
	}
	return g
}

// plainName returns the best name of a namespace, a user's without the UID.
func plainName(n *ns.Namespace) string {
	label := n.BestName()
	if _, name, ok := ns.CutQualified(label); ok {
		return name
	}
	return label
}

// Series returns what was found, by host and time: of each boot of a machine apart.
func (t *Tracker) Series() []Series {
	var all []Series
	for _, s := range t.series {
		all = append(all, t.evaluate(s))
	}
	slices.SortFunc(all, func(a, b Series) int {
		return cmp.Or(strings.Compare(a.Machine.Host, b.Machine.Host), strings.Compare(a.Machine.MachineID, b.Machine.MachineID),
			a.First.Compare(b.First), strings.Compare(a.Machine.BootID, b.Machine.BootID))
	})
	return all
}
