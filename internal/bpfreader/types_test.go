// SPDX-License-Identifier: Apache-2.0

//go:build amd64 || arm64

package bpfreader

import (
	"bytes"
	"encoding/binary"
	"errors"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/btf"

	"github.com/nsinspect/nsinspect/internal/need"
	"github.com/nsinspect/nsinspect/internal/smallbtf"
)

// objects parses all objects that read the kernel's types and that this kernel can load.
// The tracer's are read from the source.
func objects(t *testing.T, all *btf.Spec) map[string]*ebpf.CollectionSpec {
	t.Helper()
	direct, old := map[string]*ebpf.CollectionSpec{}, map[string]*ebpf.CollectionSpec{}
	var err error
	direct["scan"], err = loadScan()
	must(t, "parse", err)
	old["old"], err = loadOld()
	must(t, "parse", err)
	const tracer = "../../pkg/trace/"
	direct["calls"], err = ebpf.LoadCollectionSpec(tracer + "calls_bpfel.o")
	must(t, "parse", err)
	old["oldcalls"], err = ebpf.LoadCollectionSpec(tracer + "oldcalls_bpfel.o")
	must(t, "parse", err)
	if all.TypeByName(castFunc, new(*btf.Func)) == nil {
		maps.Copy(old, direct)
	}
	return old
}

// TestSameRelocation compares the instructions of every program of every object, as the
// few types relocate them, with what all of the kernel's types make of them.
func TestSameRelocation(t *testing.T) {
	need.Root(t)
	all, err := btf.NewCache().Kernel()
	must(t, "read all types", err)
	for object, spec := range objects(t, all) {
		few, err := readFew(typesDir, spec, nil, nil)
		if err != nil {
			t.Fatalf("object %s: %v", object, err)
		}
		changed := 0
		for name, program := range spec.Programs {
			got, want := slices.Clone(program.Instructions), slices.Clone(program.Instructions)
			must(t, "relocate "+name, few.relocate(got))
			relocateWithAll(t, want, []*btf.Spec{all})
			if len(got) == 0 || len(got) != len(want) {
				t.Fatalf("%s, %s: %d instructions, want %d", object, name, len(got), len(want))
			}
			for i := range got {
				if raw(got[i]) != raw(program.Instructions[i]) {
					changed++
				}
				if raw(got[i]) != raw(want[i]) {
					t.Errorf("%s, %s, instruction %d: got %v, want %v", object, name, i, got[i], want[i])
				}
			}
			compareAttachID(t, few, all, program)
		}
		if changed < 100 {
			t.Errorf("%s: relocation changed %d instructions", object, changed)
		}
	}
}

// raw returns the instruction without what it is known by.
func raw(ins asm.Instruction) asm.Instruction {
	ins.Metadata = asm.Metadata{}
	return ins
}

// relocateWithAll does what relocate does, with all of the kernel's types, whose numbers
// are the kernel's.
func relocateWithAll(t *testing.T, insns asm.Instructions, all []*btf.Spec) {
	t.Helper()
	for i := range insns {
		if insns[i].IsKfuncCall() {
			insns[i].Constant = int64(idIn(t, all[0], new(*btf.Func), castFunc))
		}
		relo := btf.CORERelocationMetadata(&insns[i])
		if relo == nil {
			continue
		}
		fixups, err := btf.CORERelocate([]*btf.CORERelocation{relo}, all, binary.LittleEndian, nil)
		must(t, "relocate", err)
		must(t, "apply", fixups[0].Apply(&insns[i]))
	}
}

// compareAttachID checks what a program is attached to, 0 if this kernel does not have it.
func compareAttachID(t *testing.T, few *fewTypes, all *btf.Spec, program *ebpf.ProgramSpec) {
	t.Helper()
	got, err := few.attachID(program)
	if err != nil && !errors.Is(err, smallbtf.ErrNotFound) {
		t.Errorf("program %s: %v", program.Name, err)
	}
	want := uint32(0)
	switch typedef, name := attachTarget(program); {
	case typedef:
		want = idIn(t, all, new(*btf.Typedef), name)
	case name != "":
		want = idIn(t, all, new(*btf.Func), name)
	}
	if got != want {
		t.Errorf("program %s is attached to %d, want %d", program.Name, got, want)
	}
}

func idIn[T btf.Type](t *testing.T, all *btf.Spec, typ *T, name string) uint32 {
	t.Helper()
	if all.TypeByName(name, typ) != nil {
		return 0
	}
	id, err := all.TypeID(*typ)
	must(t, "number of "+name, err)
	return uint32(id)
}

