// SPDX-License-Identifier: Apache-2.0

package smallbtf

import (
	"os"
	"testing"
)

// FuzzExtract checks that what was extracted can be extracted from again, with the same
// result, whatever the input.
func FuzzExtract(f *testing.F) {
	kernel := small()
	module := kernel.module()
	module.add("tun", kindStruct, 1, 16, module.str("a"), 4, 0)
	f.Add(kernel.raw(), []byte(nil), "task", "next")
	f.Add(kernel.raw(), module.raw(), "tun", "a")
	f.Add(kernel.raw(), module.raw(), "inner", "")
	f.Fuzz(func(t *testing.T, kernel, module []byte, name, member string) {
		if len(module) == 0 {
			module = nil
		}
		w := &Wanted{Types: set(name), Members: set(member), IDs: set(name)}
		first, err := Extract(kernel, module, w)
		if err != nil {
			return
		}
		second, err := Extract(first.Raw, nil, w)
		if err != nil {
			t.Fatalf("extract again: %v", err)
		}
		if len(second.Raw) > len(first.Raw) {
			t.Errorf("%d bytes, then %d", len(first.Raw), len(second.Raw))
		}
	})
}

// FuzzResolve checks that any input is an error at worst.
func FuzzResolve(f *testing.F) {
	kernel := small()
	f.Add(kernel.raw(), "task", "next", uint8(FieldOffset), uint8(kindPointer), uint32(1))
	f.Add(kernel.raw(), "task", "last", uint8(FieldSize), uint8(kindArray), uint32(3))
	f.Add(kernel.raw(), "inner", "a", uint8(FieldLeftShift), uint8(kindInt), uint32(0))
	f.Fuzz(func(_ *testing.T, kernel []byte, name, member string, what, kind uint8, element uint32) {
		all := []Relocation{{What: What(what), Type: name, Steps: []Step{{Member: member, Kind: kind, Bits: element%2 > 0}, {Element: element, Kind: kindInt}}}}
		all = append(all, Relocation{What: What(what), Type: name, Steps: all[0].Steps[:1]})
		if x, err := NewIndex(kernel, nil, Names(all)); err == nil {
			_, _ = x.Resolve(all)
		}
	})
}

func BenchmarkExtract(b *testing.B) {
	raw, err := os.ReadFile("/sys/kernel/btf/vmlinux")
	if err != nil {
		b.Fatal(err)
	}
	w := &Wanted{Types: set("task_struct", "net"), Members: set("nsproxy", "net_cookie"), IDs: set("bpf_iter_task")}
	for b.Loop() {
		if _, err := Extract(raw, nil, w); err != nil {
			b.Fatal(err)
		}
	}
}
