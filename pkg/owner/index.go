// SPDX-License-Identifier: Apache-2.0

package owner

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/nsinspect/nsinspect/internal/host"
	"github.com/nsinspect/nsinspect/internal/pool"
	"github.com/nsinspect/nsinspect/pkg/ns"
)

// runtimes is the one table of who keeps containers: another is a file and a row.
var runtimes = []struct {
	name string
	find func(*reader)
}{
	{"docker, containerd", findDocker},
	{"podman, cri-o", findStorage},
	{"rootless podman", findRootless},
	{"lxc, incus, lxd", findLXC},
	{"systemd-machined", findMachines},
	{"kubernetes logs", findPodLogs},
	{"cni", findCNI},
}

// patience is how long all of them may take together. A file system that may not answer has
// less (host.Patience); this is for users who keep very much.
var patience = 5 * time.Second

// Options select what is read.
type Options struct {
	Host     *host.Host   // it must stay open as long as the index is used
	Snapshot *ns.Snapshot // of it: shows where the daemons are, and what is at the paths of sandboxes; nil if there is none
	All      bool         // look for daemons among all processes, not only where a service manager or a shell puts them

	Tasks map[ns.TaskID]host.Task // of processes: those are not looked at again
}

// Index knows the owners of one machine. Its methods may be called from several
// goroutines at once; those of a nil Index know nothing.
type Index struct {
	rec      *kept // of one that reads nothing; nil of any other
	host     *host.Host
	snapshot *ns.Snapshot
	tasks    map[ns.TaskID]host.Task

	mu      sync.Mutex
	r       *reader
	known   known
	cgroups map[string]*Owner  // what a cgroup file stands for, by its text
	leaders map[process]*Owner // what was read before it was asked for
	missed  map[string]bool    // IDs that nothing is known of
	settled bool

	own struct { // the containers that this program is in itself
		once   sync.Once
		places map[string]bool
	}
}

// known is what was read, put together.
type known struct {
	containers []*Container // sorted by runtime, name, ID
	byID       map[string]*Container
	byName     map[string]*Container // of those that have no ID
	byCgroup   map[string]*Container // by the whole path
	byUnit     map[string]*Container // machines of systemd-machined
	bySandbox  map[uint64]*Container // by the inode of its network namespace
	logged     map[string]Owner      // what the kubelet's logs say, by ID
}

// Read reads what every runtime of the machine has written down. It needs root
// where the runtimes' files do. A runtime that is not there is no gap.
func Read(ctx context.Context, opts Options) *Index {
	r := &reader{done: ctx.Done(), host: opts.Host, seen: map[string]bool{}, ids: map[string]bool{}, pods: map[string]string{}}
	x := &Index{host: opts.Host, snapshot: opts.Snapshot, tasks: opts.Tasks, r: r, cgroups: map[string]*Owner{}, missed: map[string]bool{}}
	var pids []ns.TaskID
	if opts.Snapshot != nil && !opts.All {
		pids = processesOf(opts.Snapshot)
	} else {
		pids = r.processes()
	}
	r.findDaemons(pids, opts.All, opts.Tasks)
	r.findAll()
	if err := ctx.Err(); err != nil {
		r.gap("the files of container runtimes", err)
	}
	x.assemble()
	return x
}

// findAll reads what every runtime has, at once. Those that take too long are a gap: they
// end with the file that they are at.
func (r *reader) findAll() {
	late := time.AfterFunc(patience, func() { r.late.Store(true) })
	var wg sync.WaitGroup
	for _, rt := range runtimes {
		pool.Go(&wg, func() {
			rt.find(r)
			if r.late.Load() {
				r.gap(rt.name, fmt.Errorf("not read within %s", patience))
			}
		})
	}
	wg.Wait()
	late.Stop()
	r.late.Store(false)
}

// assemble puts together what was read. The caller is alone with the index, or
// holds its lock.
func (x *Index) assemble() {
	r := x.r
	r.mu.Lock()
	defer r.mu.Unlock()
	k := known{
		byID: map[string]*Container{}, byName: map[string]*Container{}, byCgroup: map[string]*Container{},
		byUnit: map[string]*Container{}, bySandbox: map[uint64]*Container{}, logged: map[string]Owner{},
	}
	for _, c := range r.containers {
		k.add(*c)
	}
	for _, c := range r.claims {
		if c.log {
			k.logged[c.ID] = c.Owner
		} else {
			k.claim(c.Container)
		}
	}
	for _, c := range k.byID {
		k.containers = append(k.containers, c)
	}
	for _, c := range k.byName {
		k.containers = append(k.containers, c)
		if c.Unit != "" {
			k.byUnit[c.Unit] = c
		}
	}
	slices.SortFunc(k.containers, func(a, b *Container) int {
		return cmp.Or(strings.Compare(a.Runtime, b.Runtime), strings.Compare(a.Pod, b.Pod), strings.Compare(a.Name, b.Name), strings.Compare(a.ID, b.ID))
	})
	k.namesakes()
	x.known = k
	x.findSandboxes()
	x.settled = false
	clear(x.cgroups)
}

