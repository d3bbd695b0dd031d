// SPDX-License-Identifier: Apache-2.0

//go:build amd64 || arm64

package iter

import (
	"context"
	"errors"
	"slices"

	"github.com/nsinspect/nsinspect/pkg/scan"
)

// Engine is the Reader as an engine of a scan.
type Engine struct{ r *Reader }

// NewEngine loads the programs of a scan. It needs what Open needs.
func NewEngine() (*Engine, error) {
	r, err := Open(Options{})
	if err != nil {
		return nil, err
	}
	return &Engine{r}, nil
}

// Close unloads the programs.
func (e *Engine) Close() error { return e.r.Close() }

// Name returns "bpf".
func (e *Engine) Name() string { return "bpf" }

// index tells where Task.NS has each type, and which further links hold one.
var index = map[scan.Type]struct {
	own      int
	children int // -1: there is no such link
	via      string
	flag     uint32
}{
	scan.Net:    {NSNet, -1, "", 0x40000000},
	scan.Mnt:    {NSMnt, -1, "", 0x00020000},
	scan.User:   {NSUser, -1, "", 0x10000000},
	scan.PID:    {NSPID, NSPIDChildren, "pid_for_children", 0x20000000},
	scan.IPC:    {NSIPC, -1, "", 0x08000000},
	scan.UTS:    {NSUTS, -1, "", 0x04000000},
	scan.Cgroup: {NSCgroup, -1, "", 0x02000000},
	scan.Time:   {NSTime, NSTimeChildren, "time_for_children", 0x00000080},
}

// Find implements scan.Engine. The kernel's list is read last, so that what is
// on it and was not seen cannot be older than what the passes saw.
func (e *Engine) Find(ctx context.Context, types []scan.Type, sink *scan.Sink) error {
	f := finder{r: e.r, sink: sink, types: types, byFlag: map[uint32]scan.Type{}}
	e.r.options.Types = index[scan.Mnt].flag // whose mounts are read, wanted or not
	for _, t := range types {
		f.byFlag[index[t].flag] = t
		e.r.options.Types |= index[t].flag
	}
	if err := f.tasks(); err != nil {
		return err
	}
	steps := []struct {
		source string
		read   func() error
	}{
		{"fd", f.files}, {"mmap", f.mapped}, {"inflight", f.inFlight}, {"kernel", f.nets},
	}
	for _, s := range steps {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := s.read(); err != nil {
			sink.Gap(s.source, "bpf", err)
		}
	}
	return nil
}

// finder is one Find.
type finder struct {
	r      *Reader
	sink   *scan.Sink
	types  []scan.Type
	byFlag map[uint32]scan.Type

	exited  map[int]bool     // processes whose first thread has ended
	seen    map[fileRef]bool // files of those, which come with each thread
	open    map[pidSocket]bool
	waiting map[uint64]holderOf // who has a unix socket that files wait in
}

type fileRef struct {
	pid, fd   int
	namespace uint32
	kind      Kind
}

type pidSocket struct {
	pid    int
	socket uint64
}

type holderOf struct{ pid, tid, fd int }

func (f *finder) tasks() error {
	var threads []Task
	var leaders []leader
	f.exited = map[int]bool{}
	_, err := f.r.Tasks(func(t *Task) {
		if t.PID != t.TID {
			threads = append(threads, *t)
			return
		}
		if t.Exited {
			f.exited[t.PID] = true
		}
		leaders = append(leaders, leader{t.PID, t.NS})
		if t.NS[NSMnt] != 0 {
			f.sink.Seer(uint64(t.NS[NSMnt]), t.PID)
		}
		for _, typ := range f.types {
			at := index[typ]
			if own := t.NS[at.own]; own != 0 {
				f.sink.Process(typ, uint64(own), t.PID, t.Start, "")
			}
			if at.children < 0 {
				continue
			}
			if next := t.NS[at.children]; next != 0 && next != t.NS[at.own] {
				f.sink.Process(typ, uint64(next), t.PID, t.Start, at.via)
			}
		}
	})
	// The kernel shows tasks by number, so the leaders are in order already.
	last := 0
	for i := range threads {
		if pid := threads[i].PID; pid != last {
			f.sink.Threaded(pid)
			last = pid
		}
		at, ok := slices.BinarySearchFunc(leaders, threads[i].PID, func(l leader, pid int) int { return l.pid - pid })
		if ok {
			f.thread(&threads[i], &leaders[at].ns)
		} else { // it ended between the two
			f.thread(&threads[i], new([NSCount]uint32))
		}
	}
	if errors.Is(err, ErrIncomplete) {
		f.sink.Gap("process", "bpf", err)
		return nil
	}
	return err
}

// leader is the first thread of a process.
type leader struct {
	pid int
	ns  [NSCount]uint32
}

func (f *finder) thread(t *Task, leader *[NSCount]uint32) {
	for _, typ := range f.types {
		at := index[typ]
		own := t.NS[at.own]
		switch own {
		case 0:
			continue
		case leader[at.own]:
			f.sink.Task(typ, uint64(own))
		default:
			f.sink.Holder(typ, uint64(own), scan.Holder{Kind: scan.KindThread, PID: t.PID, TID: t.TID})
		}
		if at.children < 0 {
			continue
		}
		if next := t.NS[at.children]; next != 0 && next != own && next != leader[at.children] {
			f.sink.Holder(typ, uint64(next), scan.Holder{Kind: scan.KindThread, PID: t.PID, TID: t.TID, Via: at.via})
		}
	}
}

func (f *finder) nets() error {
	if _, wanted := f.byFlag[index[scan.Net].flag]; !wanted {
		return nil
	}
	nets, err := f.r.Nets()
	for _, n := range nets {
		f.sink.Net(scan.KernelNet{
			Inode: uint64(n.Inode), Cookie: n.Cookie, Refs: n.Refs, UserNS: uint64(n.UserNS), UID: int(n.UID),
		})
	}
	if err == nil {
		f.sink.WholeNets()
	}
	return err
}
