// SPDX-License-Identifier: Apache-2.0

package owner

import (
	"cmp"
	"path"

	"github.com/nsinspect/nsinspect/pkg/ns"
)

// Process returns whose the process is that has a PID now, nil if it is nobody's: in no
// container and no unit, or has ended. Of one that was found before, Of does. It needs no capability; where /proc hides other users'
// processes, theirs are gaps.
func (x *Index) Process(pid ns.TaskID) *Owner {
	if x == nil || pid <= 0 {
		return nil
	}
	if x.rec != nil {
		return x.rec.of(pid)
	}
	text, err := x.host.ReadCgroup(pid.String())
	if err != nil {
		x.r.gap("/proc/"+pid.String()+"/cgroup", err)
		return nil
	}
	return x.inCgroups(pid, text)
}

// inCgroups returns whose the process is that has a PID now and whose cgroup file is a text.
func (x *Index) inCgroups(pid ns.TaskID, text []byte) *Owner {
	x.mu.Lock()
	defer x.mu.Unlock()
	if o, ok := x.cgroups[string(text)]; ok {
		return o
	}
	m := parseCgroup(text)
	x.r.cgroups.byProcess.Store(false)
	o := x.owner(m, pid)
	if x.unknown(m, o) && !x.missed[m.innermost()] {
		x.learn(pid, m.innermost())
		if o = x.owner(m, pid); x.unknown(m, o) {
			x.missed[m.innermost()] = true
		}
	}
	if !x.r.cgroups.byProcess.Load() { // else another process in these cgroups may be another user's
		x.cgroups[string(text)] = o
	}
	return o
}

// owner returns the owner of a process in these cgroups.
func (x *Index) owner(m membership, pid ns.TaskID) *Owner {
	if c, p := x.container(m, pid); c != nil {
		o := c.Owner
		o.Unit = cmp.Or(o.Unit, p.service)
		if p.in != (group{}) {
			o.Authority = o.Authority.And(x.r.cgroupAuthority(p.in, pid))
		}
		o.Guest = o.Guest || x.nested(&p)
		x.complete(&o, p)
		return &o
	}
	if len(m.places) > 0 {
		p := m.places[0]
		o := Owner{Runtime: cmp.Or(p.runtime, "container"), ID: p.id, Name: p.name, Unit: p.service, Authority: x.r.cgroupAuthority(p.in, pid), Guest: x.nested(&p)}
		x.complete(&o, p)
		return &o
	}
	if m.unit != "" {
		return &Owner{Runtime: "systemd", Unit: m.unit, Authority: x.r.cgroupAuthority(m.unitIn, pid)}
	}
	return nil
}

// container returns the innermost container on the path of a process's cgroups that
// somebody has written something down of, and the place that led to it. A user can make
// a cgroup of the name of root's container: that is none of root's.
func (x *Index) container(m membership, pid ns.TaskID) (*Container, place) {
	for _, p := range m.places {
		c := x.known.byID[p.id]
		if p.id == "" && !x.nested(&p) { // one of that name inside of another container is not it
			c = x.known.byName[p.name]
		}
		if c != nil && c.in(x.r.cgroupAuthority(p.in, pid)) {
			return c, p
		}
	}
	for _, g := range m.paths {
		in := group{g.hierarchy, path.Dir(g.path)}
		for _, c := range []*Container{x.known.byCgroup[g.path], x.known.byUnit[unescapeUnit(path.Base(g.path))]} {
			if c != nil && c.in(x.r.cgroupAuthority(in, pid)) {
				return c, place{}
			}
		}
	}
	return nil, place{}
}

// in reports whether whoever has written a container down could make its cgroup, where
// its name led to the container: a user can make one of the name of root's container,
// and write down that root's is his.
func (c *Container) in(cgroup ns.Authority) bool {
	return c.Authority.Trusted && cgroup.Trusted || c.Authority == cgroup
}

// complete adds what the kubelet's logs have of a container.
func (x *Index) complete(o *Owner, p place) {
	if o.Pod != "" {
		o.Static = o.Static || isStatic(p.podUID)
		return
	}
	if logged, ok := x.known.logged[o.ID]; ok && o.ID != "" {
		o.Pod, o.Name, o.Static = logged.Pod, logged.Name, logged.Static
		return
	}
	x.r.mu.Lock()
	defer x.r.mu.Unlock()
	if pod := x.r.pods[p.podUID]; pod != "" {
		o.Pod, o.Name, o.Static = pod, "", isStatic(p.podUID)
	}
}

// unknown reports whether a process is in a container, or in a cgroup that may be
// one's, of which nothing more is known: no more than of what is around it.
func (x *Index) unknown(m membership, o *Owner) bool {
	if o == nil {
		return len(m.paths) > 0
	}
	return len(m.places) > 0 && m.places[0].id != "" && o.Pod == "" && x.known.byID[m.places[0].id] == nil
}

