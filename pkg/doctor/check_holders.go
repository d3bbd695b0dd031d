// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/nsinspect/nsinspect/pkg/scan"
)

// findForeignMount finds namespaces without processes that are mounted in other
// mount namespaces and not in ours.
func findForeignMount(x *exam) (all []Finding) {
	for _, n := range x.inState(foreign) {
		if x.pinned(n) {
			continue
		}
		x.describe(n)
		f := x.about(n)
		f.Summary = "no process is in it: mounts in other mount namespaces keep it"
		var fixes []string
		for i := range n.Holders {
			h := &n.Holders[i]
			if h.Kind != scan.KindMount {
				continue
			}
			f.Path = cmp.Or(f.Path, h.Path)
			f.Evidence = append(f.Evidence, fmt.Sprintf("mounted at %s in %s", cmp.Or(h.Path, "no path"), x.where(h)))
			fixes = append(fixes, unmountIn(h))
		}
		f.Evidence = few(f.Evidence, 3)
		f.Meaning = "A container that was given the host's /run, or a service with mounts of its own, has a copy of a name that was taken away here. " +
			"It keeps the namespace until it unmounts it or ends."
		f.Fix = few(slices.Compact(fixes), 3)
		x.dated(&f)
		x.networked(&f)
		x.doubt(&f, "process", "thread")
		all = append(all, f)
	}
	return all
}

// findHeldElsewhere finds namespaces that live only by files or sockets of
// processes that are not in them.
func findHeldElsewhere(x *exam) (all []Finding) {
	for _, n := range x.inState(elsewhere) {
		x.describe(n)
		if x.state(n) != elsewhere {
			continue // it has lost all that held it
		}
		f := x.about(n)
		f.Summary = "no process is in it and it has no name: " + join(n.Tally()) + " of processes elsewhere keep it"
		pids := map[int]bool{}
		for i := range n.Holders {
			h := &n.Holders[i]
			f.Evidence = append(f.Evidence, x.holds(h))
			pids[h.PID] = true
		}
		f.Evidence = few(f.Evidence, 4)
		f.Meaning = "Nobody can find it by ip netns or lsns. It goes when the program closes what it has open; a leak of descriptors looks like this."
		for _, pid := range slices.Sorted(maps.Keys(pids)) {
			if cmd := x.restart(pid); cmd != "" {
				f.Fix = append(f.Fix, cmd)
			}
		}
		f.Fix = few(f.Fix, 3)
		x.dated(&f)
		x.networked(&f)
		x.doubt(&f, "process", "thread", "mount")
		all = append(all, f)
	}
	return all
}

// holds says in a phrase how something holds a namespace.
func (x *exam) holds(h *scan.Holder) string {
	what := h.Kind.String()
	if words := strings.TrimSpace(h.Family + " " + h.Type + " " + h.Device); words != "" {
		what = words + " " + what
	}
	if h.Kind.HasFD() && h.FD >= 0 {
		return fmt.Sprintf("%s: fd %d of %s", what, h.FD, x.who(h.PID))
	}
	return what + " of " + x.who(h.PID)
}

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

// findKernelOnly finds namespaces that live and that nothing visible explains.
func findKernelOnly(x *exam) (all []Finding) {
	for _, n := range x.inState(kernel) {
		refs := 0
		for i := range n.Holders {
			refs += n.Holders[i].Refs
		}
		f := x.about(n)
		f.Summary = "nothing visible keeps it, and yet it lives"
		f.Evidence = append(f.Evidence, fmt.Sprintf("the kernel counts %d references to it", refs))
		f.Meaning = "Something inside the kernel holds it: a file below its /proc/net, a mount of NFS or SMB made in it, a detached mount, a leak in a driver. " +
			"Neither lsns nor ip netns shows it."
		f.Fix = []string{fmt.Sprintf("nsinspect who-uses %d   # again: what holds it may show up", n.Inode)}
		x.dated(&f)
		x.networked(&f)
		x.doubt(&f, "process", "thread", "fd", "socket", "mmap", "inflight", "mount")
		if !x.snap.MountsAll {
			f.Severity = Unknown
			f.Evidence = append(f.Evidence, "not certain: mount namespaces that no process is in were not read")
		}
		if orphans := x.closing(); orphans > 0 && orphans >= refs {
			f.Severity = Unknown
			f.Evidence = append(f.Evidence, fmt.Sprintf("not certain: %d TCP connections of ended processes are still closing and may hold it, for some minutes", orphans))
		}
		all = append(all, f)
	}
	return all
}

// closing returns how many TCP connections, of any network namespace, no process
// has any more and still wait for their peer: each holds its namespace
// (net/ipv4/proc.c, sockstat_seq_show, which counts those of all, 6.18).
func (x *exam) closing() int {
	n := x.snap.Find(x.snap.Initial[scan.Net])
	if n == nil || n.Leader == nil {
		return 0
	}
	text, err := x.host.ReadProc(n.Leader.PID, "net/sockstat", 4096)
	if err != nil {
		return 0
	}
	return orphans(string(text))
}

// orphans reads the number behind "orphan" of a sockstat file.
func orphans(sockstat string) int {
	words := strings.Fields(sockstat)
	i := slices.Index(words, "orphan")
	if i < 0 || i+1 == len(words) {
		return 0
	}
	n, err := strconv.Atoi(words[i+1])
	if err != nil || n < 0 {
		return 0
	}
	return n
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
