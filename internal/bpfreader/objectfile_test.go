// SPDX-License-Identifier: Apache-2.0

//go:build amd64 || arm64

package bpfreader

import (
	"errors"
	"os"
	"testing"

	"github.com/cilium/ebpf"

	"github.com/nsinspect/nsinspect/internal/kernel"
	"github.com/nsinspect/nsinspect/internal/need"
	"github.com/nsinspect/nsinspect/internal/smallbtf"
)

// TestFewTypesAreEnough checks that no program is loaded only with all of the kernel's
// types, which take many times as long to read: neither object, nor any program that
// this kernel does not refuse.
func TestFewTypesAreEnough(t *testing.T) {
	need.Root(t)
	for name, o := range map[string]Options{
		"scan": {Passes: Usual | rare, Relations: true}, "usual": {Relations: true},
		"old": {Passes: Usual | rare, Relations: true, oldObject: true}, "table": {Passes: Usual | rare},
	} {
		if name == "table" && kernel.Running().Before(6, 2) {
			continue // without bpf_rdonly_cast the old object is taken, which has no table
		}
		r, err := Open(o)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		object := r.object
		r.Refused()
		if err := object.NeededAll(); err != nil {
			t.Errorf("object %s: %v", name, err)
		}
	}
}

// TestSameProgram compares what the kernel made of every program with what it makes of
// it with all types: its instructions, and how many of them it had to verify.
func TestSameProgram(t *testing.T) {
	need.Root(t)
	r, err := Open(Options{Passes: Usual | rare, Relations: true})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	object := r.object
	r.Refused()
	compared := 0
	for _, state := range r.passes {
		if state.err != nil {
			continue // TestFewTypesAreEnough
		}
		ours := infoOf(t, state.prog)
		spec := object.Spec.Programs[ours.Name]
		if spec == nil {
			t.Fatalf("no program has the name %q", ours.Name)
		}
		prog, err := object.loadWithAll(spec, r.maps.Maps)
		must(t, "load "+ours.Name+" with all types", err)
		compareInfo(t, ours, infoOf(t, prog))
		must(t, "close", prog.Close())
		compared++
	}
	if compared == 0 {
		t.Error("no program was compared")
	}
}

func infoOf(t *testing.T, prog *ebpf.Program) *ebpf.ProgramInfo {
	t.Helper()
	info, err := prog.Info()
	must(t, "read program", err)
	return info
}

func compareInfo(t *testing.T, got, want *ebpf.ProgramInfo) {
	t.Helper()
	gotInsns, err := got.Instructions()
	must(t, "read instructions", err)
	wantInsns, err := want.Instructions()
	must(t, "read instructions", err)
	if len(gotInsns) != len(wantInsns) {
		t.Errorf("program %s has %d instructions, want %d", got.Name, len(gotInsns), len(wantInsns))
	}
	for i := range min(len(gotInsns), len(wantInsns)) {
		if raw(gotInsns[i]) != raw(wantInsns[i]) {
			t.Errorf("program %s, instruction %d: got %v, want %v", got.Name, i, gotInsns[i], wantInsns[i])
			break
		}
	}
	verified, _ := got.VerifiedInstructions()
	if n, _ := want.VerifiedInstructions(); n != verified {
		t.Errorf("of program %s the kernel verified %d instructions, with all types %d", got.Name, verified, n)
	}
}

// TestAllTypes checks that programs load where the few types cannot be read.
func TestAllTypes(t *testing.T) {
	need.Root(t)
	kernel, err := os.ReadFile(typesDir + "/" + kernelFile)
	must(t, "read types", err)
	for name, content := range map[string][]byte{
		"absent": nil, "empty": {}, "no BTF": []byte("BTF"),
		"another version": append([]byte{0x9f, 0xeb, 2, 0}, kernel[4:]...),
		"cut off":         kernel[:len(kernel)/2],
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if content != nil {
				must(t, "write types", os.WriteFile(dir+"/"+kernelFile, content, 0o600))
			}
			r, err := Open(Options{Passes: Tasks | Nets, typesDir: dir})
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			if err := r.object.NeededAll(); err == nil || r.object.few != nil {
				t.Error("the few types were read")
			} else {
				t.Log(err)
			}
			if tasksBy(t, r)[self].NS[NSNet] != hostNS(t) {
				t.Error("own namespace was not found")
			}
			if nets, err := r.Nets(); err != nil || len(nets) == 0 {
				t.Errorf("list of namespaces: %d, %v", len(nets), err)
			}
		})
	}
}

// TestRefusedWithFew checks that a program which the kernel refuses is loaded again with
// all types: here, as the few have a wrong number for what it calls.
func TestRefusedWithFew(t *testing.T) {
	need.Root(t)
	r, err := Open(Options{Passes: Nets, Relations: true})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	object, spec := r.object, r.object.Spec.Programs[scanProgTasks]
	spec = spec.Copy()
	spec.AttachTo = "no_such_iterator"
	if _, err := object.few.load(spec, r.maps.Maps); err == nil {
		t.Error("loaded for an iterator that does not exist")
	}
	object.few.kernel = &smallbtf.Types{}
	prog, err := object.Load(object.Spec.Programs[scanProgTasks], r.maps.Maps)
	must(t, "load", err)
	must(t, "close", prog.Close())
	if err := object.NeededAll(); !errors.Is(err, smallbtf.ErrNotFound) {
		t.Errorf("got %v, want %v", err, smallbtf.ErrNotFound)
	}
}

// TestRefusedWithTable checks that a program which the kernel refuses is loaded from the
// object: here, as the table's loader has no number for what it calls.
func TestRefusedWithTable(t *testing.T) {
	need.Root(t)
	need.Kernel(t, 6, 2, "bpf_rdonly_cast")
	r, err := Open(Options{Passes: Tasks}) // no other is loaded meanwhile
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	object := r.object
	if err := object.NeededAll(); err != nil || object.Spec != nil {
		t.Errorf("the object was parsed: %v", err)
	}
	object.loader.types = &smallbtf.Index{}
	prog, err := object.loadNamed(scanProgTasks, r.maps.Maps)
	must(t, "load", err)
	must(t, "close", prog.Close())
	if err := object.NeededAll(); !errors.Is(err, smallbtf.ErrNotFound) {
		t.Errorf("got %v, want %v", err, smallbtf.ErrNotFound)
	}
	if _, err := object.loadNamed("no_such_program", r.maps.Maps); !errors.Is(err, errNoProgram) {
		t.Errorf("got %v, want %v", err, errNoProgram)
	}
}
