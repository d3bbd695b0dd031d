// SPDX-License-Identifier: Apache-2.0

package smallbtf

import (
	"encoding/binary"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"
)

// maker writes raw BTF.
type maker struct {
	types, text []byte
	start       uint32 // of its strings
}

func newMaker() *maker { return &maker{text: []byte{0}} }

// module returns a maker of BTF that continues m's.
func (m *maker) module() *maker {
	return &maker{start: uint32(len(m.text)), text: []byte("module\x00")}
}

func (m *maker) str(s string) uint32 {
	if s == "" {
		return 0
	}
	at := m.start + uint32(len(m.text))
	m.text = append(append(m.text, s...), 0)
	return at
}

func (m *maker) add(name string, kind, vlen, size uint32, rest ...uint32) {
	for _, v := range append([]uint32{m.str(name), kind<<24 | vlen, size}, rest...) {
		m.types = binary.LittleEndian.AppendUint32(m.types, v)
	}
}

func (m *maker) raw() []byte {
	w := writer{types: m.types, text: m.text}
	return w.btf()
}

// small is a kernel with one of each kind:
//
//	1 int, 2 *task, 3 int[4], 4 struct inner, 5 struct task, 6 union outer, 7 enum, 8 enum64,
//	9 forward, 10 typedef, 11 volatile, 12 const, 13 restrict, 14 function prototype,
//	15 and 16 functions, 17 variable, 18 section, 19 float, 20 and 21 tags, 22 flavored struct
func small() *maker {
	m := newMaker()
	m.add("int", kindInt, 0, 4, 1<<24|32)
	m.add("", kindPointer, 0, 5)
	m.add("", kindArray, 0, 0, 1, 1, 4)
	m.add("inner", kindStruct, 2, 8, m.str("a"), 1, 0, m.str("unwanted"), 1, 32)
	m.add("task", kindStruct, 5, 40, m.str("unwanted"), 6, 0, m.str("next"), 2, 64, 0, 4, 128, m.str("other"), 6, 192, m.str("last"), 3, 256)
	m.add("outer", kindUnion, 1, 8, m.str("b"), 4, 0)
	m.add("color", kindEnum, 2, 4, m.str("RED"), 0, m.str("BLUE"), 1)
	m.add("big", kindEnum64, 1, 8, m.str("HUGE"), 1, 1)
	m.add("later", kindForward, 0, 0)
	m.add("task_t", kindTypedef, 0, 11)
	m.add("", kindVolatile, 0, 12)
	m.add("", kindConst, 0, 13)
	m.add("", kindRestrict, 0, 5)
	m.add("", kindFuncProto, 1, 1, m.str("x"), 2)
	m.add("run", kindFunc, 1, 14)
	m.add("twice", kindFunc, 1, 14)
	m.add("var", kindVar, 0, 1, 1)
	m.add(".data", kindDatasec, 1, 4, 17, 0, 4)
	m.add("float", kindFloat, 0, 8)
	m.add("tag", kindDeclTag, 0, 5, 1<<32-1)
	m.add("user", kindTypeTag, 0, 5)
	m.add("inner___old", kindStruct, 0, 0)
	m.add("twice", kindFunc, 1, 14)
	return m
}

func set(names ...string) map[string]bool {
	all := map[string]bool{}
	for _, name := range names {
		all[name] = true
	}
	return all
}

