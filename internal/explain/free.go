// SPDX-License-Identifier: Apache-2.0

package explain

import (
	"cmp"
	"fmt"
	"iter"
	"slices"

	"github.com/nsinspect/nsinspect/internal/text"
	"github.com/nsinspect/nsinspect/pkg/ns"
	"github.com/nsinspect/nsinspect/pkg/owner"
)

// Free returns what frees a namespace: a step for everything that holds it, in the order
// in which they are to be done. What an owner can be stopped for comes first, then
// processes and descriptors, then mounts: one that is open cannot be unmounted. What frees
// its children comes before what frees it alone, of which that is often a part.
func (a *Adviser) Free(n *ns.Namespace) iter.Seq[Fix] {
	return func(yield func(Fix) bool) {
		if n.Count(ns.KindChild) > 0 {
			yield = once(yield)
		}
		a.free(n, map[uint64]bool{}, yield)
	}
}

// free is Free, without the steps for namespaces that were freed before. It reports false if
// yield did.
func (a *Adviser) free(n *ns.Namespace, before map[uint64]bool, yield func(Fix) bool) bool {
	if n.Initial || before[n.Inode] {
		return true
	}
	before[n.Inode] = true
	for i := range n.Holders {
		if h := &n.Holders[i]; h.Kind == ns.KindChild && !a.freeChild(h.Child, before, yield) {
			return false
		}
	}
	whole := a.stopsWhole(n) // the container that the namespace was made for is stopped
	steps := a.freeTasks(n, whole)
	for _, fixes := range steps[:len(steps)-1] {
		if !yieldAll(fixes, yield) {
			return false
		}
	}
	return a.unmount(n, whole, yield) && yieldAll(steps[len(steps)-1], yield)
}

func yieldAll(fixes []Fix, yield func(Fix) bool) bool {
	for _, f := range fixes {
		if !yield(f) {
			return false
		}
	}
	return true
}

// freeTasks returns the steps for all that holds a namespace but children and mounts, in their
// order, and last those for what nothing explains.
func (a *Adviser) freeTasks(n *ns.Namespace, whole bool) [][]Fix {
	var owners, tasks, files, sockets, maps, queued, kernel []Fix
	var like int
	for i := 0; i < len(n.Holders); i += like {
		h := &n.Holders[i]
		like = alike(n.Holders[i:])
		if h.Kind == ns.KindMount || h.Kind == ns.KindChild || whole && a.attends(n, h) {
			continue
		}
		if f, ok := a.ownerStep(n, h); ok {
			owners = append(owners, f)
			continue
		}
		if h.Kind == ns.KindKernel {
			kernel = append(kernel, a.find(n, h))
			continue
		}
		f := a.endAll(a.maker(n), n.Holders[i:i+like])
		switch h.Kind {
		case ns.KindProcess, ns.KindThread:
			tasks = append(tasks, f...)
		case ns.KindFD:
			files = append(files, f...)
		case ns.KindSocket, ns.KindTun:
			sockets = append(sockets, f...)
		case ns.KindMmap:
			maps = append(maps, f...)
		case ns.KindInflight:
			if len(queued) == 0 || len(f) > 1 || queued[len(queued)-1] != f[0] {
				queued = append(queued, f...)
			}
		}
	}
	stop := owners[:0]
	yieldAll(owners, once(func(f Fix) bool { stop = append(stop, f); return true }))
	return [][]Fix{stop, tasks, files, sockets, maps, queued, kernel}
}

// freeChild yields the steps that free a child. It may be known by a name alone, whose
// holders cannot be seen.
func (a *Adviser) freeChild(n *ns.Namespace, before map[uint64]bool, yield func(Fix) bool) bool {
	if len(n.Holders) == 0 {
		return yield(Fix{verb: "find", object: "what keeps " + text.Title(n) + " alive"})
	}
	return a.free(n, before, yield)
}

// stopsWhole reports whether a step stops whoever is in a namespace.
func (a *Adviser) stopsWhole(n *ns.Namespace) bool {
	for i := range n.Holders {
		h := &n.Holders[i]
		if !h.IsTask() {
			continue
		}
		if _, ok := a.ownerStep(n, h); ok {
			return true
		}
	}
	return false
}

// ownerStep returns the step that stops or restarts whoever has a holder of a namespace.
// Whoever is in it is stopped; one that only has it open is started anew.
func (a *Adviser) ownerStep(n *ns.Namespace, h *ns.Holder) (Fix, bool) {
	o := a.owner(n, h)
	if a.spared(a.maker(n), h, o) {
		return Fix{}, false
	}
	do := restart
	if h.Kind == ns.KindProcess {
		do = stop
	}
	if cmd := do(o); cmd != "" {
		return run(a.unpaused(o, h, cmd)), true
	}
	return Fix{}, false
}

