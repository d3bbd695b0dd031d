// SPDX-License-Identifier: Apache-2.0

//go:build amd64 || arm64

// Package iter reads from inside the kernel who keeps which namespace alive:
// every task's namespaces, every open file, mapping and file in flight that
// keeps one, and every network namespace on the kernel's own list.
//
// The programs attach to no event and take no reference. They run while a pass
// reads, in the reading thread, and are gone with the process, however it ends.
// A pass never opens a namespace, so that the reader never becomes a holder.
//
// All of it needs CAP_BPF and CAP_PERFMON (or CAP_SYS_ADMIN) in the initial user
// namespace, and a kernel with BTF. Tasks, descriptors, mappings are those of the
// reader's pid namespace; namespaces, files in flight and mapped sockets are the
// whole machine's.
//
// Not seen, and so only known by Net.Refs: files of macvtap devices, /proc/net
// files held open (seq_open_net, fs/proc/proc_net.c), mounts of network file
// systems, and what the kernel itself keeps.
package bpfreader

import (
	"errors"
	"fmt"
	"sync"
	"unsafe"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/internal/kernel"
)

// ErrIncomplete is in the error of a pass that delivered what it could, while
// the kernel had more: the error says what is missing.
var ErrIncomplete = errors.New("incomplete")

// ErrRefused is in the error of a pass whose program this kernel did not load.
var ErrRefused = errors.New("refused by this kernel")

// Pass names one thing that a Reader can read; several can be or-ed.
type Pass uint32

// The passes.
const (
	Tasks      Pass = 1 << iota // every task and its namespaces
	Files                       // every descriptor that keeps a namespace
	VMAs                        // every mapping of a file that keeps a namespace
	Nets                        // the kernel's list of network namespaces
	InFlight                    // files sent over unix sockets and not yet received
	Mapped                      // packet and XDP sockets that are mapped
	LoneMounts                  // namespace mounts that are in no mount namespace

	// Usual is all but VMAs, which takes as long as all the others together
	// and finds more than Mapped only where TCP sockets or io_uring instances
	// are mapped and closed.
	Usual = Tasks | Files | Nets | InFlight | Mapped | LoneMounts
)

// Options say what a Reader is for.
type Options struct {
	// Passes are the ones to load, each of which takes milliseconds; 0 is Usual.
	Passes Pass
	// Types is a mask of CLONE_NEW* flags: of which types namespace files are
	// reported, and Task.NS filled. 0 is all. The network namespace is always
	// in Task.NS, and sockets and tun files, which keep no other type, are
	// always reported.
	Types uint32
	// Own also reports the sockets and tun files that keep the very namespace
	// their task is in. They are counted in Totals.Own otherwise.
	Own bool

	// oneByOne has Files read descriptor by descriptor: four times as long, and
	// without a limit for one process.
	oneByOne bool
	// old uses the object for kernels before 6.2 on any kernel.
	old bool
}

// Totals is what one pass did.
type Totals struct {
	Shown   uint64 // descriptors or mappings looked at, or more: a full buffer shows one again
	Records uint64 // records delivered
	Own     uint64 // left out for want of Options.Own, or more, as Shown
	Lost    uint64 // records for which the kernel side had no room
	Blind   uint64 // io_uring instances that this kernel gives no way to read
	Torn    uint64 // queues that changed while they were followed
}

func (t Totals) plus(u Totals) Totals {
	return Totals{
		Shown: t.Shown + u.Shown, Records: t.Records + u.Records, Own: t.Own + u.Own,
		Lost: t.Lost + u.Lost, Blind: t.Blind + u.Blind, Torn: t.Torn + u.Torn,
	}
}

// Refusal is a pass that this kernel did not load.
type Refusal struct {
	Pass Pass
	Err  error
}

// Reader reads with programs that are loaded already. Its passes may be called
// from several goroutines: Tasks runs beside any other, the others take turns.
type Reader struct {
	taskMu  sync.Mutex // for Tasks, which counts apart from the others
	mu      sync.Mutex // for the others; where both are taken, taskMu is first
	options Options
	maps    *ebpf.Collection
	memory  []byte // the programs' variables; nil once closed
	offset  map[string]uint32
	rest    *Reader // oneByOne, for tables of descriptors that are too long

	passes    map[Pass]*passLoad // those asked for
	loader    *loader            // nil after loadedAll
	loadedAll sync.Once
}