// dump returns a line for each type: its kind, name and members.
func dump(t *testing.T, types *Types) []string {
	t.Helper()
	b, err := newBlob(types.Raw, nil)
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	if err := b.walk(new(filter), nil); err != nil {
		t.Fatal(err)
	}
	for id := b.first(); id < b.first()+b.count; id++ {
		h, rest, err := b.find(id)
		if err != nil {
			t.Fatal(err)
		}
		name, err := b.name(h.name)
		if err != nil {
			t.Fatal(err)
		}
		line := []string{[]string{kindInt: "int", kindPointer: "pointer", kindArray: "array", kindStruct: "struct", kindUnion: "union", kindEnum: "enum",
			kindEnum64: "enum64", kindForward: "forward", kindTypedef: "typedef", kindVolatile: "volatile", kindConst: "const", kindRestrict: "restrict", kindFloat: "float", kindTypeTag: "tag"}[h.kind()], string(name)}
		for ; h.kind() == kindStruct && len(rest) > 0; rest = rest[12:] {
			member, err := b.name(word(rest, 0))
			if err != nil {
				t.Fatal(err)
			}
			line = append(line, "."+string(member))
		}
		lines = append(lines, strings.Join(line, " "))
	}
	return lines
}

func TestExtract(t *testing.T) {
	raw := small().raw()
	for _, tt := range []struct {
		types, members []string
		want           []string
	}{
		{nil, nil, nil},
		{[]string{"inner"}, []string{"a"}, []string{"int int", "struct inner .a .unwanted", "struct inner___old"}},
		{[]string{"task"}, []string{"next"}, []string{"pointer ", "int int", "struct inner .unwanted", "array ", "struct task .next . .last"}},
		{[]string{"task_t"}, nil, []string{"int int", "struct inner .unwanted", "array ", "struct task . .last", "restrict ", "const ", "volatile ", "typedef task_t"}},
		{[]string{"outer"}, nil, []string{"int int", "struct inner .unwanted", "union outer"}},
		{[]string{"color", "big", "later", "float"}, nil, []string{"enum color", "enum64 big", "forward later", "float float"}},
		{[]string{"run", "var", ".data", "tag"}, nil, nil},
	} {
		got, err := Extract(raw, nil, &Wanted{Types: set(tt.types...), Members: set(tt.members...)})
		if err != nil {
			t.Errorf("%v: %v", tt.types, err)
		} else if lines := dump(t, got); !slices.Equal(lines, tt.want) {
			t.Errorf("%v: got %q, want %q", tt.types, lines, tt.want)
		}
	}
}

func TestIDs(t *testing.T) {
	got, err := Extract(small().raw(), nil, &Wanted{Types: set("color"), IDs: set("run", "twice", "task_t", "absent", "inner")})
	if err != nil {
		t.Fatal(err)
	}
	if id, err := got.Func("run"); id != 15 || err != nil {
		t.Errorf("run: %d, %v", id, err)
	}
	if id, err := got.Typedef("task_t"); id != 10 || err != nil {
		t.Errorf("task_t: %d, %v", id, err)
	}
	for _, name := range []string{"absent", "inner", "task_t"} {
		if id, err := got.Func(name); !errors.Is(err, ErrNotFound) {
			t.Errorf("%s: %d, %v", name, id, err)
		}
	}
	if id, err := got.Func("twice"); err == nil || errors.Is(err, ErrNotFound) {
		t.Errorf("twice: %d, %v", id, err)
	}
	if id, err := got.KernelID(1); id != 7 || err != nil {
		t.Errorf("first type is %d, %v", id, err)
	}
	for _, id := range []uint32{0, 2, 1 << 31} {
		if got, err := got.KernelID(id); !errors.Is(err, ErrNotFound) {
			t.Errorf("type %d is %d, %v", id, got, err)
		}
	}
}

// TestModule has a type of a module that contains one of the kernel and one of its own.
func TestModule(t *testing.T) {
	kernel := small()
	module := kernel.module()
	module.add("own", kindInt, 0, 4, 32)
	module.add("tun", kindStruct, 2, 16, module.str("a"), 4, 0, module.str("b"), 24, 64)
	module.add("inner", kindForward, 0, 0)
	got, err := Extract(kernel.raw(), module.raw(), &Wanted{Types: set("tun", "inner", "task"), Members: set("a"), IDs: set("run")})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"int int", "struct inner .a .unwanted", "int own", "struct tun .a .b", "forward inner"}
	if lines := dump(t, got); !slices.Equal(lines, want) {
		t.Errorf("got %q, want %q", lines, want)
	}
	if id, err := got.Func("run"); id != 15 || err != nil {
		t.Errorf("run: %d, %v", id, err)
	}
}

