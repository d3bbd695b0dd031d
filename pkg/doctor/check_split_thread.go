// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/nsinspect/nsinspect/pkg/scan"
)

// findSplitThread finds threads that are in another namespace than their process.
// One whose process's first thread has ended is not split from anything.
func findSplitThread(x *exam) (all []Finding) {
	for i := range x.snap.Namespaces {
		n := &x.snap.Namespaces[i]
		if !slices.ContainsFunc(n.Holders, func(h scan.Holder) bool { return h.Kind == scan.KindThread }) {
			continue
		}
		x.describe(n)
		split := map[int][]*scan.Holder{}
		for j := range n.Holders {
			h := &n.Holders[j]
			if h.Kind == scan.KindThread && x.homes[h.PID] != 0 && x.homes[h.PID] != n.Inode {
				split[h.PID] = append(split[h.PID], h)
			}
		}
		for _, pid := range slices.Sorted(maps.Keys(split)) {
			if !x.watches(n, pid) {
				all = append(all, x.split(n, pid, split[pid]))
			}
		}
	}
	return all
}

func (x *exam) split(n *scan.Namespace, pid int, threads []*scan.Holder) Finding {
	f := x.about(n)
	f.marks, f.Since = nil, started(threads)
	one := "a thread of " + x.who(pid) + " is"
	if len(threads) > 1 {
		one = fmt.Sprintf("%d threads of %s are", len(threads), x.who(pid))
	}
	home := scan.FormatLink(scan.Net, x.homes[pid])
	if x.homes[pid] == x.snap.Initial[scan.Net] {
		home += ", the host's"
	}
	f.Summary = fmt.Sprintf("%s in it, and the process is in %s", one, home)
	for _, t := range threads {
		f.marks = append(f.marks, fmt.Sprintf("%d %d", n.Inode, t.TID))
		text := fmt.Sprintf("thread %d", t.TID)
		if t.Process != nil {
			text += fmt.Sprintf(" (%s), started %s", t.Process.Comm, stamp(t.Process.Started))
		}
		f.Evidence = append(f.Evidence, text)
	}
	f.Evidence = few(f.Evidence, 4)
	if n.Processes() == 0 && n.Count(scan.KindMount) == 0 {
		f.Evidence = append(f.Evidence, "nothing else is in it, and it has no name")
	}
	f.Meaning = "The program moved a thread with setns or unshare and did not move it back. In Go any goroutine may run on that thread next " +
		"and use the wrong network; the thread also keeps the namespace alive. A program that means to keep a thread there looks the same."
	if cmd := x.restart(pid); cmd != "" {
		f.Fix = []string{cmd}
	}
	f.Owner = x.owners().Process(pid)
	return f
}

// watches reports whether dockerd has a thread in a swarm network's namespace on
// purpose: it waits there for neighbours that are missing (libnetwork's overlay
// driver, watchMiss).
func (x *exam) watches(n *scan.Namespace, pid int) bool {
	p := x.process(pid)
	return p != nil && p.Comm == "dockerd" &&
		slices.ContainsFunc(n.Holders, func(h scan.Holder) bool { return h.Kind == scan.KindMount && x.swarms(h.Path) })
}

// started returns when the oldest of some threads was, the zero time if unknown.
func started(threads []*scan.Holder) (first time.Time) {
	for _, t := range threads {
		if p := t.Process; p != nil && !p.Started.IsZero() && (first.IsZero() || p.Started.Before(first)) {
			first = p.Started
		}
	}
	return first
}
