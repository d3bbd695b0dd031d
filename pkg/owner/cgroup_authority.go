// SPDX-License-Identifier: Apache-2.0

package owner

import (
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/moby/sys/mountinfo"

	"github.com/nsinspect/nsinspect/pkg/ns"
)

// cgroups judges who can make a cgroup of any name: whoever controls the one around it.
// systemd and container runtimes hand parts of the tree to users (cgroups(7),
// delegation).
type cgroups struct {
	once   sync.Once
	mounts []cgroupMount

	mu    sync.Mutex
	known map[group]ns.Authority

	byProcess atomic.Bool // an authority was that of a process in the cgroup
}

type cgroupMount struct {
	at          string // the mount point
	root        string // the cgroup that is there
	controllers []string
}

// authority returns who can make a cgroup in one. Where the file system does not show
// that, it is what systemd's names show, and the process's own.
func (r *reader) cgroupAuthority(in group, pid ns.TaskID) ns.Authority {
	c := &r.cgroups
	c.mu.Lock()
	authority, ok := c.known[in]
	c.mu.Unlock()
	if ok {
		return authority
	}
	authority, ok = r.ownerOfCgroup(in)
	if !ok {
		authority = r.cgroupByName(in.path)
		if !r.host.Recorded() {
			c.byProcess.Store(true)
			authority = authority.And(r.host.ProcessAuthority(pid))
		}
		return authority
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.known == nil {
		c.known = map[group]ns.Authority{}
	}
	c.known[in] = authority
	return authority
}

// ownerOfCgroup returns who controls the directory of a cgroup.
func (r *reader) ownerOfCgroup(g group) (ns.Authority, bool) {
	if r.host.Recorded() {
		return ns.UnknownAuthority, false
	}
	r.cgroups.once.Do(r.readCgroupMounts)
	for _, m := range r.cgroups.mounts {
		if !slices.Contains(m.controllers, g.hierarchy) && g.hierarchy != strings.Join(m.controllers, ",") {
			continue
		}
		rest, below := strings.CutPrefix(path.Clean("/"+g.path)+"/", strings.TrimSuffix(m.root, "/")+"/")
		if !below || strings.Contains(rest, "..") {
			continue
		}
		authority, err := r.host.Authority(path.Join(m.at, rest))
		if err == nil {
			return authority, true
		}
	}
	return ns.UnknownAuthority, false
}

func (r *reader) readCgroupMounts() {
	text, err := r.host.ReadFile("/proc/" + r.host.MountTask() + "/mountinfo")
	if err != nil {
		r.gap("/proc/"+r.host.MountTask()+"/mountinfo", err)
		return
	}
	for line := range strings.Lines(text) {
		if !strings.Contains(line, " - cgroup") {
			continue
		}
		mounts, err := mountinfo.GetMountsFromReader(strings.NewReader(line), mountinfo.FSTypeFilter("cgroup", "cgroup2"))
		if err != nil || len(mounts) == 0 {
			continue // the source of mounts reports a line that cannot be parsed
		}
		m := cgroupMount{at: mounts[0].Mountpoint, root: mounts[0].Root, controllers: []string{"0"}}
		if mounts[0].FSType == "cgroup" {
			m.controllers = strings.Split(mounts[0].VFSOptions, ",")
		}
		r.cgroups.mounts = append(r.cgroups.mounts, m)
	}
}

// cgroupByName returns whose a cgroup is by its path: below user@UID.service the
// user's service manager makes them.
func (r *reader) cgroupByName(cgroup string) ns.Authority {
	for part := range strings.SplitSeq(cgroup, "/") {
		name, ok := strings.CutPrefix(part, "user@")
		uid, isService := strings.CutSuffix(name, ".service")
		if n, err := strconv.Atoi(uid); ok && isService && err == nil {
			return r.host.AuthorityOf(n)
		}
	}
	return ns.RootAuthority
}
