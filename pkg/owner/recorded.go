// SPDX-License-Identifier: Apache-2.0

package owner

import (
	"os"
	"slices"

	"github.com/nsinspect/nsinspect/pkg/ns"
)

// kept is what an index knows that reads nothing.
type kept struct {
	namespaces map[uint64]*Owner // by inode
	processes  map[holding]*Owner
	containers []Container
	gaps       []ns.Gap
	reader     int // UID of who read them
}

// holding is a process, and whether it is looked at as one that is in a namespace other than
// the host's: then what is around it counts too.
type holding struct {
	pid    ns.TaskID
	inside bool
}

func holdingOf(n *ns.Namespace, h *ns.Holder) holding { return holding{h.PID, Inside(n, h)} }

// Inside reports whether a holder is a process that is in a namespace other than the host's. The
// owner of such a process may be that of what surrounds it.
func Inside(n *ns.Namespace, h *ns.Holder) bool { return !n.Initial && h.Kind == ns.KindProcess }

// Recorded returns an index of owners that were found before. It knows no more than is added
// to it.
func Recorded(containers []Container, gaps []ns.Gap) *Index {
	return &Index{rec: &kept{map[uint64]*Owner{}, map[holding]*Owner{}, containers, gaps, 0}}
}

// ReadBy has an index as of a user, whose own word is believed.
func (x *Index) ReadBy(uid int) { x.rec.reader = uid }

// AddNamespace adds whose a namespace is.
func (x *Index) AddNamespace(n *ns.Namespace, o *Owner) {
	if o != nil {
		x.rec.namespaces[n.Inode] = o
	}
}

// AddHolder adds whose the process of a holder is.
func (x *Index) AddHolder(n *ns.Namespace, h *ns.Holder, o *Owner) { x.rec.add(holdingOf(n, h), o) }

// AddProcess is AddHolder for all that a process holds: as one that is Inside, or as another.
func (x *Index) AddProcess(pid ns.TaskID, o, inside *Owner) {
	x.rec.add(holding{pid, false}, o)
	x.rec.add(holding{pid, true}, inside)
}

func (r *kept) add(h holding, o *Owner) {
	if o != nil {
		r.processes[h] = o
	}
}

// Record returns an index that has what x finds of a snapshot whose holders were described,
// and asks the machine no more. It asks for each process once.
func (x *Index) Record(s *ns.Snapshot) *Index {
	all, places := x.inhabitantsOf(s)
	rec := Recorded(nil, nil)
	rec.ReadBy(os.Geteuid())
	for i := range all {
		rec.AddProcess(all[i].pid, all[i].around, all[i].within)
	}
	x.mu.Lock()
	x.leaders = map[process]*Owner{}
	for i := range s.Namespaces {
		if n := &s.Namespaces[i]; n.Leader != nil && !n.Initial {
			x.leaders[processOf(n.Leader)] = all[places[n.Leader.PID]].within
		}
	}
	x.mu.Unlock()
	for i := range s.Namespaces {
		rec.AddNamespace(&s.Namespaces[i], x.Namespace(&s.Namespaces[i]))
	}
	rec.rec.containers, rec.rec.gaps = x.Containers(), x.Gaps() // last: a search may leave some
	return rec
}

// inhabitant is a process that holds namespaces.
type inhabitant struct {
	process
	inside         bool   // it is Inside one
	around, within *Owner // as a holder that is not, and as one that is
}

// inhabitantsOf returns the processes that hold namespaces of a snapshot, with their owners,
// and the place of each. The leaders come first: the first process of a container is what
// leads to what is written down of it.
func (x *Index) inhabitantsOf(s *ns.Snapshot) (all []inhabitant, places map[ns.TaskID]int) {
	places = map[ns.TaskID]int{}
	for i := range s.Namespaces {
		n := &s.Namespaces[i]
		if n.Leader == nil || n.Initial {
			continue
		}
		if _, known := places[n.Leader.PID]; !known {
			places[n.Leader.PID] = len(all)
			all = append(all, inhabitant{process: processOf(n.Leader), inside: true})
		}
	}
	leaders := len(all)
	x.r.eachIndex(leaders, func(i int) { x.ask(&all[i]) })
	for i := range s.Namespaces {
		n := &s.Namespaces[i]
		for j := range n.Holders {
			h := &n.Holders[j]
			if h.PID == 0 || h.Kind == ns.KindMount {
				continue
			}
			at, known := places[h.PID]
			if !known {
				at, places[h.PID] = len(all), len(all)
				all = append(all, inhabitant{process: x.holding(n, h)})
			}
			all[at].inside = all[at].inside || Inside(n, h)
		}
	}
	x.r.eachIndex(len(all)-leaders, func(i int) { x.ask(&all[leaders+i]) })
	return all, places
}

// ask finds the owners of a process.
func (x *Index) ask(p *inhabitant) {
	if p.around = x.of(p.process); p.inside {
		if p.within = p.around; p.within == nil {
			p.within = x.check(p.process, x.below)
		}
	}
}

// of returns the owner of a process, looked at as one inside first.
func (r *kept) of(pid ns.TaskID) *Owner {
	if o := r.processes[holding{pid, true}]; o != nil {
		return o
	}
	return r.processes[holding{pid, false}]
}

func (r *kept) all() []Container { return slices.Clone(r.containers) }
