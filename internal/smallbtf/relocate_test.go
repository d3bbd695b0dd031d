// SPDX-License-Identifier: Apache-2.0

package smallbtf

import (
	"errors"
	"strings"
	"testing"
)

// TestResolve checks what internal/bpfreader cannot compare on every kernel: types of one
// name, and what is refused. Everything else is compared there with another implementation.
func TestResolve(t *testing.T) {
	member := func(name string, kind uint8) []Step { return []Step{{Member: name, Kind: kind}} }
	kernel := small()
	kernel.add("twice", kindStruct, 1, 8, kernel.str("a"), 1, 32)
	kernel.add("twice", kindStruct, 1, 8, kernel.str("a"), 1, 32)
	kernel.add("other", kindStruct, 1, 8, kernel.str("a"), 1, 32)
	kernel.add("other___flavor", kindStruct, 1, 8, kernel.str("a"), 1, 0)
	for name, c := range map[string]struct {
		r    Relocation
		want Fixup
		err  string
	}{
		"offset":        {r: Relocation{Type: "task", Steps: member("next", kindPointer)}, want: Fixup{Value: 8}},
		"nested":        {r: Relocation{Type: "task", Steps: member("a", kindInt)}, want: Fixup{Value: 16}},
		"another kind":  {r: Relocation{Type: "task", Steps: member("next", kindInt)}, want: Fixup{Poison: true}},
		"no member":     {r: Relocation{Type: "task", Steps: member("absent", kindInt)}, want: Fixup{Poison: true}},
		"does exist":    {r: Relocation{What: FieldExists, Type: "task", Steps: member("next", kindPointer)}, want: Fixup{Value: 1}},
		"exists not":    {r: Relocation{What: FieldExists, Type: "task", Steps: member("absent", kindInt)}},
		"no type":       {r: Relocation{What: FieldExists, Type: "absent", Steps: member("a", kindInt)}},
		"element":       {r: Relocation{Type: "task", Steps: []Step{{Member: "last", Kind: kindArray}, {Element: 3, Kind: kindInt}}}, want: Fixup{Value: 44}},
		"beyond":        {r: Relocation{Type: "task", Steps: []Step{{Member: "last", Kind: kindArray}, {Element: 4, Kind: kindInt}}}, want: Fixup{Poison: true}},
		"size":          {r: Relocation{What: TypeSize, Type: "task"}, want: Fixup{Value: 40}},
		"array":         {r: Relocation{What: FieldSize, Type: "task", Steps: member("last", kindArray)}, want: Fixup{Value: 16}},
		"number":        {r: Relocation{What: TypeNumber, Type: "task"}, want: Fixup{Value: 5}},
		"no union":      {r: Relocation{What: TypeNumber, Type: "task", Union: true}, want: Fixup{Poison: true}},
		"same twice":    {r: Relocation{Type: "twice", Steps: member("a", kindInt)}, want: Fixup{Value: 4}},
		"two differ":    {r: Relocation{Type: "other", Steps: member("a", kindInt)}, err: "2 types of this name differ"},
		"unknown kind":  {r: Relocation{What: 12, Type: "task"}, err: "kind 12 of relocation"},
		"unknown field": {r: Relocation{Type: "task", Steps: member("next", 99)}, want: Fixup{Poison: true}},
	} {
		x, err := NewIndex(kernel.raw(), nil, Names([]Relocation{c.r}))
		if err != nil {
			t.Fatal(err)
		}
		got, err := x.Resolve([]Relocation{c.r})
		if c.err != "" {
			if err == nil || !strings.Contains(err.Error(), c.err) {
				t.Errorf("%s: got error %v, want %s", name, err, c.err)
			}
			continue
		}
		if err != nil || got[0] != c.want {
			t.Errorf("%s: got %v, %v, want %v", name, got, err, c.want)
		}
	}
}

// TestIndexOfModule checks that a module's types are found and have no number.
func TestIndexOfModule(t *testing.T) {
	kernel := small()
	module := kernel.module()
	module.add("tun", kindStruct, 1, 16, module.str("a"), 4, 64)
	all := []Relocation{
		{Type: "tun", Steps: []Step{{Member: "a", Kind: kindStruct}, {Member: "a", Kind: kindInt}}},
		{What: TypeNumber, Type: "tun"},
	}
	x, err := NewIndex(kernel.raw(), [][]byte{module.raw()}, Names(all, "no_function"))
	if err != nil {
		t.Fatal(err)
	}
	got, err := x.Resolve(all)
	if err != nil || got[0] != (Fixup{Value: 8}) || !got[1].Poison {
		t.Errorf("got %v, %v", got, err)
	}
	if _, err := x.Func("no_function"); !errors.Is(err, ErrNotFound) {
		t.Errorf("got %v, want %v", err, ErrNotFound)
	}
}
