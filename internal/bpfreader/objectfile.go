// SPDX-License-Identifier: Apache-2.0

//go:build amd64 || arm64

package bpfreader

import (
	"errors"
	"fmt"
	"os"
	"sync"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/btf"
	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/internal/kernel"
)

// ObjectFile is a BPF object for the running kernel, of which programs can be loaded.
//
// It reads the few of the kernel's types that its programs need (internal/smallbtf).
// Where that fails, and for a program that the kernel then refuses, it reads all of
// them, which takes many times as long. Where there is a table of the object, the object
// itself is parsed only for a program that the table's loader does not load.
type ObjectFile struct {
	Spec *ebpf.CollectionSpec // nil while there is a loader

	o      ObjectFileOptions
	loader *loader // nil without a table, or one that fits this kernel
	parsed sync.Once
	failed error     // of parsing, if that was needed
	few    *fewTypes // nil if they could not be read
	why    error     // if so

	// mu is held while a program is loaded with all types: those of modules refer to
	// the kernel's, and read them without the lock that protects them (inflateType,
	// btf/unmarshal.go, cilium/ebpf v0.22.0) while another load may write them.
	mu     sync.Mutex
	cache  *btf.Cache // of all types; nil until they are needed
	extra  []*btf.Spec
	missed []error // why programs were not loaded with the table or with few types
}

// ObjectFileOptions describe an object.
type ObjectFileOptions struct {
	New, Old func() (*ebpf.CollectionSpec, error) // Old is for kernels before Linux 6.2
	IDs      []string                             // functions for HasFunc
	Modules  []string                             // whose types the programs read too

	change func(*ebpf.CollectionSpec) // is made to what was parsed; nil for nothing
	table  *table                     // of New, and changed; nil if there is none

	ForceOld bool   // on any kernel
	TypesDir string // for tests, instead of /sys/kernel/btf, of the few types
}

// OpenObjectFile parses the object for this kernel and reads the types that it needs.
func OpenObjectFile(o ObjectFileOptions) (*ObjectFile, error) {
	if o.TypesDir == "" {
		o.TypesDir = typesDir
	}
	object := &ObjectFile{o: o}
	if o.table != nil && !o.ForceOld {
		var err error
		if object.loader, err = newLoader(o.table, o.TypesDir, o.Modules); err == nil {
			return object, nil
		}
		object.missed = append(object.missed, err)
	}
	return object, object.open()
}

// open parses the object for this kernel and reads types for it.
func (o *ObjectFile) open() error {
	old := o.o.ForceOld || kernel.Running().Before(6, 2)
	if err := o.parse(old); err != nil {
		return err
	}
	if !o.o.ForceOld && o.HasFunc(castFunc) == old { // a kernel with backports
		if err := o.parse(!old); err != nil {
			return err
		}
	}
	if o.few == nil {
		if _, err := o.all(); err != nil {
			return ExplainTypes(err)
		}
	}
	return nil
}

// parse parses one of the two objects and reads the types that it needs.
func (o *ObjectFile) parse(old bool) error {
	parse := o.o.New
	if old {
		parse = o.o.Old
	}
	spec, err := parse()
	if err != nil {
		return fmt.Errorf("parse BPF object: %w", err)
	}
	if o.o.change != nil {
		o.o.change(spec)
	}
	o.Spec = spec
	if o.few, o.why = readFew(o.o.TypesDir, spec, o.o.Modules, o.o.IDs); o.why != nil {
		o.few = nil
	}
	return nil
}

// all reads all of the kernel's types, once.
func (o *ObjectFile) all() (*btf.Spec, error) {
	if o.cache == nil {
		o.cache = btf.NewCache()
	}
	return o.cache.Kernel()
}

// HasFunc reports whether the kernel has one function of that name, which is among
// ObjectFileOptions.IDs.
func (o *ObjectFile) HasFunc(name string) bool {
	if o.few != nil {
		_, err := o.few.kernel.Func(name)
		return err == nil
	}
	types, err := o.all()
	var there *btf.Func
	return err == nil && types.TypeByName(name, &there) == nil
}

// NeededAll returns why all of the kernel's types were read, or the object though there is a
// table: these could not be used, or a program loaded only so. It returns nil if it was not so.
func (o *ObjectFile) NeededAll() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	return errors.Join(append([]error{o.why}, o.missed...)...)
}

// Maps creates the maps of the object.
func (o *ObjectFile) Maps() (*ebpf.Collection, error) {
	if o.loader != nil {
		return o.loader.table.createMaps()
	}
	spec := *o.Spec
	spec.Programs, spec.Variables = nil, nil
	spec.Maps = make(map[string]*ebpf.MapSpec, len(o.Spec.Maps))
	for name, m := range o.Spec.Maps {
		m = m.Copy()
		m.Key, m.Value = nil, nil // types, which would be loaded for the eyes of bpftool alone
		spec.Maps[name] = m
	}
	return ebpf.NewCollection(&spec)
}