// spared reports whether the owner of a holder is neither stopped nor started anew for it: it is a
// daemon that others depend on, or the holder is there by the word of a user, which is no reason
// to stop what is root's. maker is whose what is held is.
func (a *Adviser) spared(maker ns.Authority, h *ns.Holder, o *owner.Owner) bool {
	return h.PID <= 1 || !h.IsTask() && h.Process != nil && a.guarded(h, h.Process.Comm) ||
		!maker.Trusted || a.handed(maker, h) != "" || a.guest(h, o)
}

// restart returns the step that ends the process of a thread in a namespace in the way of
// whoever runs it. maker is whose what the thread was moved between is.
func (a *Adviser) restart(n *ns.Namespace, h *ns.Holder, maker ns.Authority) Fix {
	if h.PID > 1 && maker.Trusted && (h.Process == nil || !a.guarded(h, h.Process.Comm)) {
		if cmd := restart(a.owner(n, h)); cmd != "" {
			return run(cmd)
		}
	}
	return a.end(maker, h)
}

// endAll returns the steps that take away holders that are alike, of which the last is for all
// beyond the first.
func (a *Adviser) endAll(maker ns.Authority, all []ns.Holder) (steps []Fix) {
	for i := range min(len(all), mostAlike) {
		steps = append(steps, a.end(maker, &all[i]))
	}
	if last := len(steps) - 1; len(all) > mostAlike {
		steps[last].more, steps[last].others = len(all)-mostAlike, others(len(all)-mostAlike, &all[0], whoSince)
		if why := a.handed(maker, &all[0]); why != "" {
			steps[last].others += ": " + why
		}
	}
	return steps
}

// end returns the step that takes a holder away which is not a mount: by its process,
// which nobody owns. maker is whose the namespace is.
func (a *Adviser) end(maker ns.Authority, h *ns.Holder) Fix {
	f := Fix{Command: a.kill(h), noun: h.Kind.Plural(2)}
	if h.Closing() {
		f.verb, f.object = "wait for", closing(h)
		return f
	}
	switch h.Kind {
	case ns.KindProcess, ns.KindThread:
		f.verb, f.object, f.exact = "end", who(h), whoSince(h)
		if a.freezer(h.PID).Frozen() {
			f.object, f.exact = f.object+", which is frozen", f.exact+", which is frozen"
		}
	case ns.KindMmap:
		f.verb, f.object, f.exact = "end", "the mapping of a packet ring by "+who(h), "the mapping of a packet ring by "+whoSince(h)
	case ns.KindInflight:
		f.verb, f.object = "have received, or close,", queue(h)
		if h.PID == 0 && a.seesAll() {
			f.verb, f.object = "wait", unreachable
		}
	default:
		f.verb, f.object, f.exact = "close", descriptor(h, who), descriptor(h, whoSince)
		if h.FD < 0 {
			f.verb = "end"
		}
	}
	if why := a.handed(maker, h); why != "" {
		f.Command, f.object, f.exact = "", f.object+": "+why, cmp.Or(f.exact, f.object)+": "+why
	}
	return f
}

// unreachable is when a file goes that waits in a unix socket which is itself in flight alone, in a
// circle: nobody can receive it (net/unix/garbage.c, unix_gc, which unix_release_sock calls, 5.10 to 6.18).
const unreachable = "until any process closes a unix socket: the kernel then frees files in flight whose socket no process has"

// seesAll reports whether no process, and nothing that it has open, may be hidden from the scan.
func (a *Adviser) seesAll() bool {
	return !slices.ContainsFunc(a.Snapshot.Gaps, func(g ns.Gap) bool { return slices.ContainsFunc(g.Sources, holds) })
}

// closing names a TCP connection that no process has any more. How long it stays depends on
// the peer and on tcp_orphan_retries (tcp_write_timeout, net/ipv4/tcp_timer.c).
func closing(h *ns.Holder) string {
	s := h.Socket.Words()
	return fmt.Sprintf("the TCP connection to %s, which no process has any more, to end (%s)", s.Peer, s.State)
}

// find returns the step for references that no holder explains.
func (a *Adviser) find(n *ns.Namespace, h *ns.Holder) Fix {
	what := "the reference"
	if h.Refs > 1 {
		what = "the " + References(int(h.Refs))
	}
	switch c := a.causeOf(n, int(h.Refs)); {
	case h.Refs == 0:
		return Fix{verb: "find", object: "what refers to it (the bpf engine sees more)"}
	case c.hidden:
		return Fix{verb: "find", object: "what has " + what + ", which may be a process that cannot be seen from here"}
	case c.missed:
		return Fix{verb: "find", object: "what has " + what + ", which may be something that was not looked at"}
	case c.closing > 0:
		return Fix{verb: "wait", object: "until TCP connections of ended processes have closed, for some minutes at most"}
	}
	return Fix{verb: "find", object: "what has " + what + " that nothing visible explains (a connection that is still closing, or a request of an io_uring, for example)"}
}

// once returns a yield that leaves out what was yielded already.
func once(yield func(Fix) bool) func(Fix) bool {
	var all seen[Fix]
	return func(f Fix) bool { return !all.add(f) || yield(f) }
}