// innermost returns the ID of the innermost container, or else the innermost cgroup.
func (m *membership) innermost() string {
	if len(m.places) > 0 && m.places[0].id != "" {
		return m.places[0].id
	}
	return m.paths[0].path
}

// Prefetch reads, on all cores, what Namespace will be asked for of a snapshot.
func (x *Index) Prefetch(s *ns.Snapshot) {
	if x.rec != nil {
		return
	}
	var leaders []process
	x.mu.Lock()
	for i := range s.Namespaces {
		n := &s.Namespaces[i]
		if n.Leader != nil && !n.Initial && (n.Type != ns.Net || x.known.bySandbox[n.Inode] == nil) {
			leaders = append(leaders, processOf(n.Leader))
		}
	}
	x.mu.Unlock()
	read := make([]*Owner, len(leaders))
	x.r.eachIndex(len(leaders), func(i int) { read[i] = x.inside(leaders[i]) })
	x.mu.Lock()
	defer x.mu.Unlock()
	x.leaders = map[process]*Owner{}
	for i, p := range leaders {
		x.leaders[p] = read[i]
	}
}

// Namespace returns whose a namespace is, nil if that is unknown or nobody's, as
// the host's own is. One that was made for a container is that container's, also
// if others have joined it or all its processes are gone; any other is of the
// oldest process in it. The network, ipc and uts namespaces of a pod are the
// pod's, whichever of its containers is in them. A user's word counts where there is
// no other.
func (x *Index) Namespace(n *ns.Namespace) *Owner {
	if x == nil || n.Initial {
		return nil
	}
	if x.rec != nil {
		return x.rec.namespaces[n.Inode]
	}
	o := x.namespace(n)
	if o == nil || o.Pod == "" || n.Type != ns.Net && n.Type != ns.IPC && n.Type != ns.UTS {
		return o
	}
	pod := *o
	pod.Name, pod.Service = "", ""
	return &pod
}

func (x *Index) namespace(n *ns.Namespace) *Owner {
	var users *Owner
	for _, word := range []func(*ns.Namespace) *Owner{x.sandbox, x.inhabitants, namesOwner} {
		o := word(n)
		switch {
		case o == nil:
		case o.Authority.Trusted:
			if o.Runtime == "systemd" && o.Unit == "init.scope" {
				return nil // the service manager's own, which is the machine's, where that is unknown
			}
			return o
		case users == nil:
			users = o
		}
	}
	return users
}

// sandbox returns the container that a network namespace was made for.
func (x *Index) sandbox(n *ns.Namespace) *Owner {
	if n.Type != ns.Net {
		return nil
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	c := x.known.bySandbox[n.Inode]
	if c == nil {
		return nil
	}
	o := c.Owner
	return &o
}

// inhabitants returns whose the oldest process in a namespace is or, where that is
// nobody's, another task that holds it.
func (x *Index) inhabitants(n *ns.Namespace) *Owner {
	if o := x.leader(n.Leader); o != nil {
		return x.made(n, n.Leader.PID, o)
	}
	for i := range n.Holders {
		h := &n.Holders[i]
		if h.Kind != ns.KindThread && (h.Kind != ns.KindProcess || n.Leader != nil) {
			continue
		}
		if o := x.of(x.holding(n, h)); o != nil {
			return x.made(n, 0, o)
		}
	}
	return nil
}

// namesOwner returns the owner that has made a name of a namespace.
func namesOwner(n *ns.Namespace) *Owner {
	var users *Owner
	for _, name := range n.Names {
		o := named(name)
		if o != nil && o.Authority.Trusted {
			return o
		}
		if users == nil {
			users = o
		}
	}
	return users
}

func (x *Index) leader(p *ns.Process) *Owner {
	if p == nil {
		return nil
	}
	if x.rec != nil {
		return x.rec.of(p.PID)
	}
	x.mu.Lock()
	o, ok := x.leaders[processOf(p)]
	x.mu.Unlock()
	if ok {
		return o
	}
	return x.inside(processOf(p))
}

// Holder returns whose the process is that a holder of a namespace is, or has; nil
// for a mount, which processes only see, and if the process has ended.
func (x *Index) Holder(n *ns.Namespace, h *ns.Holder) *Owner {
	switch {
	case x == nil || h.Kind == ns.KindMount || h.PID == 0:
		return nil
	case x.rec != nil:
		return x.rec.processes[holdingOf(n, h)]
	case n.Initial || h.Kind != ns.KindProcess:
		return x.of(x.holding(n, h))
	}
	return x.inside(x.holding(n, h))
}
