// SPDX-License-Identifier: Apache-2.0

//go:build amd64 || arm64

// Package bpf is the engine of a scan that reads from inside the kernel, with BPF
// programs, instead of from /proc.
package bpf

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"sort"
	"sync"

	"github.com/nsinspect/nsinspect/internal/bpfreader"
	"github.com/nsinspect/nsinspect/internal/kernel"
	"github.com/nsinspect/nsinspect/internal/record"
	"github.com/nsinspect/nsinspect/pkg/ns"
	"github.com/nsinspect/nsinspect/pkg/scan"
)

type engine struct {
	r       *bpfreader.Reader
	related bool // r records relations
	rare    map[bpfreader.Pass]rareReader
}

// New loads the programs of a scan, which Close of the engine unloads. It needs CAP_BPF
// and CAP_PERFMON (or CAP_SYS_ADMIN) in the initial user namespace, a kernel with BTF,
// and one that loads the program that reads tasks (5.8): without that there is no scan.
// What else this kernel cannot read is a gap in the snapshot. types are those that are
// going to be scanned: others may have the programs loaded once more.
func New(types ...ns.Type) (scan.Engine, error) {
	related := needsRelations(types)
	r, err := bpfreader.Open(bpfreader.Options{Account: true, Relations: related})
	if err != nil {
		return nil, err
	}
	if _, err := r.Load(bpfreader.Tasks); err != nil {
		r.Close()
		return nil, err
	}
	return &engine{r: r, related: related}, nil
}

// Close implements scan.Engine: it unloads the programs.
func (e *engine) Close() error {
	for _, opened := range e.rare {
		if opened.r != nil {
			opened.r.Close()
		}
	}
	return e.r.Close()
}

// Name implements scan.Engine.
func (e *engine) Name() string { return "bpf" }

// fieldOf returns the fields of bpfreader.Task for a type.
func fieldOf(t ns.Type) nsField {
	switch t {
	case ns.Net:
		return nsField{bpfreader.NSNet, -1, ns.NoVia}
	case ns.Mnt:
		return nsField{bpfreader.NSMnt, -1, ns.NoVia}
	case ns.User:
		return nsField{bpfreader.NSUser, -1, ns.NoVia}
	case ns.PID:
		return nsField{bpfreader.NSPID, bpfreader.NSPIDChildren, ns.ViaPIDForChildren}
	case ns.IPC:
		return nsField{bpfreader.NSIPC, -1, ns.NoVia}
	case ns.UTS:
		return nsField{bpfreader.NSUTS, -1, ns.NoVia}
	case ns.Cgroup:
		return nsField{bpfreader.NSCgroup, -1, ns.NoVia}
	case ns.Time:
		return nsField{bpfreader.NSTime, bpfreader.NSTimeChildren, ns.ViaTimeForChildren}
	}
	return nsField{}
}

type nsField struct {
	own      int // index into Task.NS
	children int // -1 if a task has no other one for its children
	via      ns.Via
}

// of returns the namespaces that a task is in and has for its children, 0 if none.
func (p nsField) of(t *bpfreader.Task) taskNS {
	pair := taskNS{own: t.NS[p.own]}
	if p.children >= 0 {
		pair.children = t.NS[p.children]
	}
	return pair
}

type taskNS struct{ own, children uint32 }

// differ reports whether the task's children will be in another namespace than the task.
func (n taskNS) differ() bool { return n.children != 0 && n.children != n.own }

// Find implements scan.Engine. Tasks and files are read side by side.
func (e *engine) Find(ctx context.Context, wanted scan.Wanted, sink *record.Sink) error {
	types := wanted.Types
	if needsRelations(types) {
		if err := e.relate(); err != nil {
			return err
		}
	}
	f := finder{e: e, r: e.r, sink: sink, fileSink: sink.Part(), types: types, wanted: wanted, byFlag: map[uint32]ns.Type{}}
	requested := uint32(ns.Mnt.Flag()) // whose mounts are read even if the type is not requested
	for _, t := range types {
		f.fields = append(f.fields, fieldOf(t))
		f.byFlag[uint32(t.Flag())] = t
		requested |= uint32(t.Flag())
	}
	if err := e.r.SetTypes(requested); err != nil {
		return err
	}
	if _, err := e.r.Relations(); err != nil { // what is left of a Find that was interrupted
		return err
	}
	var err, filesErr error
	var wg sync.WaitGroup
	wg.Go(func() { filesErr = f.files() })
	err = f.tasks()
	wg.Wait()
	if err != nil {
		return err
	}
	f.filesOfThreads()
	if filesErr != nil {
		sink.Gap("bpf", filesErr, "fd", "socket")
	}
	steps := []struct {
		source string
		read   func() error
	}{
		{"fd", f.rings}, {"mmap", f.mapped}, {"inflight", f.inFlight}, {"mount", f.detachedMounts}, {"socket", f.unopened},
	}
	whole := filesErr == nil && !f.incomplete
	for _, s := range steps {
		if err := ctx.Err(); err != nil {
			return err
		}
		if !took(sink, s.source, s.read()) {
			whole = false
		}
	}
	if whole {
		sink.Accounts(f.accounts())
	}
	return nil
}

