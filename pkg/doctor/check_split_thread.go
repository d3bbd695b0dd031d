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
	for _, t := range ns.Types() {
		if t == ns.Net {
			all = append(all, x.splitIn(t, x.homes)...)
		} else if x.opts.covers(t) {
			if w := x.wide(checkSplitThread); w != nil {
				all = append(all, w.splitIn(t, w.homesOf(t))...)
			}
		}
	}
	return all
}

// splitIn finds threads that are in another namespace of a type than their process.
func (x *inspection) splitIn(t ns.Type, homes map[ns.TaskID]uint64) (all []Finding) {
	for i := range x.snap.Namespaces {
		n := &x.snap.Namespaces[i]
		if n.Type != t {
			continue
		}
		split := x.splitThreads(n, homes)
		for _, pid := range slices.Sorted(maps.Keys(split)) {
			if !x.watches(n, pid) {
				all = append(all, x.split(n, x.snap.Find(homes[pid]), pid, split[pid]))
			}
		}
	}
	return all
}

// splitThreads returns the threads in a namespace whose process is in another one,
// by process, as far as they are still there.
func (x *inspection) splitThreads(n *ns.Namespace, homes map[ns.TaskID]uint64) map[ns.TaskID][]*ns.Holder {
	threads := ns.Namespace{Type: n.Type, Inode: n.Inode}
	for i := range n.Holders {
		h := n.Holders[i]
		if h.Kind == ns.KindThread && h.Via == ns.NoVia && homes[h.PID] != 0 && homes[h.PID] != n.Inode {
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

func (x *inspection) split(n, home *ns.Namespace, pid ns.TaskID, threads []*ns.Holder) Finding {
	about := n
	if n.Initial {
		about = home
	}
	f := x.about(about)
	f.marks, f.Since, f.PID = nil, started(threads), pid
	for _, t := range threads {
		f.marks = append(f.marks, fmt.Sprintf("%d %d", n.Inode, t.TID))
	}
	f.write(x.adviser().SplitThread(n, home, about, threads))
	if p := x.process(pid); p != nil {
		f.Owner = x.owners().Of(pid, p.Born)
	}
	return f
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
