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

// passSpec describes the programs of one pass.
type passSpec struct {
	pass       Pass
	action     string   // for errors
	since      [2]int   // from this kernel on one of the candidates loads
	candidates []string // programs, of which the first that loads is used
}

// programs lists the programs of each pass.
var programs = []passSpec{
	{Tasks, "read tasks", [2]int{5, 8}, []string{scanProgTasks}},
	{Files, "read open files", [2]int{5, 8}, []string{scanProgFdTables, scanProgFiles, scanProgFilesNoRings}},
	{VMAs, "read mappings", [2]int{5, 12}, []string{scanProgVmas, scanProgVmasNoRings}},
	{Nets, "read the list of network namespaces", [2]int{5, 10}, []string{scanProgNets}},
	{InFlight, "read files in flight", [2]int{6, 0}, []string{scanProgInFlight}},
	{Mapped, "read mapped packet sockets", [2]int{5, 17}, []string{scanProgMapped}},
	{DetachedMounts, "read detached mounts", [2]int{5, 17}, []string{scanProgDetachedMounts}},
	{Closing, "read closing connections", [2]int{5, 17}, []string{scanProgClosing}},
}

// Open loads the programs of the requested passes; InFlight, Mapped and Closing include Nets.
// It needs CAP_BPF and CAP_PERFMON, and the error names the missing one. A pass whose
// program this kernel does not load is in Refused; it is an error if none loads.
func Open(o Options) (*Reader, error) {
	if o.Passes == 0 {
		o.Passes = Usual
	}
	if o.Passes&(InFlight|Mapped|Closing) != 0 {
		o.Passes |= Nets
	}
	cache := btf.NewCache()
	spec, types, err := parse(cache, o.oldObject)
	if err != nil {
		return nil, err
	}
	if !o.Relations {
		withoutRelations(spec)
	}
	l := loader{spec: spec, options: ebpf.CollectionOptions{Cache: cache}}
	r := &Reader{options: o, loader: &l, passes: make(map[Pass]*passState), variables: make(map[string]variable)}
	l.options.Programs.KernelTypes = types
	l.options.Programs.ExtraRelocationTargets = moduleTypes(cache)
	err = r.createMaps(&l)
	if errors.Is(err, unix.EPERM) && kernel.MissingBPFCapabilities() == "" && RaiseMemlock() == nil {
		err = r.createMaps(&l)
	}
	if err != nil {
		return nil, fmt.Errorf("create BPF maps: %w", kernel.ExplainBPF(err))
	}
	if err = r.storeOptions(); err == nil {
		err = r.loadPasses()
	}
	if err != nil {
		r.Close()
		return nil, err
	}
	return r, nil
}

// parse reads the kernel's types, which takes half the time of Open, and the object
// for this kernel.
func parse(cache *btf.Cache, oldObject bool) (*ebpf.CollectionSpec, *btf.Spec, error) {
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
	if oldObject || types.TypeByName("bpf_rdonly_cast", &cast) != nil {
		spec, specErr = loadOld() // before Linux 6.2
	}
	if specErr != nil {
		return nil, nil, fmt.Errorf("parse BPF object: %w", specErr)
	}
	return spec, types, nil
}

// loader loads the programs one by one with shared maps, so that one that the kernel
// refuses does not affect the others.
type loader struct {
	spec    *ebpf.CollectionSpec
	options ebpf.CollectionOptions

	// moduleMu is held while a program that uses a module's types is loaded. Those
	// refer to the kernel's types, and read them without the lock that protects them
	// (inflateType, btf/unmarshal.go, cilium/ebpf v0.22.0) while another load may
	// write them.
	moduleMu sync.Mutex
}

// moduleTypes returns the types of the modules that the programs read, as far as these
// are loaded and not built in.
func moduleTypes(cache *btf.Cache) []*btf.Spec {
	var all []*btf.Spec
	for _, name := range []string{"tun", "tap"} {
		if _, err := os.Stat("/sys/kernel/btf/" + name); err != nil {
			continue
		}
		if types, err := cache.Module(name); err == nil { // if not, only the name of the device is missing
			all = append(all, types)
		}
	}
	return all
}

// RaiseMemlock lifts the limit that BPF memory counts towards before Linux 5.11,
// until kernel.RestoreMemlock. It needs CAP_SYS_RESOURCE there.
func RaiseMemlock() error { return kernel.RaiseMemlock(rlimit.RemoveMemlock) }

// createMaps creates the maps that the programs share and maps their variables into
// memory.
func (r *Reader) createMaps(l *loader) error {
	spec := *l.spec
	spec.Programs, spec.Variables = nil, nil
	maps, err := ebpf.NewCollectionWithOptions(&spec, l.options)
	if err != nil {
		return err
	}
	r.maps = maps
	l.options.MapReplacements = maps.Maps
	for name, v := range l.spec.Variables {
		if v.SectionName == ".bss" {
			r.variables[name] = variable{v.Offset, v.Size()}
		}
	}
	// Not with Map.Memory, which stays mapped, and with it the map in the kernel, until
	// the garbage collector frees it.
	bss := maps.Maps[".bss"]
	r.memory, err = unix.Mmap(bss.FD(), 0, int(bss.ValueSize()), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		maps.Close()
		return fmt.Errorf("map variables into memory: %w", err)
	}
	return nil
}

// first loads the first of the programs that this kernel does not refuse.
func (l *loader) first(names []string) (*ebpf.Program, error) {
	if len(l.options.Programs.ExtraRelocationTargets) > 0 {
		l.moduleMu.Lock()
		defer l.moduleMu.Unlock()
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

// ExplainTypes returns an error that explains why the kernel's types cannot be read.
func ExplainTypes(err error) error {
	if errors.Is(err, ebpf.ErrNotSupported) {
		return errors.New("this kernel has no type information: it needs CONFIG_DEBUG_INFO_BTF, and /sys mounted")
	}
	return fmt.Errorf("read kernel type information: %w", err)
}
