// SPDX-License-Identifier: Apache-2.0

//go:build amd64 || arm64

package bpfreader

import (
	"errors"
	"fmt"

	"github.com/cilium/ebpf"
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
	{Nets, "read the list of network namespaces", [2]int{5, 10}, []string{scanProgNets}},
	{InFlight, "read files in flight", [2]int{6, 0}, []string{scanProgInFlight}},
	{queued, "read receive queues", [2]int{6, 0}, []string{scanProgQueued}},
	{Mapped, "read mapped packet sockets", [2]int{5, 17}, []string{scanProgMapped}},
	{DetachedMounts, "read detached mounts", [2]int{5, 17}, []string{scanProgDetachedMounts}},
	{Closing, "read closing connections", [2]int{5, 17}, []string{scanProgClosing}},
	{Lists, "read the lists of namespaces", [2]int{6, 18}, []string{scanProgListed}},
	{Rings, "read registered io_uring instances", [2]int{5, 17}, []string{scanProgTaskRings}},
	{Requests, "read pending requests", [2]int{5, 17}, []string{scanProgRequests}},
	{Mappings, "read mappings", [2]int{5, 17}, []string{scanProgMappings}},
	{ClosedPeers, "read closed peers", [2]int{5, 8}, []string{scanProgClosedPeers}},
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
	if o.Passes&InFlight != 0 {
		o.Passes |= queued
	}
	object, err := OpenObjectFile(o.object())
	if err != nil {
		return nil, err
	}
	r := &Reader{options: o, object: object, passes: make(map[Pass]*passState), variables: make(map[string]variable)}
	err = r.createMaps()
	if errors.Is(err, unix.EPERM) && kernel.MissingBPFCapabilities() == "" && RaiseMemlock() == nil {
		err = r.createMaps()
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

// object returns where the programs are.
func (o Options) object() ObjectFileOptions {
	from := ObjectFileOptions{New: loadScan, Old: loadOld, Modules: []string{"tun", "tap"}, ForceOld: o.oldObject, TypesDir: o.typesDir}
	from.change = func(spec *ebpf.CollectionSpec) {
		if bss := spec.Maps[".bss"]; bss != nil {
			bss.Contents = nil // zeros, as which the kernel creates it
		}
		if !o.Relations {
			withoutRelations(spec)
		}
	}
	switch {
	case !o.Relations:
		from.table = &scanTable
	case o.isUsual():
		from.New = loadUsual
	}
	return from
}

// isUsual reports whether the smaller object has all programs.
func (o Options) isUsual() bool { return o.Passes&^(Usual|queued) == 0 && !o.oneByOne }

// RaiseMemlock lifts the limit that BPF memory counts towards before Linux 5.11
// (kernel/bpf/syscall.c), until kernel.RestoreMemlock. It needs CAP_SYS_RESOURCE there.
// The library's function for that finds out what counts at every start of the program,
// whatever that is to do.
func RaiseMemlock() error {
	return kernel.RaiseMemlock(func() error {
		if kernel.Running().AtLeast(5, 11) {
			return nil
		}
		unlimited := unix.Rlimit{Cur: unix.RLIM_INFINITY, Max: unix.RLIM_INFINITY}
		if err := unix.Setrlimit(unix.RLIMIT_MEMLOCK, &unlimited); err != nil {
			return fmt.Errorf("raise RLIMIT_MEMLOCK: %w", err)
		}
		return nil
	})
}

// createMaps creates the maps that the programs share and maps their variables into
// memory.
func (r *Reader) createMaps() error {
	maps, err := r.object.Maps()
	if err != nil {
		return err
	}
	r.maps = maps
	r.object.variables(r.variables)
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

// first loads the first of the programs that this kernel does not refuse. The programs
// are loaded one by one with shared maps, so that one that is refused does not affect the
// others.
func (r *Reader) first(names []string) (*ebpf.Program, error) {
	var errs []error
	for _, name := range names {
		prog, err := r.object.loadNamed(name, r.maps.Maps)
		if err == nil {
			return prog, nil
		}
		if errors.Is(err, unix.EPERM) {
			return nil, err
		}
		if errors.Is(err, errNoProgram) {
			continue // the smaller object has fewer
		}
		errs = append(errs, err)
	}
	return nil, errors.Join(errs...)
}