// Close unloads the programs.
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
	return r.storeWanted()
}

func (r *Reader) storeWanted() error {
	want := scanWanted{Types: r.options.Types}
	if r.options.Own {
		want.Own = 1
	}
	return store(r, scanVarWant, &want)
}

// lock takes the pass's turn and returns what ends it.
func (r *Reader) lock(p Pass) (unlock func()) {
	mu := &r.mu
	if p == Tasks {
		mu = &r.taskMu
	}
	mu.Lock()
	return mu.Unlock
}

// begin starts a pass: the kernel side counts from zero again.
func (r *Reader) begin(p Pass) error { return store(r, p.counts(), &scanTotals{}) }

// counts is the variable in which the kernel side counts what the pass does.
func (p Pass) counts() string {
	if p == Tasks {
		return scanVarTaskTotal
	}
	return scanVarTotal
}

// iterate runs the pass's iterator to its end and hands each record to the
// caller. It checks that all records arrived.
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

// finish compares what was delivered, and how many ends of iterators were seen,
// with what the kernel side counted.
func (r *Reader) finish(p Pass, got, ends uint64) (Totals, error) {
	var k scanTotals
	if err := fetch(r, p.counts(), &k); err != nil {
		return Totals{Records: got}, err
	}
	return check(&k, got, ends)
}

func check(k *scanTotals, got, ends uint64) (Totals, error) {
	t := Totals{Shown: k.Shown, Records: got, Own: k.Own, Lost: k.Lost, Blind: k.Blind, Torn: k.Torn}
	switch {
	case k.Ended != ends:
		return t, fmt.Errorf("%w: the iterator stopped before its end", ErrIncomplete)
	case k.Written != got:
		return t, fmt.Errorf("%w: %d records written and %d read", ErrIncomplete, k.Written, got)
	case k.Lost+k.Blind+k.Torn > 0:
		return t, fmt.Errorf("%w: %d records without room, %d io_uring instances unreadable, %d queues changed meanwhile",
			ErrIncomplete, k.Lost, k.Blind, k.Torn)
	}
	return t, nil
}

// run runs a program once, here and now.
func run(prog *ebpf.Program) error {
	for {
		_, err := prog.Run(&ebpf.RunOptions{})
		if !errors.Is(err, unix.EINTR) {
			return kernel.ExplainBPF(err)
		}
	}
}

// store and fetch copy one variable of the programs; T is its generated type.
func store[T any](r *Reader, name string, v *T) error {
	to, err := r.variable(name, bytesOf(v))
	if err != nil {
		return fmt.Errorf("write variable %s: %w", name, err)
	}
	copy(to, bytesOf(v))
	return nil
}

func fetch[T any](r *Reader, name string, v *T) error {
	from, err := r.variable(name, bytesOf(v))
	if err != nil {
		return fmt.Errorf("read variable %s: %w", name, err)
	}
	copy(bytesOf(v), from)
	return nil
}

// fetchSome copies the first len(v) elements of an array of the programs.
func fetchSome[T any](r *Reader, name string, v []T) error {
	if len(v) == 0 {
		return nil
	}
	from, err := r.variable(name, rawBytes(v))
	if err != nil {
		return fmt.Errorf("read array %s: %w", name, err)
	}
	copy(rawBytes(v), from)
	return nil
}

// variable returns where a variable of that length is.
func (r *Reader) variable(name string, like []byte) ([]byte, error) {
	from := int(r.offset[name])
	if from+len(like) > len(r.memory) {
		return nil, errors.New("it is not there")
	}
	return r.memory[from : from+len(like)], nil
}

// bytesOf and rawBytes show generated types, which have the layout of the C
// ones, no pointers and no hidden padding, as the bytes they are.
func bytesOf[T any](v *T) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(v)), unsafe.Sizeof(*v))
}

func rawBytes[T any](v []T) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(&v[0])), len(v)*int(unsafe.Sizeof(v[0])))
}
