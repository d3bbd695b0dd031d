// SPDX-License-Identifier: Apache-2.0

//go:build amd64 || arm64

package trace

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/nsinspect/nsinspect/internal/bpfreader"
	"github.com/nsinspect/nsinspect/pkg/ns"
)

// tracker derives from the events where every thread must be, so that at the end a
// look at all of them shows what was missed without anybody counting it.
type tracker struct {
	covers func(*thread) bool // threads of which the trace records every move
	look   func() (map[int]thread, error)
	reader *bpfreader.Reader // nil where BPF cannot be used
	first  map[int]thread    // by TID, at the start; nil while it is read
	ready  chan struct{}     // closed once reader, first and err are there
	err    error

	moved  map[int]thread // by TID, since then
	prune  int            // size of moved at which those that have ended are dropped
	passed map[int][]NS   // since the look at the end began: where threads were
	found  map[int]thread // by TID, at the end
	after  error          // of the look at the end
}

// thread is where a thread was at some time.
type thread struct {
	pid, tid int
	comm     string
	ns       NS
	at       time.Duration // since boot, of the event; of a look, when the thread started
}

const pruneFirst = 1 << 14

// newTracker reads every thread. It is to be called when events are recorded
// already.
func newTracker(o Options) *tracker {
	t := &tracker{ready: make(chan struct{}), moved: map[int]thread{}, prune: pruneFirst}
	t.covers = func(th *thread) bool { return coverage(o, t, th) }
	go func() {
		defer close(t.ready)
		t.look = lookInProc
		if reader, err := bpfreader.Open(bpfreader.Options{Passes: bpfreader.Tasks}); err == nil {
			t.reader, t.look = reader, t.lookByBPF
		}
		t.first, t.err = t.look()
	}()
	return t
}

// coverage reports whether every move of a thread is among the events.
func coverage(o Options, t *tracker, th *thread) bool {
	f := o.Filter
	if f.Comm != "" || f.Types != nil || f.Failed || f.NS != (NS{}) || len(f.UIDs) > 0 {
		return false
	}
	if _, seen := t.moved[th.tid]; o.Follow && !seen {
		return false
	}
	return f.PID == 0 || f.PID == th.pid || f.PID == th.tid
}

func (t *tracker) lookByBPF() (map[int]thread, error) {
	all := map[int]thread{}
	_, err := t.reader.Tasks(func(task *bpfreader.Task) {
		if task.Left || task.Exited || task.NS[bpfreader.NSNet] == 0 {
			return
		}
		all[task.TID] = thread{
			pid: task.PID, tid: task.TID, comm: task.Command(), at: task.Start,
			ns: NS{Inode: uint64(task.NS[bpfreader.NSNet]), Cookie: task.NetCookie},
		}
	})
	return all, err
}

// note follows an event.
func (t *tracker) note(e *Event) {
	now := thread{pid: e.PID, tid: e.TID, comm: e.Comm, ns: e.To[ns.Net], at: e.Boot + e.Duration}
	if e.Call == Clone {
		now.pid, now.tid = e.Child, e.Child
		if e.Flags&cloneThread != 0 {
			now.pid = e.PID
		}
	}
	if e.Failed() || now.ns.Inode == 0 || now.tid == 0 {
		return
	}
	if t.passed != nil {
		t.passed[now.tid] = append(t.passed[now.tid], e.From[ns.Net], now.ns)
	}
	t.moved[now.tid] = now
	if len(t.moved) >= t.prune {
		t.drop()
	}
}

// drop forgets the threads that have ended. It waits for the first look only
// where there are very many events.
func (t *tracker) drop() {
	<-t.ready
	if t.err == nil {
		if now, err := t.look(); err == nil {
			for tid := range t.moved {
				if _, there := now[tid]; !there {
					delete(t.moved, tid)
				}
			}
		}
	}
	t.prune = max(pruneFirst, 2*len(t.moved))
}

// lookAgain looks at every thread while calls are still recorded. A thread that
// moves meanwhile is in one of the namespaces that its events lead through.
func (t *tracker) lookAgain() {
	<-t.ready
	t.passed = map[int][]NS{}
	for tid, th := range t.moved {
		t.passed[tid] = []NS{th.ns}
	}
	if t.err == nil {
		t.found, t.after = t.look()
	}
}

// compare returns what came of it, once every event is noted.
func (t *tracker) compare() (Summary, error) {
	if err := errors.Join(t.err, t.after); err != nil {
		return Summary{}, fmt.Errorf("look at every thread: %w", err)
	}
	return t.summary(t.found), nil
}

func (t *tracker) summary(found map[int]thread) Summary {
	var s Summary
	for tid, now := range found {
		then, seen := t.moved[tid]
		if !seen {
			then, seen = t.first[tid]
		}
		if !seen || !then.same(&now) {
			continue
		}
		_, moved := t.moved[tid]
		leader, led := found[now.pid]
		if moved && led && !leader.ns.is(now.ns) {
			s.SplitThreads = append(s.SplitThreads, Disagreement{PID: now.pid, TID: tid, Comm: now.comm, Tracked: leader.ns, Found: now.ns})
		}
		if !t.covers(&now) {
			continue
		}
		s.Checked++
		if !then.ns.is(now.ns) && !slices.ContainsFunc(t.passed[tid], now.ns.is) {
			s.Disagreements = append(s.Disagreements, Disagreement{PID: now.pid, TID: tid, Comm: now.comm, Tracked: then.ns, Found: now.ns})
		}
	}
	byTID := func(a, b Disagreement) int { return cmp.Compare(a.TID, b.TID) }
	slices.SortFunc(s.SplitThreads, byTID)
	slices.SortFunc(s.Disagreements, byTID)
	return s
}

// same reports whether a thread found later can be the one that was seen: its
// number may have been given to another, which started after that. The start that
// /proc has is rounded down.
func (th *thread) same(later *thread) bool { return later.at <= th.at }

func (t *tracker) close() error {
	<-t.ready
	if t.reader == nil {
		return nil
	}
	return t.reader.Close()
}
