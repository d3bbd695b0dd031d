// SPDX-License-Identifier: Apache-2.0

package owner

import (
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/nsinspect/nsinspect/internal/host"
	"github.com/nsinspect/nsinspect/internal/kernel"
	"github.com/nsinspect/nsinspect/pkg/ns"
)

// daemon is a process of a runtime whose command line has the paths of its files.
type daemon struct {
	pid       ns.TaskID
	authority ns.Authority // who runs it
	name      string
	args      []string
}

// daemonNames are what such processes are called.
var daemonNames = []string{"dockerd", "containerd", "crio", "conmon"}

// running returns the daemons of a name: those that are trusted, or the others. Anybody
// can call a process by that name.
func (r *reader) running(name string, trusted bool) []daemon {
	var those []daemon
	for _, d := range r.daemons {
		if d.name == name && d.authority.Trusted == trusted {
			those = append(those, d)
		}
	}
	return those
}

// flag returns the value of the first of these flags that is there: "--name
// value", "--name=value" or, of a single letter, "-n value".
func (d *daemon) flag(names ...string) string {
	for i, arg := range d.args {
		bare := strings.TrimLeft(arg, "-")
		if bare == arg {
			continue
		}
		name, value, has := strings.Cut(bare, "=")
		if !slices.Contains(names, name) {
			continue
		}
		if !has && i+1 < len(d.args) {
			value = d.args[i+1]
		}
		return value
	}
	return ""
}

// findDaemons looks for the runtimes' processes. Reading the name of every process
// of a machine would cost as much as the scan has; so with all, or where
// process groups cannot be read, every process is looked
// at, and else those that lead a process group in the host's own network
// namespace, as what a service manager or a shell starts does. Of tasks, whose names were read
// before, only those are looked at that have the name of a daemon.
func (r *reader) findDaemons(pids []ns.TaskID, all bool, tasks map[ns.TaskID]host.Task) {
	all = all || !r.host.OwnTaskIDs()
	var mu sync.Mutex
	r.eachIndex(len(pids), func(i int) {
		pid := pids[i]
		if !all {
			if own, ok := r.host.Own(pid); ok && !kernel.LeadsGroup(own) {
				return
			}
		}
		if t, known := tasks[pid]; known && !isDaemon(t.Stat.Comm) {
			return
		}
		comm, err := r.host.ReadProc(pid, "comm", 64)
		name := strings.TrimSuffix(string(comm), "\n")
		shim := isShim(name)
		if name == "conmon" || shim {
			r.monitors.Store(true)
		}
		if shim {
			mu.Lock()
			defer mu.Unlock()
			r.shims = append(r.shims, pid)
			return
		}
		if err != nil || !slices.Contains(daemonNames, name) {
			return // what ended meanwhile keeps nothing
		}
		cmdline, err := r.host.ReadProc(pid, "cmdline", mostArgs)
		if err != nil || !r.host.SharesRoot(pid) {
			return
		}
		d := daemon{pid: pid, authority: r.host.ProcessAuthority(pid), name: name, args: strings.Split(strings.TrimSuffix(string(cmdline), "\x00"), "\x00")}
		mu.Lock()
		defer mu.Unlock()
		r.daemons = append(r.daemons, d)
	})
	slices.Sort(r.shims)
	slices.SortFunc(r.daemons, func(a, b daemon) int { return int(a.pid - b.pid) })
}

// isDaemon reports whether findDaemons looks for processes of a name.
func isDaemon(name string) bool {
	return slices.Contains(daemonNames, name) || isShim(name)
}

func isShim(name string) bool { return strings.HasPrefix(name, "containerd-shim") }

// processesOf returns the processes of a snapshot that a daemon of the machine
// may be: those in the host's own network namespace, where the snapshot has it.
func processesOf(s *ns.Snapshot) []ns.TaskID {
	var pids []ns.TaskID
	seen := map[ns.TaskID]bool{}
	for i := range s.Namespaces {
		n := &s.Namespaces[i]
		if s.Initial[n.Type] != 0 && n.Type == ns.Net && !n.Initial {
			continue
		}
		for j := range n.Holders {
			if h := &n.Holders[j]; h.Kind == ns.KindProcess && h.PID > 0 && h.Via == ns.NoVia && !seen[h.PID] {
				seen[h.PID] = true
				pids = append(pids, h.PID)
			}
		}
		if n.Type == ns.Net && n.Initial {
			break
		}
	}
	return pids
}

// processes lists every process of the host.
func (r *reader) processes() []ns.TaskID {
	t, err := r.host.OpenTree("/proc")
	if err != nil {
		r.gap("/proc", err)
		return nil
	}
	defer t.Close()
	var pids []ns.TaskID
	for _, name := range r.list(t, ".", nil) {
		if pid, ok := ns.ParseTaskID(name); ok {
			pids = append(pids, pid)
		}
	}
	return pids
}

// homes returns the home directories of the users who have a Podman, by UID.
func (r *reader) homes() map[string]string {
	homes := map[string]string{}
	t := r.open("/run/user", ns.RootAuthority)
	if t == nil {
		return homes
	}
	defer t.Close()
	users := r.list(t, ".", func(name string) bool { return name != "0" })
	if len(users) == 0 {
		return homes
	}
	for line := range strings.Lines(string(r.config("/etc/passwd"))) {
		f := strings.Split(strings.TrimSuffix(line, "\n"), ":")
		if len(f) == 7 && slices.Contains(users, f[2]) && absolute(f[5]) {
			homes[f[2]] = f[5]
		}
	}
	if t.Path() == "/run/user" && r.host.Live() { // whoever runs this may have another one
		if home, uid := os.Getenv("HOME"), os.Getuid(); uid != 0 && absolute(home) {
			homes[strconv.Itoa(uid)] = home
		}
	}
	return homes
}

// userAuthority returns the authority of a user by the number that a directory has.
func (r *reader) userAuthority(uid string) ns.Authority {
	n, err := strconv.Atoi(uid)
	if err != nil {
		return ns.UnknownAuthority
	}
	return r.host.AuthorityOf(n)
}
