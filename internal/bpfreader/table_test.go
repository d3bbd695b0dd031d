// SPDX-License-Identifier: Apache-2.0

//go:build amd64 || arm64

package bpfreader

import (
	"bytes"
	"encoding/binary"
	"maps"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"

	"github.com/nsinspect/nsinspect/internal/need"
	"github.com/nsinspect/nsinspect/internal/smallbtf"
)

const (
	tableSource = "scan_table.go"
	tableData   = "scan_table.bin"
)

// TestTable checks that the table is that of the object. With UPDATE_GOLDEN it writes it.
func TestTable(t *testing.T) {
	spec, err := loadLean()
	must(t, "parse", err)
	made := makeTable(t, spec)
	if os.Getenv("UPDATE_GOLDEN") != "" {
		must(t, "write table", os.WriteFile(tableSource, made.source(t), 0o644))
		must(t, "write table", os.WriteFile(tableData, []byte(*made.data), 0o644))
		return
	}
	if !reflect.DeepEqual(made, scanTable) {
		t.Error("the table is not of the object: make generate")
	}
}

// TestTableVariables checks that the variables are where those of the object are that is
// parsed for a program which the table's loader does not load: both have one map.
func TestTableVariables(t *testing.T) {
	spec, err := loadScan()
	must(t, "parse", err)
	got, want := map[string]variable{}, map[string]variable{}
	for _, v := range scanTable.variables {
		got[v.name] = v.variable
	}
	(&ObjectFile{Spec: spec}).variables(want)
	if !maps.Equal(got, want) {
		t.Errorf("in the table %v, in the object %v", got, want)
	}
}

// tableMaker makes a table.
type tableMaker struct {
	table
	bytes bytes.Buffer
	types *btf.Spec
	known map[string]uint16 // relocations by their text
}

func makeTable(t *testing.T, spec *ebpf.CollectionSpec) table {
	t.Helper()
	m := &tableMaker{types: spec.Types, known: map[string]uint16{}}
	for _, name := range slices.Sorted(maps.Keys(spec.Maps)) {
		s := spec.Maps[name]
		m.maps = append(m.maps, ebpf.MapSpec{Name: name, Type: s.Type, KeySize: s.KeySize, ValueSize: s.ValueSize, MaxEntries: s.MaxEntries, Flags: s.Flags})
	}
	for _, name := range slices.Sorted(maps.Keys(spec.Variables)) {
		if v := spec.Variables[name]; v.SectionName == ".bss" {
			m.variables = append(m.variables, tableVariable{name, variable{v.Offset, v.Size()}})
		}
	}
	for _, name := range slices.Sorted(maps.Keys(spec.Programs)) {
		m.add(t, spec.Programs[name])
	}
	data := m.bytes.String()
	m.data = &data
	return m.table
}

func (m *tableMaker) span(b []byte) span {
	from := m.bytes.Len()
	m.bytes.Write(b)
	return span{uint32(from), uint32(m.bytes.Len())}
}

func (m *tableMaker) add(t *testing.T, spec *ebpf.ProgramSpec) {
	t.Helper()
	p := tableProgram{name: spec.Name, license: spec.License, attachTo: spec.AttachTo, kind: spec.Type, attach: spec.AttachType}
	if spec.Flags != 0 {
		t.Fatalf("program %s has flags", spec.Name)
	}
	insns := slices.Clone(spec.Instructions)
	for iter := insns.Iterate(); iter.Next(); {
		at := uint16(iter.Offset)
		switch name := iter.Ins.Reference(); {
		case iter.Ins.IsLoadFromMap():
			of := slices.IndexFunc(m.maps, func(s ebpf.MapSpec) bool { return s.Name == name })
			p.maps = append(p.maps, use{at, uint16(of)})
		case iter.Ins.IsKfuncCall():
			p.calls = append(p.calls, at)
			iter.Ins.Constant, iter.Ins.Offset = 0, 0
		}
		if relo := btf.CORERelocationMetadata(iter.Ins); relo != nil {
			p.relocations = append(p.relocations, use{at, m.relocation(t, relo)})
		}
	}
	functions, err := funcInfoOf(insns)
	must(t, "functions of "+spec.Name, err)
	var code bytes.Buffer
	must(t, "marshal "+spec.Name, insns.Marshal(&code, binary.LittleEndian))
	p.code = m.span(code.Bytes())
	if functions != nil {
		p.functions, p.types = m.span(functions.info), m.span(functions.types)
	}
	m.programs = append(m.programs, p)
}

var (
	relocationText  = regexp.MustCompile(`^CORERelocation\((\w+), (Struct|Union):"(\w+)"\[([0-9:]+)\], local_id=([0-9]+)\)$`)
	relocationKinds = map[string]smallbtf.What{
		"byte_off": smallbtf.FieldOffset, "byte_sz": smallbtf.FieldSize, "field_exists": smallbtf.FieldExists,
		"lshift_u64": smallbtf.FieldLeftShift, "rshift_u64": smallbtf.FieldRightShift,
		"target_type_id": smallbtf.TypeNumber, "type_size": smallbtf.TypeSize,
	}
)

