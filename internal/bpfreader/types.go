// SPDX-License-Identifier: Apache-2.0

//go:build amd64 || arm64

package bpfreader

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/btf"
	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/internal/smallbtf"
)

const (
	typesDir   = "/sys/kernel/btf"
	kernelFile = "vmlinux"
	castFunc   = "bpf_rdonly_cast" // from Linux 6.2, kernel/bpf/helpers.c
)

// fewTypes are those of the kernel's types that the programs of one object need.
type fewTypes struct {
	kernel *smallbtf.Types
	specs  []*btf.Spec // the kernel's, then those of modules
	cast   bool        // the only function of the kernel that the programs call is castFunc
}

// readFew reads what an object needs of the types in dir: the kernel's, and those of the
// modules that are loaded and not built in. ids are further functions and typedefs.
func readFew(dir string, spec *ebpf.CollectionSpec, modules, ids []string) (*fewTypes, error) {
	wanted, called, err := wantedBy(spec)
	if err != nil {
		return nil, err
	}
	for _, name := range ids {
		wanted.IDs[name] = true
	}
	raw, unmap, err := mapFile(dir + "/" + kernelFile)
	if err != nil {
		return nil, err
	}
	defer unmap()
	few := &fewTypes{cast: len(called) == 1 && called[0] == castFunc}
	if few.kernel, err = few.extract(raw, nil, wanted); err != nil {
		return nil, err
	}
	for _, name := range modules {
		module, err := os.ReadFile(dir + "/" + name)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err == nil {
			_, err = few.extract(raw, module, wanted)
		}
		if err != nil {
			return nil, fmt.Errorf("module %s: %w", name, err)
		}
	}
	return few, nil
}

// extract adds the wanted types of a kernel or module.
func (f *fewTypes) extract(kernel, module []byte, wanted *smallbtf.Wanted) (*smallbtf.Types, error) {
	types, err := smallbtf.Extract(kernel, module, wanted)
	if err != nil {
		return nil, err
	}
	spec, err := btf.LoadSpecFromReader(bytes.NewReader(types.Raw))
	if err != nil {
		return nil, fmt.Errorf("read extracted types: %w", err)
	}
	f.specs = append(f.specs, spec)
	return types, nil
}

// wantedBy returns what the programs of an object need of the kernel's types: all that
// its own types have a name for. It also returns the kernel's functions that they call.
func wantedBy(spec *ebpf.CollectionSpec) (*smallbtf.Wanted, []string, error) {
	w := &smallbtf.Wanted{Types: map[string]bool{}, Members: map[string]bool{}, IDs: map[string]bool{castFunc: true}}
	var called []string
	for t, err := range spec.Types.All() {
		if err != nil {
			return nil, nil, fmt.Errorf("read types of BPF object: %w", err)
		}
		switch t := t.(type) {
		case *btf.Struct:
			want(w, t.Name, t.Members)
		case *btf.Union:
			want(w, t.Name, t.Members)
		case *btf.Enum, *btf.Typedef:
			want(w, t.TypeName(), nil)
		case *btf.Datasec:
			if t.Name == ".ksyms" {
				for _, v := range t.Vars {
					called = append(called, v.Type.TypeName())
				}
			}
		}
	}
	for _, p := range spec.Programs {
		if _, name := attachTarget(p); name != "" {
			w.IDs[name] = true
		}
	}
	return w, called, nil
}

func want(w *smallbtf.Wanted, name string, members []btf.Member) {
	if i := strings.LastIndex(name, "___"); i > 0 {
		name = name[:i]
	}
	if name != "" {
		w.Types[name] = true
	}
	for _, m := range members {
		if m.Name != "" {
			w.Members[m.Name] = true
		}
	}
}

