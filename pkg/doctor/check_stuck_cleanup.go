// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/nsinspect/nsinspect/internal/explain"
	"github.com/nsinspect/nsinspect/pkg/ns"
)

// How long the kernel's worker is watched before it is called stuck: for as long
// as the kernel itself waits before it complains that a device does not become
// free (net/core/dev.c, netdev_unregister_timeout_secs, 6.18). Tests set less.
var (
	cleanupLooks = 12
	cleanupPause = time.Second
)

// worker is what a kernel worker in uninterruptible sleep (state D) was seen doing.
type worker struct {
	pid      ns.TaskID
	comm     string
	switches string // how often it has been switched away from, by /proc
	stack    string // "" if it may not be read
}

// findStuckCleanup finds the worker that takes dead network namespaces away, one
// after the other, in a wait that does not end: then none goes away any more. It
// takes long to be certain, and is certain soon if no such worker is at work.
func findStuckCleanup(x *inspection) []Finding {
	pids := x.workers()
	if pids == nil {
		x.unseen[checkStuckCleanup] = explain.NoKernelThreads
		return nil
	}
	for _, pid := range pids {
		if w, ok := x.cleaning(pid); ok && x.stuck(w) {
			return []Finding{x.stuckFinding(w)}
		}
	}
	return nil
}

// stuck watches a worker.
func (x *inspection) stuck(first worker) bool {
	looks := cleanupLooks
	if x.again {
		looks = 0 // it has been watched
	}
	for range looks {
		select {
		case <-x.ctx.Done():
			return false
		case <-time.After(cleanupPause):
		}
		if now, ok := x.cleaning(first.pid); !ok || !now.as(first) {
			return false
		}
	}
	return true
}

// as reports whether a worker has got nowhere since an earlier look: it has not
// run at all, or it wakes up again and again to see whether a device is free.
func (w worker) as(before worker) bool {
	const wait = "netdev_wait_allrefs"
	return w.switches == before.switches || strings.Contains(w.stack, wait) && strings.Contains(before.stack, wait)
}

func (x *inspection) stuckFinding(w worker) Finding {
	return Finding{
		Authority: ns.KernelAuthority,
		Severity:  Critical, Subject: fmt.Sprintf("kernel worker %d (%s)", w.pid, w.comm), marks: []string{w.pid.String()},
		Text: x.adviser().StuckCleanup(w.pid, time.Duration(cleanupLooks)*cleanupPause, functions(w.stack)),
	}
}

// workers returns the kernel's threads, nil if they cannot be seen.
func (x *inspection) workers() []ns.TaskID {
	comm, err := x.host.ReadProc(kthreadd, "comm", 64)
	if err != nil || strings.TrimSpace(string(comm)) != "kthreadd" {
		return nil
	}
	pids := []ns.TaskID{}
	text, err := x.host.ReadProc(kthreadd, fmt.Sprintf("task/%d/children", kthreadd), 1<<20)
	if err == nil {
		for _, word := range strings.Fields(string(text)) {
			if pid, ok := ns.ParseTaskID(word); ok {
				pids = append(pids, pid)
			}
		}
		return pids
	}
	// Without CONFIG_PROC_CHILDREN: whoever is one by the kernel's word.
	for pid := range x.homes {
		if x.host.IsKernelThread(pid) {
			pids = append(pids, pid)
		}
	}
	slices.Sort(pids)
	return pids
}

// kthreadd is the parent of the kernel's threads (init/main.c, rest_init).
const kthreadd = 2

// cleaning reads what a kernel thread does. It reports false if that is not to
// sleep in cleanup_net. Its name shows the work queue that it works for at the
// moment behind a plus (kernel/workqueue.c, wq_worker_comm, 6.18), and needs no
// privilege; its stack needs CAP_SYS_ADMIN and CONFIG_STACKTRACE.
func (x *inspection) cleaning(pid ns.TaskID) (w worker, ok bool) {
	stat, err := x.host.ReadProc(pid, "stat", 4096)
	if err != nil {
		return w, false // ended
	}
	comm, state := parseState(string(stat))
	if state != 'D' {
		return w, false
	}
	w.pid, w.comm = pid, comm
	stack, err := x.host.ReadProc(pid, "stack", 1<<16)
	if err == nil {
		w.stack = string(stack)
	}
	if w.stack != "" && !strings.Contains(w.stack, "cleanup_net") || w.stack == "" && !strings.HasSuffix(w.comm, "+netns") {
		return w, false
	}
	status, err := x.host.ReadProc(pid, "status", 1<<16)
	if err != nil {
		return w, false
	}
	w.switches = switches(string(status))
	return w, true
}

// parseState reads name and state of a stat line.
func parseState(stat string) (comm string, state byte) {
	open, end := strings.IndexByte(stat, '('), strings.LastIndexByte(stat, ')')
	if open < 0 || end < open || len(stat) < end+3 {
		return "", 0
	}
	return stat[open+1 : end], stat[end+2]
}

// switches reads the two counts of context switches of a status file.
func switches(status string) string {
	var counts []string
	for line := range strings.Lines(status) {
		if name, n, ok := strings.Cut(line, ":"); ok && strings.HasSuffix(name, "voluntary_ctxt_switches") {
			counts = append(counts, strings.TrimSpace(n))
		}
	}
	return strings.Join(counts, " ")
}

// functions reads the names of the functions of a stack file.
func functions(stack string) (names []string) {
	for line := range strings.Lines(stack) {
		_, name, ok := strings.Cut(line, "] ")
		name, _, _ = strings.Cut(name, "+")
		if name = strings.TrimSpace(name); ok && name != "" {
			names = append(names, name)
		}
	}
	return names
}