func TestRefused(t *testing.T) {
	wanted := &Wanted{Types: set("x", "y"), Members: set("m")}
	for name, change := range map[string]func(*maker){
		"unknown kind":        func(m *maker) { m.add("x", kinds, 0, 0) },
		"kind 0":              func(m *maker) { m.add("x", 0, 0, 0) },
		"unknown bit":         func(m *maker) { m.add("x", kindInt, 1<<16, 4, 32) },
		"cut off":             func(m *maker) { m.types = m.types[:len(m.types)-1] },
		"members cut off":     func(m *maker) { m.add("x", kindStruct, 2, 8, 0, 1, 0) },
		"name out of bounds":  func(m *maker) { m.add("x", kindStruct, 1, 8, 1<<20, 1, 0) },
		"type out of bounds":  func(m *maker) { m.add("x", kindStruct, 1, 8, m.str("m"), 1000, 0) },
		"contains itself":     func(m *maker) { m.add("x", kindStruct, 1, 8, m.str("m"), 24, 0) },
		"contains each other": func(m *maker) { m.add("x", kindTypedef, 0, 25); m.add("y", kindTypedef, 0, 24) },
		"contains a function": func(m *maker) { m.add("x", kindStruct, 1, 8, m.str("m"), 15, 0) },
		"nested too deep": func(m *maker) {
			for id := range uint32(100) {
				m.add("", kindConst, 0, 25+id)
			}
			m.add("int", kindInt, 0, 4, 32)
			m.add("x", kindTypedef, 0, 24)
		},
		"too many": func(m *maker) {
			for range mostTypes + 1 {
				m.add("x", kindForward, 0, 0)
			}
		},
		"strings cut off": func(m *maker) { m.text = m.text[:len(m.text)-1] },
		"no empty string": func(m *maker) { m.text[0] = 'x' },
	} {
		m := small()
		change(m)
		if _, err := Extract(m.raw(), nil, wanted); err == nil {
			t.Errorf("%s: no error", name)
		} else {
			t.Logf("%s: %v", name, err)
		}
	}
	good := small().raw()
	for name, change := range map[string]func(raw []byte) []byte{
		"empty": func([]byte) []byte { return nil }, "short": func(raw []byte) []byte { return raw[:23] },
		"magic": func(raw []byte) []byte { raw[0]++; return raw }, "version": func(raw []byte) []byte { raw[2]++; return raw },
		"flags": func(raw []byte) []byte { raw[3]++; return raw }, "short header": func(raw []byte) []byte { raw[4] = 23; return raw },
		"long header": func(raw []byte) []byte { raw[7] = 1; return raw }, "types": func(raw []byte) []byte { raw[15] = 1; return raw },
		"strings": func(raw []byte) []byte { raw[19] = 0xff; return raw },
	} {
		if _, err := Extract(change(slices.Clone(good)), nil, wanted); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// TestKernel extracts from the running kernel.
func TestKernel(t *testing.T) {
	raw, err := os.ReadFile("/sys/kernel/btf/vmlinux")
	if err != nil {
		t.Logf("without the types of this kernel: %v", err)
		return
	}
	got, err := Extract(raw, nil, &Wanted{Types: set("task_struct", "net"), Members: set("nsproxy", "net_cookie")})
	if err != nil {
		t.Fatal(err)
	}
	lines := dump(t, got)
	for _, want := range []string{"struct task_struct", "struct net"} {
		if !slices.ContainsFunc(lines, func(line string) bool { return strings.HasPrefix(line, want+" ") }) {
			t.Errorf("no %s in %q", want, lines)
		}
	}
	if len(got.Raw) > 1<<16 {
		t.Errorf("%d bytes", len(got.Raw))
	}
}
