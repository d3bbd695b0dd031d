// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/nsinspect/nsinspect/pkg/ns"
)

// findSplitThread finds threads that are in another namespace than their process.
// One whose process's first thread has ended is not split from anything.
func findSplitThread(x *inspection) (all []Finding) {
	for i := range x.snap.Namespaces {
		n := &x.snap.Namespaces[i]
		split := x.splitThreads(n)
		for _, pid := range slices.Sorted(maps.Keys(split)) {
			if !x.watches(n, pid) {
				all = append(all, x.split(n, pid, split[pid]))
			}
		}
	}
	return all
}

// splitThreads returns the threads in a namespace whose process is in another one,
// by process, as far as they are still there.
func (x *inspection) splitThreads(n *ns.Namespace) map[ns.TaskID][]*ns.Holder {
	threads := ns.Namespace{Type: n.Type, Inode: n.Inode}
	for i := range n.Holders {
		h := n.Holders[i]
		if h.Kind == ns.KindThread && x.homes[h.PID] != 0 && x.homes[h.PID] != n.Inode {
			threads.Holders = append(threads.Holders, h)
		}
	}
	split := map[ns.TaskID][]*ns.Holder{}
	if len(threads.Holders) > 0 {
		x.describe(&threads)
	}
	for i := range threads.Holders {
		h := &threads.Holders[i]
		split[h.PID] = append(split[h.PID], h)
	}
	return split
}

func (x *inspection) split(n *ns.Namespace, pid ns.TaskID, threads []*ns.Holder) Finding {
	home := x.snap.Find(x.homes[pid])
	about, one := n, "a thread of "+x.who(pid)+" is in it, and the process is in "+x.named(home)
	if len(threads) > 1 {
		one = fmt.Sprintf("%d threads of %s are in it, and the process is in %s", len(threads), x.who(pid), x.named(home))
	}
	if n.Initial { // it is the first thread that has left: the process is where that is
		about, one = home, fmt.Sprintf("the first thread of %s is in it, and others are in %s: %d of them", x.who(pid), x.named(n), len(threads))
	}
	f := x.about(about)
	f.marks, f.Since, f.Summary = nil, started(threads), one
	for _, t := range threads {
		f.marks = append(f.marks, fmt.Sprintf("%d %d", n.Inode, t.TID))
		text := fmt.Sprintf("thread %d", t.TID)
		if t.Process != nil {
			text += fmt.Sprintf(" (%s), started %s", t.Process.Comm, stamp(t.Process.Started))
		}
		f.Evidence = append(f.Evidence, text)
	}
	f.Evidence = few(f.Evidence, 4)
	if about.Processes() == 0 && about.Count(ns.KindMount) == 0 {
		f.Evidence = append(f.Evidence, "no process is in it, and it has no name")
	}
	f.Meaning = "The program moved a thread with setns or unshare and did not move it back. In Go any goroutine may run on that thread next " +
		"and use the wrong network; the thread also keeps the namespace alive. A program that means to keep a thread there looks the same."
	if cmd := x.restart(pid); cmd != "" {
		f.Fix = []string{cmd}
	}
	f.Owner = x.owners().Process(pid)
	return f
}

// named names a namespace in a sentence.
func (x *inspection) named(n *ns.Namespace) string {
	if n.Initial {
		return n.String() + ", the host's"
	}
	return n.String()
}

// watches reports whether dockerd has a thread in a swarm network's namespace on
// purpose: it waits there for neighbours that are missing (libnetwork's overlay
// driver, watchMiss).
func (x *inspection) watches(n *ns.Namespace, pid ns.TaskID) bool {
	p := x.process(pid)
	return p != nil && p.Comm == "dockerd" &&
		slices.ContainsFunc(n.Holders, func(h ns.Holder) bool { return h.Kind == ns.KindMount && x.swarms(h.Path) })
}

// started returns when the oldest of some threads was, the zero time if unknown.
func started(threads []*ns.Holder) (first time.Time) {
	for _, t := range threads {
		if p := t.Process; p != nil && !p.Started.IsZero() && (first.IsZero() || p.Started.Before(first)) {
			first = p.Started
		}
	}
	return first
}
