// SPDX-License-Identifier: Apache-2.0

//go:build amd64 || arm64

package trace

import (
	"fmt"
	"slices"
	"testing"

	"github.com/cilium/ebpf"

	"github.com/nsinspect/nsinspect/internal/need"
)

// TestNothingPerCPUShared demands that no two programs of a tier have a per-CPU map in
// common but the counters: where one can be preempted, the other would write into what
// it is filling in. The kernel reports which maps a program has.
func TestNothingPerCPUShared(t *testing.T) {
	need.Root(t)
	for _, tier := range []Tier{1, 2, 3} {
		t.Run(fmt.Sprintf("tier %d", tier), func(t *testing.T) {
			backend, err := tiers[tier-1].open(Options{Buffer: 4096})
			if err != nil {
				needTier(t, tier, err)
			}
			defer func() {
				if err := backend.close(); err != nil {
					t.Error(err)
				}
			}()
			r, ok := backend.(*recorder)
			if !ok {
				r = backend.(*plain).recorder
			}
			usedBy := map[ebpf.MapID][]string{}
			for name, program := range r.programs.Programs {
				info, err := program.Info()
				if err != nil {
					t.Fatal(err)
				}
				ids, ok := info.MapIDs()
				if !ok || len(ids) == 0 {
					t.Fatalf("the kernel reports no maps of program %s", name)
				}
				for _, id := range ids {
					usedBy[id] = append(usedBy[id], name)
				}
			}
			perCPU := 0
			for id, programs := range usedBy {
				m, err := ebpf.NewMapFromID(id)
				if err != nil {
					t.Fatal(err)
				}
				defer m.Close()
				info, err := m.Info()
				if err != nil {
					t.Fatal(err)
				}
				if m.Type() != ebpf.PerCPUArray {
					continue
				}
				perCPU++
				if slices.Sort(programs); len(programs) > 1 {
					t.Errorf("%v share the per-CPU map %s", programs, info.Name)
				}
			}
			if perCPU == 0 {
				t.Error("no program has a per-CPU map: this test sees nothing")
			}
		})
	}
}
