// SPDX-License-Identifier: Apache-2.0

package owner

import (
	"bytes"
	"path"
	"strconv"
	"strings"
)

// learn looks for what is written down of a container that is new, or whose
// runtime keeps its files where nothing has told yet: the shim or monitor above its
// processes, which outlives a killed daemon, runs in the bundle or names it. The
// caller holds the lock.
func (x *Index) learn(pid int, id string) {
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

// readAbove reads the runtime's files that a process above a container leads to.
func (r *reader) readAbove(pid int) {
	const most = 64 // generations between a process and the shim of its container
	for range most {
		if pid = r.parent(pid); pid <= 1 {
			return
		}
		comm, err := r.host.ReadProc(pid, "comm", 64)
		if err != nil {
			r.gap("/proc/"+itoa(pid)+"/comm", err)
			return
		}
		switch name := strings.TrimSpace(string(comm)); {
		case strings.HasPrefix(name, "containerd-shim"):
			bundle, err := r.host.ReadProcLink(pid, "cwd")
			if err != nil {
				r.gap("/proc/"+itoa(pid)+"/cwd", err)
				return
			}
			if absolute(bundle) && strings.HasPrefix(path.Base(path.Dir(path.Dir(bundle))), "io.containerd.") {
				r.containerdPlugin(path.Dir(path.Dir(bundle)))
			}
			return
		case name == "conmon":
			if cmdline, err := r.host.ReadProc(pid, "cmdline", 1<<20); err == nil {
				d := daemon{args: strings.Split(string(cmdline), "\x00")}
				r.storages([]storage{d.conmonStorage()})
			}
			return
		}
	}
}

// parent returns the parent of a process, 0 if it has none or has ended.
func (r *reader) parent(pid int) int {
	stat, err := r.host.ReadProc(pid, "stat", 4096)
	if err != nil {
		return 0
	}
	f := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	if len(f) < 2 {
		return 0
	}
	ppid, err := strconv.Atoi(string(f[1]))
	if err != nil {
		return 0
	}
	return ppid
}

func itoa(n int) string { return strconv.Itoa(n) }