// took takes the error of a pass for one source, and reports whether that has all that
// this kernel shows.
func took(sink *record.Sink, source string, err error) bool {
	if since := (kernel.SinceError{}); errors.As(err, &since) {
		sink.Unread(source, since)
	} else if err != nil {
		sink.Gap("bpf", err, source)
		return false
	}
	return true
}

// finder is the state of one Find.
type finder struct {
	e        *engine
	r        *bpfreader.Reader
	sink     *record.Sink
	fileSink *record.Sink // for files, which are read beside tasks
	types    []ns.Type
	wanted   scan.Wanted
	fields   []nsField // of types
	byFlag   map[uint32]ns.Type

	incomplete  bool             // not all tasks were read
	exited      map[int]bool     // processes whose first thread has ended
	threadFiles []bpfreader.File // with other threads than the first, reported once exited is known
	hasRings    bool             // a task has registered io_uring instances with itself
	reported    map[fileRef]bool
	opened      pieces[pidObject]     // by a descriptor
	open        map[pidObject]bool    // these, and what else was reported, once that is asked for: see first
	queues      map[uint64]descriptor // of unix sockets, by inode, in whose queue files may be

	trees map[int]ns.Holder // the files that are detached mounts, by mount ID

	taskAccount, fileAccount account
}

func (f *finder) tasks() error {
	var threads []bpfreader.Task
	var first leaders
	f.exited = map[int]bool{}
	_, err := f.r.Tasks(func(t *bpfreader.Task) {
		f.taskAccount.task(t)
		f.hasRings = f.hasRings || t.HasRings
		if t.PID != t.TID {
			threads = append(threads, *t)
			return
		}
		if t.Exited {
			f.exited[t.PID] = true
		}
		if t.NS[bpfreader.NSMnt] != 0 {
			f.sink.Member(uint64(t.NS[bpfreader.NSMnt]), ns.TaskID(t.PID))
		}
		first.pids.add(int32(t.PID))
		for i, typ := range f.types {
			pair := f.fields[i].of(t)
			first.pairs.add(pair)
			if pair.own != 0 {
				f.sink.Process(typ, uint64(pair.own), ns.TaskID(t.PID), t.Born, ns.NoVia)
			}
			if pair.differ() {
				f.sink.Process(typ, uint64(pair.children), ns.TaskID(t.PID), t.Born, f.fields[i].via)
			}
		}
	})
	last := 0
	for i := range threads {
		if pid := threads[i].PID; pid != last {
			f.sink.Threaded(ns.TaskID(pid))
			last = pid
		}
		f.thread(&threads[i], first.of(threads[i].PID, len(f.types)))
	}
	if errors.Is(err, bpfreader.ErrIncomplete) {
		f.incomplete = true
		f.sink.Gap("bpf", err, "process", "thread", "mount") // which reads the mounts of these tasks
		return nil
	}
	return err
}

// leaders are the first threads of processes and what they are in, a pair for
// each requested type. The kernel shows tasks by number, so they are in order.
type leaders struct {
	pids  pieces[int32]
	pairs pieces[taskNS]
}

// of returns a function for the pair of each type, by its place.
func (l *leaders) of(pid, types int) func(i int) taskNS {
	at, found := sort.Find(l.pids.n, func(i int) int { return cmp.Compare(int32(pid), *l.pids.at(i)) })
	return func(i int) taskNS {
		if !found {
			return taskNS{} // it exited before its thread was read
		}
		return *l.pairs.at(at*types + i)
	}
}

// thread reports a thread of a process whose first one is in leader.
func (f *finder) thread(t *bpfreader.Task, leader func(i int) taskNS) {
	for i, typ := range f.types {
		pair := f.fields[i].of(t)
		switch pair.own {
		case 0:
			continue
		case leader(i).own:
			f.sink.Task(typ, uint64(pair.own))
		default:
			f.sink.Holder(typ, uint64(pair.own), ns.Holder{Kind: ns.KindThread, PID: ns.TaskID(t.PID), TID: ns.TaskID(t.TID), Born: t.Born})
		}
		if pair.differ() && pair.children != leader(i).children {
			f.sink.Holder(typ, uint64(pair.children), ns.Holder{Kind: ns.KindThread, PID: ns.TaskID(t.PID), TID: ns.TaskID(t.TID), Via: f.fields[i].via, Born: t.Born})
		}
	}
}

// accounts returns what refers to each network namespace, by its inode.
func (f *finder) accounts() map[uint64]record.Account {
	all := maps.Clone(f.fileAccount.counts())
	for inode, tasks := range f.taskAccount.counts() { // these are other objects
		sum := all[inode]
		sum.Direct += tasks.Direct
		all[inode] = sum
	}
	return all
}

// List implements scan.Engine.
func (e *engine) List(sink *record.Sink) {
	nets, err := e.r.Nets()
	for _, n := range nets {
		sink.Net(record.Net{
			Inode: uint64(n.Inode), Cookie: n.Cookie, Refs: n.Refs, UserNS: uint64(n.UserNS), UID: int(n.UID),
			Opened: n.Opened, Watched: n.Watched,
		})
	}
	if err == nil {
		sink.AllNets()
	}
	took(sink, "kernel", err)
}
