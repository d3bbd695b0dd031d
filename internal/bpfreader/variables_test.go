// SPDX-License-Identifier: Apache-2.0

//go:build amd64 || arm64

package bpfreader

import (
	"errors"
	"strings"
	"testing"

	"github.com/cilium/ebpf"
)

// TestVariable checks that neither an unknown name nor a size beyond the variable
// gives access to the memory of another one.
func TestVariable(t *testing.T) {
	r := &Reader{memory: make([]byte, 64), variables: map[string]variable{"first": {0, 8}, "second": {8, 16}}}
	r.memory[8] = 7
	for _, tt := range []struct {
		name string
		size int
		want string // "" is no error
	}{
		{"second", 16, ""},
		{"second", 8, ""},
		{"second", 17, "17 bytes requested, it has 16"},
		{"first", 16, "16 bytes requested, it has 8"},
		{"third", 8, "no such variable"},
		{"", 1, "no such variable"},
	} {
		got, err := r.variable(tt.name, tt.size)
		switch {
		case tt.want == "" && (err != nil || len(got) != tt.size || got[0] != 7):
			t.Errorf("%s, %d bytes: got %v, %v", tt.name, tt.size, got, err)
		case tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)):
			t.Errorf("%s, %d bytes: got %v, want an error with %q", tt.name, tt.size, err, tt.want)
		}
	}
	r.memory = nil
	if _, err := r.variable("second", 8); !errors.Is(err, errClosed) {
		t.Errorf("closed: %v", err)
	}
}

// TestVariableNames checks that both objects have every variable that is used here.
func TestVariableNames(t *testing.T) {
	for object, load := range map[string]func() (*ebpf.CollectionSpec, error){"scan": loadScan, "old": loadOld} {
		spec, err := load()
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{scanVarOpts, scanVarPassTotals, scanVarTaskTotals, scanVarNetPos, scanVarNetBatch,
			scanVarQueuePos, scanVarMappingPos, scanVarMountPos, scanVarFileBatch} {
			if v := spec.Variables[name]; v == nil || v.SectionName != ".bss" {
				t.Errorf("object %s has no variable %s in .bss", object, name)
			}
		}
	}
}
