// SPDX-License-Identifier: Apache-2.0

package owner

import (
	"cmp"
	"path"
	"strings"

	"github.com/nsinspect/nsinspect/pkg/ns"
)

// learn looks for what is written down of a container that is new, or whose
// runtime keeps its files where that is unknown yet: the shim or monitor above its
// processes, which outlives a killed daemon, runs in the bundle or names it. The
// caller holds the lock.
func (x *Index) learn(pid ns.TaskID, id string) {
	r := x.r
	r.mu.Lock()
	before := len(r.containers)
	finders := r.finders
	r.mu.Unlock()
	if isID(id) {
		for _, find := range finders {
			find(id)
		}
	}
	if r.count() == before {
		r.readAbove(pid)
	}
	if r.count() > before {
		x.assemble()
	}
}

func (r *reader) count() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.containers)
}

// monitor is a process above a container's: its shim, or conmon.
type monitor struct {
	id        string       // of the container
	authority ns.Authority // who runs it
}

// readAbove looks for the monitor above a process, and reads the runtime's files
// that it leads to. Most processes have most of what is above them in common: that
// is looked at once.
func (r *reader) readAbove(pid ns.TaskID) (m monitor) {
	const most = 64 // generations between a process and the monitor of its container
	var passed []ns.TaskID
	defer func() {
		for _, p := range passed {
			r.above.Store(p, m)
		}
	}()
	for range most {
		if f, ok := r.above.Load(pid); ok {
			return f.(monitor)
		}
		passed = append(passed, pid)
		if pid = r.parent(pid); pid <= 1 {
			return m
		}
		comm, err := r.host.ReadProc(pid, "comm", 64)
		if err != nil {
			r.gap("/proc/"+pid.String()+"/comm", err)
			return m
		}
		name := strings.TrimSpace(string(comm))
		if name != "conmon" && !strings.HasPrefix(name, "containerd-shim") {
			continue
		}
		cmdline, err := r.host.ReadProc(pid, "cmdline", mostArgs)
		if err != nil {
			r.gap("/proc/"+pid.String()+"/cmdline", err)
			return m
		}
		d := daemon{authority: r.host.ProcessAuthority(pid), args: strings.Split(string(cmdline), "\x00")}
		if name == "conmon" {
			r.storages([]storage{d.conmonStorage()})
		} else {
			r.readShim(pid, d.authority)
		}
		return monitor{id: cmp.Or(d.flag("id"), d.flag("c", "cid")), authority: d.authority}
	}
	return m
}

// readShim reads the bundles beside the one that a shim runs in: of a shim that is
// in a container itself, as those of Kubernetes in Docker are, inside of that.
func (r *reader) readShim(pid ns.TaskID, by ns.Authority) {
	bundle, err := r.host.ReadProcLink(pid, "cwd")
	if err != nil {
		r.gap("/proc/"+pid.String()+"/cwd", err)
		return
	}
	plugin := path.Dir(path.Dir(bundle))
	switch {
	case !absolute(bundle) || !strings.HasPrefix(path.Base(plugin), "io.containerd."):
	case r.host.SharesRoot(pid):
		r.containerdPlugin(plugin, by, false)
	default:
		r.containerdPlugin("/proc/"+pid.String()+"/root"+plugin, by, true)
	}
}

// below returns the container whose monitor is above a process that no cgroup
// assigns: of a rootless Podman where users have no cgroups, or one configured without.
// A monitor is believed on containers of whoever runs it.
func (x *Index) below(pid ns.TaskID) *Owner {
	if !x.r.monitors.Load() {
		return nil // as on a machine without containers, which need not be searched for each process's
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	before := x.r.count()
	m := x.r.readAbove(pid)
	if x.r.count() > before {
		x.assemble()
	}
	if c := x.known.byID[m.id]; c != nil && c.Authority == m.authority {
		o := c.Owner
		return &o
	}
	return nil
}

// parent returns the parent of a process, 0 if it has none or has ended.
func (r *reader) parent(pid ns.TaskID) ns.TaskID {
	stat, err := r.host.ReadStat(pid.String())
	if err != nil {
		return 0
	}
	return stat.PPID
}
