// SPDX-License-Identifier: Apache-2.0

//go:build amd64 || arm64

package bpfreader

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"
	"golang.org/x/sys/unix"
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
	if errors.Is(err, unix.EPERM) && missingCapabilities() == "" && RaiseMemlock() == nil {
		err = r.makeMaps(&l)
	}
	if err != nil {
		return nil, fmt.Errorf("create BPF maps: %w", Explain(err))
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

// RaiseMemlock lifts the limit that BPF memory counts towards before Linux 5.11.
// It needs CAP_SYS_RESOURCE.
func RaiseMemlock() error {
	none := unix.Rlimit{Cur: unix.RLIM_INFINITY, Max: unix.RLIM_INFINITY}
	return unix.Setrlimit(unix.RLIMIT_MEMLOCK, &none)
}

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

// kernelBefore reports whether this kernel calls itself older than a version.
// Some distributions' kernels can more than their number says.
func kernelBefore(version [2]int) bool {
	var uts unix.Utsname
	var v [2]int
	if unix.Uname(&uts) != nil {
		return false // cannot happen: uname fails only for a bad address
	}
	if _, err := fmt.Sscanf(unix.ByteSliceToString(uts.Release[:]), "%d.%d", &v[0], &v[1]); err != nil {
		return false
	}
	return slices.Compare(v[:], version[:]) < 0
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

// Explain puts the missing capability of those that a BPF program needs in the
// place of "operation not permitted", and what a locked kernel means in that of its
// verifier's words (kernel/bpf/helpers.c, bpf_base_func_proto, 5.10: the helpers
// that read kernel memory are not there).
func Explain(err error) error {
	if (errors.Is(err, unix.EPERM) || errors.Is(err, unix.EINVAL)) && lockedDown() {
		return errors.New("kernel lockdown (confidentiality) lets no BPF program read the kernel's memory")
	}
	if !errors.Is(err, unix.EPERM) {
		return err
	}
	if missing := missingCapabilities(); missing != "" {
		return fmt.Errorf("needs %s: %w", missing, unix.EPERM)
	}
	return fmt.Errorf("not allowed although CAP_BPF and CAP_PERFMON are held (in a user namespace, by kernel lockdown, or before Linux 5.11 for want of CAP_SYS_RESOURCE): %w", unix.EPERM)
}

// lockedDown reports whether the kernel keeps its memory from everybody.
func lockedDown() bool {
	text, err := os.ReadFile("/sys/kernel/security/lockdown")
	return err == nil && strings.Contains(string(text), "[confidentiality]")
}

// missingCapabilities names what the calling thread lacks of CAP_BPF and
// CAP_PERFMON, for either of which CAP_SYS_ADMIN stands in (bpf_capable and
// perfmon_capable, include/linux/capability.h, 5.8).
func missingCapabilities() string {
	var data [2]unix.CapUserData
	hdr := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	if err := unix.Capget(&hdr, &data[0]); err != nil {
		return "CAP_BPF and CAP_PERFMON"
	}
	has := func(c uint) bool { return data[c/32].Effective&(1<<(c%32)) != 0 }
	if has(unix.CAP_SYS_ADMIN) {
		return ""
	}
	var missing []string
	if !has(unix.CAP_BPF) {
		missing = append(missing, "CAP_BPF")
	}
	if !has(unix.CAP_PERFMON) {
		missing = append(missing, "CAP_PERFMON")
	}
	return strings.Join(missing, " and ")
}
