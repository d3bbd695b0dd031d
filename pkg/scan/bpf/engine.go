// SPDX-License-Identifier: Apache-2.0

//go:build amd64 || arm64

package bpf

import (
	"context"
	"errors"
	"slices"
	"sync"

	"github.com/nsinspect/nsinspect/internal/bpfreader"
	"github.com/nsinspect/nsinspect/internal/kernel"
	"github.com/nsinspect/nsinspect/internal/record"
	"github.com/nsinspect/nsinspect/pkg/ns"
)

// Engine is the Reader as an engine of a scan.
type Engine struct{ r *bpfreader.Reader }

// NewEngine loads the programs of a scan. It needs what Open needs, and a kernel
// that lets it read tasks: without those there is no scan.
func NewEngine() (*Engine, error) {
	r, err := bpfreader.Open(bpfreader.Options{})
	if err != nil {
		return nil, err
	}
	if _, err := r.Load(bpfreader.Tasks); err != nil {
		r.Close()
		return nil, err
	}
	return &Engine{r}, nil
}

// Close unloads the programs.
func (e *Engine) Close() error { return e.r.Close() }

// Name returns "bpf".
func (e *Engine) Name() string { return "bpf" }

// index tells where Task.NS has each type, and which further links hold one.
var index = map[ns.Type]place{
	ns.Net:    {bpfreader.NSNet, -1, ""},
	ns.Mnt:    {bpfreader.NSMnt, -1, ""},
	ns.User:   {bpfreader.NSUser, -1, ""},
	ns.PID:    {bpfreader.NSPID, bpfreader.NSPIDChildren, "pid_for_children"},
	ns.IPC:    {bpfreader.NSIPC, -1, ""},
	ns.UTS:    {bpfreader.NSUTS, -1, ""},
	ns.Cgroup: {bpfreader.NSCgroup, -1, ""},
	ns.Time:   {bpfreader.NSTime, bpfreader.NSTimeChildren, "time_for_children"},
}

type place struct {
	own      int
	children int // -1: there is no such link
	via      string
}

// in returns the namespaces that a task is in and has for its children; 0 for
// none.
func (p place) in(t *bpfreader.Task) nsPair {
	pair := nsPair{own: t.NS[p.own]}
	if p.children >= 0 {
		pair.next = t.NS[p.children]
	}
	return pair
}

type nsPair struct{ own, next uint32 }

// another reports whether its children will be in another one than the task.
func (p nsPair) another() bool { return p.next != 0 && p.next != p.own }

// Find implements scan.Engine. Tasks and files are read side by side. The
// kernel's list is read last, so that what is on it and was not seen cannot be
// older than what the passes saw.
func (e *Engine) Find(ctx context.Context, types []ns.Type, sink *record.Sink) error {
	f := finder{r: e.r, sink: sink, fileSink: sink.Part(), types: types, byFlag: map[uint32]ns.Type{}}
	asked := uint32(ns.Mnt.Flag()) // whose mounts are read, wanted or not
	for _, t := range types {
		f.places = append(f.places, index[t])
		f.byFlag[uint32(t.Flag())] = t
		asked |= uint32(t.Flag())
	}
	if err := e.r.SetTypes(asked); err != nil {
		return err
	}
	var err, filesErr error
	var wg sync.WaitGroup
	wg.Go(func() { filesErr = f.files() })
	err = f.tasks()
	e.r.Refused() // loads the other passes, while the files are read
	wg.Wait()
	if err != nil {
		return err
	}
	f.lateFiles()
	if filesErr != nil {
		sink.Gap("fd", "bpf", filesErr)
	}
	steps := []struct {
		source string
		read   func() error
	}{
		{"mmap", f.mapped}, {"inflight", f.inFlight}, {"mount", f.loneMounts}, {"kernel", f.nets},
	}
	for _, s := range steps {
		if err := ctx.Err(); err != nil {
			return err
		}
		err := s.read()
		if since := (kernel.SinceError{}); errors.As(err, &since) {
			sink.Unread(s.source, since)
		} else if err != nil {
			sink.Gap(s.source, "bpf", err)
		}
	}
	return nil
}

// finder is one Find.
type finder struct {
	r        *bpfreader.Reader
	sink     *record.Sink
	fileSink *record.Sink // of files, beside tasks
	types    []ns.Type
	places   []place // of types
	byFlag   map[uint32]ns.Type

	exited  map[int]bool     // processes whose first thread has ended
	late    []bpfreader.File // files of threads, which are told when exited is known
	seen    map[fileRef]bool
	open    map[pidSocket]bool
	waiting map[uint64]holderOf // who has a unix socket that files wait in

	trees map[int]ns.Holder // who has a detached mount, by its ID
}

type fileRef struct {
	pid, fd   int
	namespace uint32
	kind      bpfreader.Kind
}

type pidSocket struct {
	pid    int
	socket uint64
}

type holderOf struct{ pid, tid, fd int }

func (f *finder) tasks() error {
	var threads []bpfreader.Task
	var first leaders
	f.exited = map[int]bool{}
	_, err := f.r.Tasks(func(t *bpfreader.Task) {
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
		first.pids = append(first.pids, t.PID)
		for i, typ := range f.types {
			pair := f.places[i].in(t)
			first.pairs = append(first.pairs, pair)
			if pair.own != 0 {
				f.sink.Process(typ, uint64(pair.own), ns.TaskID(t.PID), t.Start, "")
			}
			if pair.another() {
				f.sink.Process(typ, uint64(pair.next), ns.TaskID(t.PID), t.Start, f.places[i].via)
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
		f.sink.Gap("process", "bpf", err)
		return nil
	}
	return err
}

// leaders are the first threads of processes and what they are in, a pair for
// each type asked for. The kernel shows tasks by number, so they are in order.
type leaders struct {
	pids  []int
	pairs []nsPair
}

func (l *leaders) of(pid, types int) []nsPair {
	if i, found := slices.BinarySearch(l.pids, pid); found {
		return l.pairs[i*types:][:types]
	}
	return make([]nsPair, types) // it ended before its thread was read
}

// thread tells of a further thread of a process whose first is in leader.
func (f *finder) thread(t *bpfreader.Task, leader []nsPair) {
	for i, typ := range f.types {
		pair := f.places[i].in(t)
		switch pair.own {
		case 0:
			continue
		case leader[i].own:
			f.sink.Task(typ, uint64(pair.own))
		default:
			f.sink.Holder(typ, uint64(pair.own), ns.Holder{Kind: ns.KindThread, PID: ns.TaskID(t.PID), TID: ns.TaskID(t.TID)})
		}
		if pair.another() && pair.next != leader[i].next {
			f.sink.Holder(typ, uint64(pair.next), ns.Holder{Kind: ns.KindThread, PID: ns.TaskID(t.PID), TID: ns.TaskID(t.TID), Via: f.places[i].via})
		}
	}
}

func (f *finder) nets() error {
	if _, wanted := f.byFlag[uint32(ns.Net.Flag())]; !wanted {
		return nil
	}
	nets, err := f.r.Nets()
	for _, n := range nets {
		f.sink.Net(record.Net{
			Inode: uint64(n.Inode), Cookie: n.Cookie, Refs: n.Refs, UserNS: uint64(n.UserNS), UID: int(n.UID),
		})
	}
	if err == nil {
		f.sink.AllNets()
	}
	return err
}