// relocation returns the place of a relocation in the table.
func (m *tableMaker) relocation(t *testing.T, relo *btf.CORERelocation) uint16 {
	t.Helper()
	text := relo.String()
	if of, ok := m.known[text]; ok {
		return of
	}
	part := relocationText.FindStringSubmatch(text)
	if part == nil {
		t.Fatalf("relocation %s", text)
	}
	what, ok := relocationKinds[part[1]]
	if !ok {
		t.Fatalf("kind of relocation %s", text)
	}
	id, err := strconv.Atoi(part[5])
	must(t, text, err)
	local, err := m.types.TypeByID(btf.TypeID(id))
	must(t, text, err)
	r := smallbtf.Relocation{What: what, Type: withoutFlavor(part[3]), Union: part[2] == "Union"}
	if what != smallbtf.TypeNumber && what != smallbtf.TypeSize {
		r.Steps = stepsOf(t, local, part[4])
	} else if part[4] != "0" {
		t.Fatalf("relocation %s", text)
	}
	m.known[text] = uint16(len(m.relocations))
	m.relocations = append(m.relocations, r)
	return m.known[text]
}

func withoutFlavor(name string) string {
	if i := strings.LastIndex(name, "___"); i > 0 {
		return name[:i]
	}
	return name
}

// stepsOf returns the way that an accessor leads in a type of the object.
func stepsOf(t *testing.T, in btf.Type, accessor string) []smallbtf.Step {
	t.Helper()
	indices := strings.Split(accessor, ":")
	if indices[0] != "0" {
		t.Fatalf("accessor %s", accessor)
	}
	var steps []smallbtf.Step
	for _, index := range indices[1:] {
		n, err := strconv.Atoi(index)
		must(t, accessor, err)
		var members []btf.Member
		switch at := btf.UnderlyingType(in).(type) {
		case *btf.Struct:
			members = at.Members
		case *btf.Union:
			members = at.Members
		case *btf.Array:
			in = at.Type
			steps = append(steps, kindOf(t, in, smallbtf.Step{Element: uint32(n)}))
			continue
		}
		in = members[n].Type
		if name := members[n].Name; name != "" { // what is in one without a name is its parent's
			steps = append(steps, kindOf(t, in, smallbtf.Step{Member: name, Bits: members[n].BitfieldSize > 0}))
		}
	}
	return steps
}

func kindOf(t *testing.T, in btf.Type, step smallbtf.Step) smallbtf.Step {
	t.Helper()
	switch in := btf.UnderlyingType(in).(type) {
	case *btf.Int:
		step.Kind = 1
	case *btf.Pointer:
		step.Kind = 2
	case *btf.Array:
		step.Kind = 3
	case *btf.Struct:
		step.Kind = 4
	case *btf.Union:
		step.Kind = 5
	case *btf.Enum:
		step.Kind, step.Name = 6, withoutFlavor(in.Name)
	case *btf.Fwd:
		step.Kind, step.Name = 7, withoutFlavor(in.Name)
	default:
		t.Fatalf("field of type %v", in)
	}
	return step
}

// TestSameTable compares the instructions of every program, as the table relocates them,
// with what all of the kernel's types make of the object: with those of this kernel, and
// of one with a module.
func TestSameTable(t *testing.T) {
	need.Root(t)
	need.Kernel(t, 6, 2, "bpf_rdonly_cast")
	all, err := btf.NewCache().Kernel()
	must(t, "read all types", err)
	compareTable(t, typesDir, nil, []*btf.Spec{all})
	dir, all, module := withTapModule(t)
	compareTable(t, dir, []string{"tun", "tap"}, []*btf.Spec{all, module})
}

func compareTable(t *testing.T, dir string, modules []string, all []*btf.Spec) {
	t.Helper()
	spec, err := loadLean()
	must(t, "parse", err)
	l, err := newLoader(&scanTable, dir, modules)
	must(t, "read types", err)
	if len(spec.Programs) != len(scanTable.programs) {
		t.Errorf("%d programs, want %d", len(scanTable.programs), len(spec.Programs))
	}
	for name, program := range spec.Programs {
		p := scanTable.program(name)
		if p == nil {
			t.Fatalf("no program %s", name)
		}
		got, err := l.relocated(p)
		must(t, "relocate "+name, err)
		relocateWithAll(t, program.Instructions, all)
		var want bytes.Buffer
		must(t, "marshal "+name, program.Instructions.Marshal(&want, binary.LittleEndian))
		compareCode(t, name, got, want.Bytes())
	}
}

func compareCode(t *testing.T, name string, got, want []byte) {
	t.Helper()
	if len(got) == 0 || len(got) != len(want) {
		t.Fatalf("%s: %d bytes, want %d", name, len(got), len(want))
	}
	for at := 0; at < len(got); at += insnSize {
		if g, w := got[at:at+insnSize], want[at:at+insnSize]; !bytes.Equal(g, w) {
			t.Errorf("%s, instruction %d: got %x, want %x", name, at/insnSize, g, w)
		}
	}
}
