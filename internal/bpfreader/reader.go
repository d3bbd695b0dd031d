// SPDX-License-Identifier: Apache-2.0

//go:build amd64 || arm64

// Package bpfreader reads from inside the kernel, with BPF programs, what keeps
// namespaces alive: the namespaces of every task, every open file, mapping and file
// in flight that refers to one, and the kernel's own list of network namespaces.
//
// The programs are attached to no event and take no reference. They run while a pass
// reads, in the reading thread, and are unloaded with the process, however it ends.
// A pass never opens a namespace, so the reader never becomes a holder.
//
// All of it needs CAP_BPF and CAP_PERFMON (or CAP_SYS_ADMIN) in the initial user
// namespace, and a kernel with BTF. Tasks, descriptors and mappings are those of the
// reader's PID namespace; namespaces, files in flight and mapped sockets are those of
// the whole machine. Process and thread IDs are in the reader's PID namespace, and 0
// for a task that has none there.
//
// Not read, and so only counted in Net.Refs: what inotify and fanotify files watch, mounts of
// network file systems, and references of the kernel itself.
package bpfreader

import (
	"errors"
	"fmt"
	"runtime"
	"sync"
	"unsafe"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/internal/kernel"
)

// ErrIncomplete is wrapped by the error of a pass that delivered only a part of what
// the kernel had: the error describes what is missing.
var ErrIncomplete = errors.New("incomplete")

// ErrRefused is wrapped by the error of a pass whose program this kernel did not load.
var ErrRefused = errors.New("refused by this kernel")

var errClosed = errors.New("the reader is closed")

// Pass is a set of things that a Reader can read.
type Pass uint32

// The passes.
const (
	Tasks          Pass = 1 << iota // every task and its namespaces
	Files                           // every descriptor that refers to a namespace
	Nets                            // the kernel's list of network namespaces
	InFlight                        // files sent over unix sockets and not yet received
	Mapped                          // mapped packet and XDP sockets
	DetachedMounts                  // mounts of nsfs that are in no mount namespace
	Closing                         // TCP sockets that no process has any more and that are still closing
	Lists                           // the kernel's lists of namespaces of every type
	Rings                           // files in the slots of io_uring instances that a task has registered with itself
	Requests                        // files of pending requests of io_uring and aio
	Mappings                        // mapped sockets and io_uring instances
	ClosedPeers                     // closed unix sockets of other namespaces that open ones are connected to
	queued                          // whether InFlight has to look; it includes this

	// Usual is all but those from Closing on, which are rarely needed.
	Usual = Tasks | Files | Nets | InFlight | Mapped | DetachedMounts
)

// Options configure a Reader.
type Options struct {
	// Passes are the ones to load, which takes milliseconds each; 0 is Usual.
	Passes Pass
	// Types is a mask of CLONE_NEW* flags: the types of which namespace files are
	// reported and Task.NS is filled in; 0 is all. The network namespace is always
	// in Task.NS, and sockets and tun files, which refer to no other type, are
	// always reported.
	Types uint32
	// OwnNS also reports the sockets and tun files that refer to the namespace
	// their task is in. They are counted in Totals.OwnNS otherwise.
	OwnNS bool
	// Account also reports these, unless that is the initial network namespace, each
	// with OwnNS set, for the account of a namespace's references, and all inotify and
	// fanotify files.
	Account bool
	// Relations makes the passes record the owners and parents of what they come upon,
	// while Types includes user or PID namespaces: see Reader.Relations.
	Relations bool

	// oneByOne makes Files read descriptor by descriptor, which takes four times as
	// long and has no limit for one process.
	oneByOne bool
	// oldObject loads the object for kernels before 6.2 on any kernel.
	oldObject bool
	// typesDir replaces the directory of the few types that are needed.
	typesDir string
}

// Totals are the counts of one pass.
type Totals struct {
	Visited    uint64 // descriptors, or processes with mappings, rings or requests, some twice: a full buffer shows the last one again
	Records    uint64 // delivered
	OwnNS      uint64 // left out as Options.OwnNS was not set, some counted twice as in Visited
	Lost       uint64 // records for which the programs had no room
	Unreadable uint64 // io_uring instances that cannot be read on this kernel
	Changed    uint64 // lists that changed while they were followed
}

func (t Totals) plus(u Totals) Totals {
	return Totals{
		Visited: t.Visited + u.Visited, Records: t.Records + u.Records, OwnNS: t.OwnNS + u.OwnNS,
		Lost: t.Lost + u.Lost, Unreadable: t.Unreadable + u.Unreadable, Changed: t.Changed + u.Changed,
	}
}

// Refusal is a pass whose program this kernel did not load.
type Refusal struct {
	Pass Pass
	Err  error
}

// Reader reads with loaded programs. Its passes may be called concurrently: Tasks runs
// beside any other one, the others wait for each other.
type Reader struct {
	taskMu    sync.Mutex // for Tasks, which has totals of its own
	mu        sync.Mutex // for the others; where both are taken, taskMu is first
	options   Options
	maps      *ebpf.Collection
	memory    []byte // the variables of the programs; nil once closed
	variables map[string]variable
	rest      *Reader // with oneByOne, for descriptor tables that are too long

	passes    map[Pass]*passState // those asked for
	object    *ObjectFile         // nil after loadedAll
	loadedAll sync.Once
}