// Load loads a program, with the object's maps.
func (o *ObjectFile) Load(spec *ebpf.ProgramSpec, maps map[string]*ebpf.Map) (*ebpf.Program, error) {
	why := o.why
	if o.few != nil {
		prog, err := o.few.load(spec, maps)
		if err == nil || errors.Is(err, unix.EPERM) {
			return prog, err
		}
		why = err
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	prog, err := o.loadWithAll(spec, maps)
	if err == nil {
		o.missed = append(o.missed, why)
	}
	return prog, err
}

// loadNamed loads the program of a name, as Load does, or returns errNoProgram.
func (o *ObjectFile) loadNamed(name string, maps map[string]*ebpf.Map) (*ebpf.Program, error) {
	var why error
	if o.loader != nil {
		p := o.loader.table.program(name)
		if p == nil {
			return nil, errNoProgram
		}
		var prog *ebpf.Program
		if prog, why = o.loader.load(p, maps); why == nil || errors.Is(why, unix.EPERM) {
			return prog, why
		}
		o.parsed.Do(func() { o.failed = o.open() })
		if o.failed != nil {
			return nil, errors.Join(why, o.failed)
		}
	}
	spec := o.Spec.Programs[name]
	if spec == nil {
		return nil, errNoProgram
	}
	prog, err := o.Load(spec, maps)
	if err == nil && why != nil {
		o.mu.Lock()
		defer o.mu.Unlock()
		o.missed = append(o.missed, why)
	}
	return prog, err
}

var errNoProgram = errors.New("not in this object")

// Collection creates the object's maps and loads all of its programs.
func (o *ObjectFile) Collection() (*ebpf.Collection, error) {
	c, err := o.Maps()
	if err != nil {
		return nil, err
	}
	for name, spec := range o.Spec.Programs {
		if c.Programs[name], err = o.Load(spec, c.Maps); err != nil {
			c.Close()
			return nil, fmt.Errorf("program %s: %w", name, err)
		}
	}
	return c, nil
}

// loadWithAll loads a program with all of the kernel's types. Its error has the
// verifier's log.
func (o *ObjectFile) loadWithAll(program *ebpf.ProgramSpec, maps map[string]*ebpf.Map) (*ebpf.Program, error) {
	types, err := o.all()
	if err != nil {
		return nil, ExplainTypes(err)
	}
	if o.extra == nil {
		o.extra = o.moduleTypes()
	}
	spec := *o.Spec
	spec.Variables = nil
	spec.Programs = map[string]*ebpf.ProgramSpec{program.Name: withSources(program)}
	spec.Maps = make(map[string]*ebpf.MapSpec, len(maps))
	for name := range maps {
		spec.Maps[name] = o.Spec.Maps[name]
	}
	options := ebpf.CollectionOptions{Cache: o.cache, MapReplacements: maps}
	options.Programs.KernelTypes, options.Programs.ExtraRelocationTargets = types, o.extra
	got, err := ebpf.NewCollectionWithOptions(&spec, options)
	if err != nil {
		return nil, err
	}
	defer got.Close()
	return got.DetachProgram(program.Name), nil
}

// withSources gives the first instruction of every function a source. The library gives
// one to an instruction that it replaces as the kernel has no such field, and where there
// is a source the kernel requires one for every function (check_btf_line,
// kernel/bpf/verifier.c, 5.0).
func withSources(program *ebpf.ProgramSpec) *ebpf.ProgramSpec {
	program = program.Copy()
	for i, ins := range program.Instructions {
		if fn := btf.FuncMetadata(&ins); fn != nil {
			program.Instructions[i] = ins.WithSource(asm.Comment(fn.Name))
		}
	}
	return program
}

// moduleTypes returns the types of the modules that the programs read, as far as these
// are loaded and not built in.
func (o *ObjectFile) moduleTypes() []*btf.Spec {
	all := []*btf.Spec{}
	for _, name := range o.o.Modules {
		if _, err := os.Stat(typesDir + "/" + name); err != nil {
			continue
		}
		if types, err := o.cache.Module(name); err == nil { // if not, only the name of the device is missing
			all = append(all, types)
		}
	}
	return all
}

// ExplainTypes returns an error that explains why the kernel's types cannot be read.
func ExplainTypes(err error) error {
	var st unix.Statfs_t
	switch known := unix.Statfs("/sys/kernel", &st) == nil && st.Type == unix.SYSFS_MAGIC; {
	case errors.Is(err, ebpf.ErrNotSupported) && known:
		return errors.New("this kernel has no type information: it needs CONFIG_DEBUG_INFO_BTF")
	case errors.Is(err, ebpf.ErrNotSupported):
		return errors.New("no sysfs is mounted on /sys, which has the kernel's type information")
	}
	return fmt.Errorf("read kernel type information: %w", err)
}
