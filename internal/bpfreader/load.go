// SPDX-License-Identifier: Apache-2.0

//go:build amd64 || arm64

package bpfreader

import (
	"errors"
	"fmt"
	"os"
	"sync"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"
	"github.com/cilium/ebpf/rlimit"
	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/internal/kernel"
)

// passPrograms are the programs of one pass.
type passPrograms struct {
	pass  Pass
	what  string
	since [2]int
	try   []string
}

// programs lists what serves each pass: the first one that loads. No kernel from
// since on has reason to refuse them all.
var programs = []passPrograms{
	{Tasks, "read tasks", [2]int{5, 8}, []string{scanProgTasks}},
	{Files, "read open files", [2]int{5, 8}, []string{scanProgTables, scanProgFiles, scanProgFilesOnly}},
	{VMAs, "read mappings", [2]int{5, 12}, []string{scanProgVmas, scanProgVmasOnly}},
	{Nets, "read the list of network namespaces", [2]int{5, 10}, []string{scanProgNets}},
	{InFlight, "read files in flight", [2]int{6, 0}, []string{scanProgQueues}},
	{Mapped, "read mapped packet sockets", [2]int{5, 17}, []string{scanProgMapped}},
	{LoneMounts, "read detached mounts", [2]int{5, 17}, []string{scanProgMounts}},
}

// Open loads the programs of the passes asked for; InFlight and Mapped bring Nets with them.
// It needs CAP_BPF and CAP_PERFMON, and says which of them is missing. A pass
// that this kernel does not take is in Refused; it is an error if none loads.
func Open(o Options) (*Reader, error) {
	if o.Passes == 0 {
		o.Passes = Usual
	}
	if o.Passes&(InFlight|Mapped) != 0 {
		o.Passes |= Nets
	}
	cache := btf.NewCache()
	spec, types, err := parse(cache, o.old)
	if err != nil {
		return nil, err
	}
	l := loader{spec: spec, options: ebpf.CollectionOptions{Cache: cache}}
	r := &Reader{options: o, loader: &l, passes: make(map[Pass]*passLoad), offset: make(map[string]uint32)}
	l.options.Programs.KernelTypes = types
	l.options.Programs.ExtraRelocationTargets = moduleTypes(cache)
	err = r.makeMaps(&l)
	if errors.Is(err, unix.EPERM) && kernel.MissingBPFCapabilities() == "" && RaiseMemlock() == nil {
		err = r.makeMaps(&l)
	}
	if err != nil {
		return nil, fmt.Errorf("create BPF maps: %w", kernel.ExplainBPF(err))
	}
	if err = r.storeWanted(); err == nil {
		err = r.loadPasses()
	}
	if err != nil {
		r.Close()
		return nil, err
	}
	return r, nil
}

// parse reads the kernel's types, which takes half the time of Open, and the
// object that suits them.
func parse(cache *btf.Cache, old bool) (*ebpf.CollectionSpec, *btf.Spec, error) {
	var spec *ebpf.CollectionSpec
	var specErr error
	done := make(chan struct{})
	go func() {
		defer close(done)
		spec, specErr = loadScan()
	}()
	types, err := cache.Kernel()
	<-done
	if err != nil {
		return nil, nil, ExplainTypes(err)
	}
	var cast *btf.Func
	if old || types.TypeByName("bpf_rdonly_cast", &cast) != nil {
		spec, specErr = loadOld() // before Linux 6.2
	}
	if specErr != nil {
		return nil, nil, fmt.Errorf("parse BPF object: %w", specErr)
	}
	return spec, types, nil
}

// loader loads the programs one by one into shared maps, so that one that the
// kernel refuses takes none of the others with it.
type loader struct {
	spec    *ebpf.CollectionSpec
	options ebpf.CollectionOptions

	// oneAtATime is held while a program loads that looks into a module's types:
	// those read on in the kernel's types without the lock that guards them
	// (inflateType in btf/unmarshal.go of cilium/ebpf v0.22.0), which another
	// load may be writing.
	oneAtATime sync.Mutex
}

// moduleTypes returns the types of the modules that the programs look into,
// where those are modules and loaded. tun is the only one.
func moduleTypes(cache *btf.Cache) []*btf.Spec {
	if _, err := os.Stat("/sys/kernel/btf/tun"); err != nil {
		return nil
	}
	tun, err := cache.Module("tun")
	if err != nil {
		return nil // the device's name is missing then, nothing else
	}
	return []*btf.Spec{tun}
}

// RaiseMemlock lifts the limit that BPF memory counts towards before Linux 5.11,
// until kernel.RestoreMemlock. It needs CAP_SYS_RESOURCE there.
func RaiseMemlock() error { return kernel.RaiseMemlock(rlimit.RemoveMemlock) }

func (r *Reader) makeMaps(l *loader) error {
	spec := *l.spec
	spec.Programs, spec.Variables = nil, nil
	maps, err := ebpf.NewCollectionWithOptions(&spec, l.options)
	if err != nil {
		return err
	}
	r.maps = maps
	l.options.MapReplacements = maps.Maps
	for name, v := range l.spec.Variables {
		r.offset[name] = v.Offset
	}
	// Not by its Memory: that stays mapped, and so the map stays in the kernel,
	// until the garbage collector finds it.
	bss := maps.Maps[".bss"]
	r.memory, err = unix.Mmap(bss.FD(), 0, int(bss.ValueSize()), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		maps.Close()
		return fmt.Errorf("map variables into memory: %w", err)
	}
	return nil
}

func (l *loader) first(names []string) (*ebpf.Program, error) {
	if len(l.options.Programs.ExtraRelocationTargets) > 0 {
		l.oneAtATime.Lock()
		defer l.oneAtATime.Unlock()
	}
	var errs []error
	for _, name := range names {
		prog, err := l.load(name)
		if err == nil {
			return prog, nil
		}
		if errors.Is(err, unix.EPERM) {
			return nil, err
		}
		errs = append(errs, err)
	}
	return nil, errors.Join(errs...)
}

func (l *loader) load(name string) (*ebpf.Program, error) {
	spec := *l.spec
	spec.Programs = map[string]*ebpf.ProgramSpec{name: l.spec.Programs[name]}
	spec.Variables = nil
	got, err := ebpf.NewCollectionWithOptions(&spec, l.options)
	if err != nil {
		return nil, err
	}
	defer got.Close()
	return got.DetachProgram(name), nil
}

// ExplainTypes says what it means that the kernel's types cannot be read.
func ExplainTypes(err error) error {
	if errors.Is(err, ebpf.ErrNotSupported) {
		return errors.New("this kernel shows no type information: it needs CONFIG_DEBUG_INFO_BTF, and /sys")
	}
	return fmt.Errorf("read kernel type information: %w", err)
}
