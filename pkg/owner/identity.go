// SPDX-License-Identifier: Apache-2.0

package owner

import (
	"time"

	"github.com/nsinspect/nsinspect/pkg/ns"
)

// process is one process: a PID is given again when its process has ended.
type process struct {
	pid  ns.TaskID
	born time.Duration // as ns.Holder.Born
}

func processOf(p *ns.Process) process { return process{p.PID, p.Born} }

// Of returns whose the process is that has a PID and was born at a time after boot, as
// ns.Holder.Born and ns.Process.Born have it; nil also if it has ended. Another one that
// has its PID by now is not looked at, and one born at an unknown time, 0, is not believed
// to be any. It needs no capability.
func (x *Index) Of(pid ns.TaskID, born time.Duration) *Owner {
	return x.of(process{pid, born})
}

// of is Of. Whose a process is whose cgroups were read before is known without a look at it
// where that is known of another one in the same cgroups.
func (x *Index) of(p process) *Owner {
	if x == nil {
		return nil
	}
	t, known := x.tasks[p.pid]
	switch {
	case !known || t.Cgroup == nil:
		return x.check(p, x.Process)
	case !t.Stat.IsOf(p.born):
		return nil
	}
	x.mu.Lock()
	o, known := x.cgroups[string(t.Cgroup)]
	x.mu.Unlock()
	if known {
		return o
	}
	return x.check(p, func(pid ns.TaskID) *Owner { return x.inCgroups(pid, t.Cgroup) })
}

// check returns what read does, unless the process has ended. It is looked at afterwards:
// if it has its PID then, it had it all the time since it was born, and what was read is
// its own. A recorded tree has no processes that end.
func (x *Index) check(p process, read func(ns.TaskID) *Owner) *Owner {
	if x == nil || p.pid <= 0 {
		return nil
	}
	o := read(p.pid)
	if o == nil || x.rec != nil || x.host.Recorded() {
		return o
	}
	st, err := x.host.ReadStat(p.pid.String())
	if err != nil || !st.IsOf(p.born) {
		return nil
	}
	return o
}

// inside returns whose a process is that is not in the host's own namespace, where
// it is worth a look at its parents.
func (x *Index) inside(p process) *Owner {
	if o := x.of(p); o != nil {
		return o
	}
	return x.check(p, x.below)
}

// holding returns the process of a task that holds n. One that the walk has found has no
// start time before it is described: it gets that of the process that has its PID, if
// that is in n. It holds as well, then, and is the same one if it was found later.
func (x *Index) holding(n *ns.Namespace, h *ns.Holder) process {
	p := process{h.PID, h.Born}
	if p.born != 0 || h.Kind != ns.KindProcess || x.host.Recorded() {
		return p
	}
	st, err := x.host.ReadStat(h.PID.String())
	if err != nil {
		return p
	}
	if inode, err := x.host.NamespaceLink(h.PID.String() + "/ns/" + h.Link(n.Type)); err == nil && inode == n.Inode {
		p.born = st.Born()
	}
	return p
}