// mapFile returns a file of the kernel's types, mapped into memory or, before Linux 6.16,
// read into it.
func mapFile(path string) ([]byte, func(), error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, nil, err
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return nil, nil, err
	}
	const most = 256 << 20
	if st.Size() <= 0 || st.Size() > most {
		return nil, nil, fmt.Errorf("%s has %d bytes", path, st.Size())
	}
	size := int(st.Size())
	raw, err := unix.Mmap(int(f.Fd()), 0, size, unix.PROT_READ, unix.MAP_PRIVATE)
	if err == nil {
		return raw, func() { _ = unix.Munmap(raw) }, nil
	}
	return readFile(f, size)
}

// readFile reads a file into memory that is given back at once, not by the garbage
// collector.
func readFile(f io.Reader, size int) ([]byte, func(), error) {
	raw, err := unix.Mmap(-1, 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
	if err != nil {
		return nil, nil, fmt.Errorf("allocate memory: %w", err)
	}
	free := func() { _ = unix.Munmap(raw) }
	if _, err := io.ReadFull(f, raw); err != nil {
		free()
		return nil, nil, fmt.Errorf("read kernel types: %w", err)
	}
	return raw, free, nil
}

var errLocalType = errors.New("number of a type of the BPF object")

// relocate changes the instructions to fit the kernel's types, as CO-RE does.
func (f *fewTypes) relocate(insns asm.Instructions) error {
	var relos []*btf.CORERelocation
	var relocated []*asm.Instruction
	for iter := insns.Iterate(); iter.Next(); {
		if iter.Ins.IsKfuncCall() {
			if err := f.call(iter.Ins); err != nil {
				return err
			}
		}
		if relo := btf.CORERelocationMetadata(iter.Ins); relo != nil {
			relos, relocated = append(relos, relo), append(relocated, iter.Ins)
		}
	}
	if len(relos) == 0 {
		return nil
	}
	fixups, err := btf.CORERelocate(relos, f.specs, binary.LittleEndian, func(btf.Type) (btf.TypeID, error) { return 0, errLocalType })
	if err != nil {
		return fmt.Errorf("relocate: %w", err)
	}
	for i := range fixups {
		if err := fixups[i].Apply(relocated[i]); err != nil {
			return fmt.Errorf("relocate: %w", err)
		}
		if err := f.renumber(&fixups[i], relocated[i]); err != nil {
			return err
		}
	}
	return nil
}

// renumber replaces the number that a type has among the few types by the kernel's.
func (f *fewTypes) renumber(fixup *btf.COREFixup, ins *asm.Instruction) error {
	kind, to, _ := strings.Cut(fixup.String(), "=")
	if kind != "target_type_id" || to == "poison" {
		return nil
	}
	id, err := f.kernel.KernelID(uint32(ins.Constant))
	if err != nil {
		return fmt.Errorf("number of type: %w", err)
	}
	ins.Constant = int64(id)
	return nil
}

// call makes an instruction call castFunc.
func (f *fewTypes) call(ins *asm.Instruction) error {
	if !f.cast {
		return errors.New("call of another function of the kernel than " + castFunc)
	}
	id, err := f.kernel.Func(castFunc)
	if err != nil {
		return err
	}
	ins.Constant, ins.Offset = int64(id), 0
	return nil
}

// attachTarget returns what a program is attached to, and "" for one that is attached
// to no type of the kernel's. A typedef stands for a tracepoint.
func attachTarget(p *ebpf.ProgramSpec) (typedef bool, name string) {
	if p.Type != ebpf.Tracing || p.AttachTo == "" {
		return false, ""
	}
	switch p.AttachType {
	case ebpf.AttachTraceIter:
		return false, "bpf_iter_" + p.AttachTo
	case ebpf.AttachTraceRawTp:
		return true, "btf_trace_" + p.AttachTo
	default:
		return false, p.AttachTo
	}
}

// attachID returns the number of what a program is attached to, 0 if nothing.
func (f *fewTypes) attachID(p *ebpf.ProgramSpec) (uint32, error) {
	switch typedef, name := attachTarget(p); {
	case name == "":
		return 0, nil
	case typedef:
		return f.kernel.Typedef(name)
	default:
		return f.kernel.Func(name)
	}
}
