// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"time"

	"github.com/nsinspect/nsinspect/pkg/ns"
)

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
	pid := name.PID()
	if name.Kind != ns.NameSymlink || pid == 0 || name.Made.IsZero() || x.foreignPIDs() != "" {
		return f, false
	}
	p := x.process(pid)
	if p == nil || p.Started.IsZero() || !p.Started.After(name.Made.Add(ns.ClockSlack)) {
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