// TestReadFile checks that what is read where the types cannot be mapped, before Linux
// 6.16, is the same, and that less than expected is an error.
func TestReadFile(t *testing.T) {
	need.Root(t)
	path := typesDir + "/" + kernelFile
	f, err := os.Open(path)
	must(t, "open types", err)
	defer f.Close()
	mapped, unmap, err := mapFile(path)
	must(t, "map types", err)
	defer unmap()
	read, free, err := readFile(f, len(mapped))
	must(t, "read types", err)
	defer free()
	if !bytes.Equal(read, mapped) {
		t.Error("what was read differs from what was mapped")
	}
	if _, _, err := readFile(bytes.NewReader(read[:100]), 101); err == nil {
		t.Error("no error for a file that is too short")
	}
}

// TestModuleTypes relocates against types of a module, which refer to the kernel's: a
// kernel whose structures of tap devices have other names, and a module with them.
func TestModuleTypes(t *testing.T) {
	need.Root(t)
	dir, all, split := withTapModule(t)
	spec, err := loadOld()
	must(t, "parse", err)
	few, err := readFew(dir, spec, []string{"tun", "tap"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	program := spec.Programs[scanProgFiles].Instructions
	got, want, without := slices.Clone(program), slices.Clone(program), slices.Clone(program)
	must(t, "relocate", few.relocate(got))
	relocateWithAll(t, want, []*btf.Spec{all, split})
	relocateWithAll(t, without, []*btf.Spec{all})
	differ := 0
	for i := range got {
		if raw(got[i]) != raw(want[i]) {
			t.Errorf("instruction %d: got %v, want %v", i, got[i], want[i])
		}
		if raw(got[i]) != raw(without[i]) {
			differ++
		}
	}
	if differ == 0 {
		t.Error("the module changes nothing")
	}
}

// withTapModule returns a directory with such a kernel and module, and their types.
func withTapModule(t *testing.T) (dir string, all, split *btf.Spec) {
	t.Helper()
	kernel, err := os.ReadFile(typesDir + "/" + kernelFile)
	must(t, "read types", err)
	for _, name := range []string{"tap_queue", "tap_dev"} {
		kernel = bytes.ReplaceAll(kernel, []byte("\x00"+name+"\x00"), []byte("\x00"+strings.Repeat("x", len(name))+"\x00"))
	}
	all, err = btf.LoadSpecFromReader(bytes.NewReader(kernel))
	must(t, "parse all types", err)
	module := tapModule(t, kernel, all)
	split, err = btf.LoadSplitSpecFromReader(bytes.NewReader(module), all)
	must(t, "parse module", err)

	dir = t.TempDir()
	must(t, "write types", os.WriteFile(dir+"/"+kernelFile, kernel, 0o600))
	must(t, "write module", os.WriteFile(dir+"/tap", module, 0o600))
	return dir, all, split
}

// tapModule returns BTF of a module that continues the kernel's:
//
//	struct tap_dev { ...; void *dev; };
//	struct tap_queue { struct sock sk; void *tap; };
func tapModule(t *testing.T, kernel []byte, all *btf.Spec) []byte {
	t.Helper()
	text := binary.LittleEndian.Uint32(kernel[20:])
	var sock *btf.Struct
	must(t, "find struct sock", all.TypeByName("sock", &sock))
	i := slices.IndexFunc(sock.Members, func(m btf.Member) bool { _, ok := m.Type.(*btf.Pointer); return ok })
	pointer, err := all.TypeID(sock.Members[i].Type)
	must(t, "number of a pointer", err)
	const names = "tap_dev\x00dev\x00tap_queue\x00sk\x00tap\x00"
	at := func(name string) uint32 { return text + uint32(strings.Index("\x00"+names, "\x00"+name+"\x00")) }
	const structure = 4 << 24 // BTF_KIND_STRUCT
	types := []uint32{
		at("tap_dev"), structure | 1, 72, at("dev"), uint32(pointer), 8 * 64,
		at("tap_queue"), structure | 2, 2048, at("sk"), idIn(t, all, new(*btf.Struct), "sock"), 0, at("tap"), uint32(pointer), 8 * 1536,
	}
	module := []byte{0x9f, 0xeb, 1, 0}
	size := uint32(4 * len(types))
	for _, v := range append([]uint32{24, 0, size, size, uint32(len(names))}, types...) {
		module = binary.LittleEndian.AppendUint32(module, v)
	}
	return append(module, names...)
}