// Close unloads the programs. It may be called twice.
func (r *Reader) Close() error {
	r.taskMu.Lock()
	defer r.taskMu.Unlock()
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, load := range r.passes {
		load.unload()
	}
	if r.rest != nil {
		r.rest.Close()
		r.rest = nil
	}
	if r.maps != nil {
		r.maps.Close()
	}
	r.maps = nil
	var err error
	if r.memory != nil {
		err = unix.Munmap(r.memory)
	}
	r.memory = nil
	return err
}

// SetTypes changes Options.Types for the passes to come.
func (r *Reader) SetTypes(types uint32) error {
	r.taskMu.Lock()
	defer r.taskMu.Unlock()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.options.Types = types
	if r.rest != nil {
		if err := r.rest.SetTypes(types); err != nil {
			return err
		}
	}
	return r.storeOptions()
}

func (r *Reader) storeOptions() error {
	want := scanOptions{Types: r.options.Types}
	if kernel.Running().Before(5, 11) {
		want.Unshifted = 1
	}
	if r.options.OwnNS {
		want.OwnNs = 1
	}
	if r.options.Account {
		want.Account = 1
	}
	if r.options.Relations && (r.options.Types == 0 || r.options.Types&(unix.CLONE_NEWUSER|unix.CLONE_NEWPID) != 0) {
		want.Relations = 1
	}
	return writeVariable(r, scanVarOpts, &want)
}

// lock waits until the pass may run, and returns a function to be called after it.
func (r *Reader) lock(p Pass) (unlock func()) {
	mu := &r.mu
	if p == Tasks {
		mu = &r.taskMu
	}
	mu.Lock()
	return mu.Unlock
}

// begin starts a pass: it resets the totals.
func (r *Reader) begin(p Pass) error { return writeVariable(r, p.totals(), &scanTotals{}) }

// totals returns the name of the variable with the totals of the pass.
func (p Pass) totals() string {
	if p == Tasks {
		return scanVarTaskTotals
	}
	return scanVarPassTotals
}

// iterate runs the pass's iterator to its end, calls each with every record, and
// checks that none is missing.
func iterate[T any](r *Reader, p Pass, buf []T, each func(*T)) (Totals, error) {
	defer r.lock(p)()
	prog, err := r.program(p)
	if err != nil {
		return Totals{}, err
	}
	if err := r.begin(p); err != nil {
		return Totals{}, err
	}
	attached, err := link.AttachIter(link.IterOptions{Program: prog})
	if err != nil {
		return Totals{}, kernel.ExplainBPF(err)
	}
	defer attached.Close()
	stream, err := attached.Open()
	if err != nil {
		return Totals{}, kernel.ExplainBPF(err)
	}
	defer stream.Close()
	got, err := drain(stream, buf, each)
	if err != nil {
		return Totals{Records: got}, err
	}
	return r.finish(p, got, 1)
}

// finish compares the number of delivered records, and of iterators that reached their
// end, with the totals of the programs.
func (r *Reader) finish(p Pass, got, ends uint64) (Totals, error) {
	var k scanTotals
	if err := readVariable(r, p.totals(), &k); err != nil {
		return Totals{Records: got}, err
	}
	return check(&k, got, ends)
}

func check(k *scanTotals, got, ends uint64) (Totals, error) {
	t := Totals{Visited: k.Visited, Records: got, OwnNS: k.OwnNs, Lost: k.Lost, Unreadable: k.Unreadable, Changed: k.Changed}
	switch {
	case k.Ended != ends:
		return t, fmt.Errorf("%w: the iterator stopped before its end", ErrIncomplete)
	case k.Written != got:
		return t, fmt.Errorf("%w: %d records written and %d read", ErrIncomplete, k.Written, got)
	case k.Lost+k.Unreadable+k.Changed > 0:
		return t, fmt.Errorf("%w: %d records lost, %d io_uring instances unreadable, %d lists changed while they were read",
			ErrIncomplete, k.Lost, k.Unreadable, k.Changed)
	}
	return t, nil
}

// testRunAttr is the part of union bpf_attr for BPF_PROG_TEST_RUN that Linux 5.10 has.
type testRunAttr struct {
	progFD, retval        uint32
	sizeIn, sizeOut       uint32
	dataIn, dataOut       uint64
	repeat, duration      uint32
	ctxSizeIn, ctxSizeOut uint32
	ctxIn, ctxOut         uint64
	flags, cpu            uint32
}

// run runs a program once, in the calling thread. The library's function for that loads
// programs of its own first, to find out whether the kernel can.
func run(prog *ebpf.Program) error {
	for {
		attr := testRunAttr{progFD: uint32(prog.FD())}
		_, err := bpf(unix.BPF_PROG_TEST_RUN, unsafe.Pointer(&attr), unsafe.Sizeof(attr))
		runtime.KeepAlive(prog)
		if !errors.Is(err, unix.EINTR) {
			return kernel.ExplainBPF(err)
		}
	}
}

// advance runs a program and returns in at the variable in which it keeps how far it has come.
func advance[T any](r *Reader, prog *ebpf.Program, name string, at *T) error {
	if err := run(prog); err != nil {
		return err
	}
	return readVariable(r, name, at)
}
