// SPDX-License-Identifier: Apache-2.0

//go:build amd64 || arm64

package bpfreader

import (
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"
)

// TestTrimmed checks that the objects have no line information, which is decoded at every
// start (internal/trimobject), and still their functions and relocations.
func TestTrimmed(t *testing.T) {
	for object, parse := range map[string]func() (*ebpf.CollectionSpec, error){"scan": loadScan, "old": loadOld} {
		spec, err := parse()
		must(t, "parse", err)
		for name, program := range spec.Programs {
			functions, relocations := 0, 0
			for i := range program.Instructions {
				ins := &program.Instructions[i]
				if ins.Source() != nil {
					t.Fatalf("%s, %s, instruction %d has a source: %v", object, name, i, ins.Source())
				}
				if btf.FuncMetadata(ins) != nil {
					functions++
				}
				if btf.CORERelocationMetadata(ins) != nil {
					relocations++
				}
			}
			if functions == 0 || relocations == 0 {
				t.Errorf("%s, %s: %d functions, %d relocations", object, name, functions, relocations)
			}
		}
	}
}
