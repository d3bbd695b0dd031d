// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/nsinspect/nsinspect/pkg/ns"
)

// clockSlack is what lies between a symlink's time and a process's start that are
// one: the first is of the wall clock at that time, the second is counted from
// when the machine booted by the clock of now.
const clockSlack = 2 * time.Second

// findReusedPID finds symlinks to /proc/PID whose process was started after them.
func findReusedPID(x *inspection) (all []Finding) {
	for i := range x.snap.Namespaces {
		n := &x.snap.Namespaces[i]
		for _, name := range n.Names {
			if f, ok := x.reused(n, name); ok {
				all = append(all, f)
			}
		}
	}
	return all
}

func (x *inspection) reused(n *ns.Namespace, name ns.Name) (f Finding, ok bool) {
	pid := pidOf(name.Path, name.Target)
	if name.Kind != ns.NameSymlink || pid == 0 || name.Made.IsZero() || x.foreignPIDs() != "" {
		return f, false
	}
	p := x.process(pid)
	if p == nil || p.Started.IsZero() || !p.Started.After(name.Made.Add(clockSlack)) {
		return f, false
	}
	f = Finding{
		Authority: name.Authority,
		Severity:  Critical, Subject: name.Path, Path: name.Path, Namespace: n, Since: p.Started,
		Owner: x.owners().Of(pid, p.Born), marks: []string{name.Path},
	}
	boot := x.booted()
	switch {
	case name.Made.Before(boot):
		f.Severity = Unknown
	case !name.Authority.Trusted:
		f.Severity, boot = Warning, time.Time{} // whoever made the link gave it its time
	default:
		boot = time.Time{}
	}
	f.write(x.adviser().ReusedPID(n, name, p, boot))
	return f, true
}

// booted returns when the machine booted, the zero time if that is unknown.
func (x *inspection) booted() time.Time {
	if n := x.snap.Find(x.snap.Initial[ns.Net]); n != nil && n.Age.From == ns.FromBoot {
		return n.Age.Since
	}
	return time.Time{}
}

// pidOf returns the PID that the target of a symlink at a path names, 0 if it
// does not lead into /proc/PID.
func pidOf(name, target string) ns.TaskID {
	if target == "" {
		return 0
	}
	if !path.IsAbs(target) {
		target = path.Join(path.Dir(name), target)
	}
	rest, ok := strings.CutPrefix(path.Clean(target), "/proc/")
	if !ok {
		return 0
	}
	text, _, _ := strings.Cut(rest, "/")
	pid, err := strconv.Atoi(text)
	if err != nil || pid < 1 {
		return 0
	}
	return ns.TaskID(pid)
}
