// SPDX-License-Identifier: Apache-2.0

//go:build amd64 || arm64

package trace

import "github.com/cilium/ebpf"

// ownScratch gives every program its own event to fill in. A task can be preempted
// inside a program. Until it runs on, that program runs for no other task on that CPU
// (prog->active, __bpf_prog_enter_recur, kernel/bpf/trampoline.c, Linux 5.12), but the
// others do, and would fill in the same event.
func ownScratch(spec *ebpf.CollectionSpec) {
	shared := spec.Maps[callsMapScratch]
	delete(spec.Maps, callsMapScratch)
	for name, program := range spec.Programs {
		own := callsMapScratch + " of " + name
		for i, ins := range program.Instructions {
			if ins.IsLoadFromMap() && ins.Reference() == callsMapScratch {
				program.Instructions[i] = ins.WithReference(own)
				spec.Maps[own] = shared.Copy()
			}
		}
	}
}