// add takes a container that a runtime has written down. Where two have the same
// one, as dockerd and its containerd have, each knows something else of it.
func (k *known) add(c Container) {
	index, key := k.byID, c.ID
	if key == "" {
		index, key = k.byName, c.Name
	}
	if c.cgroup != "" && c.Authority.Trusted {
		defer func() { k.byCgroup[c.cgroup] = index[key] }()
	}
	old := index[key]
	if old == nil {
		index[key] = &c
		return
	}
	if old.rank() < c.rank() || old.rank() == c.rank() && old.detail() < c.detail() {
		*old, c = c, *old
	}
	if old.rank() != c.rank() || old.Authority != c.Authority {
		return // a user's files count where there are no others
	}
	old.PID, old.Unit, old.cgroup = cmp.Or(old.PID, c.PID), cmp.Or(old.Unit, c.Unit), cmp.Or(old.cgroup, c.cgroup)
	old.pidFile = cmp.Or(old.pidFile, c.pidFile)
}

// rank is how much is to be believed of a container: root's word most, what was read
// inside of another container least.
func (c *Container) rank() int {
	switch {
	case c.Guest:
		return 0
	case !c.Authority.Trusted:
		return 1
	}
	return 2
}

// detail counts how much is known of a container from its runtime.
func (c *Container) detail() int {
	n := 0
	for _, s := range []string{c.Name, c.Pod, c.Sandbox, c.Service} {
		if s != "" {
			n++
		}
	}
	return n
}

// claim takes what CNI has recorded of a container.
func (k *known) claim(c Container) {
	old := k.byID[c.ID]
	if old == nil {
		k.byID[c.ID] = &c
		return
	}
	if !old.Authority.Trusted {
		*old = c
		return
	}
	if old.Pod == "" && c.Pod != "" {
		old.Pod, old.Name, old.Static = c.Pod, "", c.Static
	}
	old.Sandbox = cmp.Or(old.Sandbox, c.Sandbox)
	old.addIPs(c.IPs...)
}

// Gaps returns what was to be read and could not be, sorted by path.
func (x *Index) Gaps() []ns.Gap {
	if x == nil {
		return nil
	}
	if x.rec != nil {
		return x.rec.gaps
	}
	x.r.mu.Lock()
	defer x.r.mu.Unlock()
	gaps := slices.Clone(x.r.gaps)
	for _, name := range x.r.host.Unanswered() {
		gaps = append(gaps, ns.Gap{Sources: []string{Source}, Path: name, Err: host.ErrNoAnswer})
	}
	slices.SortStableFunc(gaps, func(a, b ns.Gap) int { return strings.Compare(a.Path, b.Path) })
	return slices.CompactFunc(gaps, func(a, b ns.Gap) bool { return a.Path == b.Path })
}

// Containers returns every container that is known, stopped ones too, sorted by
// runtime, pod, name and ID.
func (x *Index) Containers() []Container {
	if x == nil {
		return nil
	}
	if x.rec != nil {
		return x.rec.all()
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	x.settle()
	all := make([]Container, len(x.known.containers))
	for i, c := range x.known.containers {
		all[i] = *c
	}
	return all
}

// settle holds what runtimes have written down of the state of containers against
// the processes that there are: a killed daemon writes nothing down any more.
func (x *Index) settle() {
	if x.settled {
		return
	}
	x.settled = true
	for _, c := range x.known.containers {
		if c.PID == 0 && c.pidFile != "" {
			c.PID = x.r.pid(c.pidFile)
		}
		switch {
		case c.PID != 0 && x.runs(c):
			if c.State != "paused" {
				c.State = "running"
			}
		case c.PID != 0:
			c.PID = 0
			if c.State == "running" || c.State == "paused" {
				c.State = "stopped"
			}
		}
	}
}

// runs reports whether the process that a container's runtime has written down is
// still the container's, by its cgroups. A user's may have none of its own: then
// its monitor is above it.
func (x *Index) runs(c *Container) bool {
	text, err := x.host.ReadCgroup(c.PID.String())
	if err != nil {
		return false
	}
	if found, _ := x.container(parseCgroup(text), c.PID); found != nil || c.Authority.Trusted {
		return found == c
	}
	m := x.r.readAbove(c.PID)
	return c.ID != "" && m.id == c.ID && m.authority == c.Authority
}
