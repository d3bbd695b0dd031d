// SPDX-License-Identifier: Apache-2.0

//go:build amd64 || arm64

package bpfreader

import (
	"errors"
	"fmt"
	"slices"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
)

// relationsMap is the map of relations.h.
const relationsMap = "relations"

// Relation is what one namespace keeps alive: its owner and its parent.
type Relation struct {
	Inode  uint32
	Type   uint32 // CLONE_NEW* flag
	Owner  uint32 // inode of the user namespace that owns it, of a user namespace its parent; 0 of the initial one
	Parent uint32 // of a user or PID namespace; 0 of an initial one
	UID    uint32 // of a user namespace: its creator, in the initial user namespace
}

// Relations returns what the passes have recorded since the last call, in no order: of
// each namespace that they came upon, and of all those above it. There is room for
// 16384; what did not fit is missing. Without Options.Relations it returns nothing.
func (r *Reader) Relations() ([]Relation, error) {
	r.taskMu.Lock()
	defer r.taskMu.Unlock()
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.maps == nil {
		return nil, errClosed
	}
	m := r.maps.Maps[relationsMap]
	if m == nil {
		return nil, nil // of the table
	}
	all, err := takeRelations(m)
	if err != nil {
		return nil, fmt.Errorf("read relations of namespaces: %w", err)
	}
	if r.rest == nil {
		return all, nil
	}
	rest, err := r.rest.Relations()
	return append(all, rest...), err
}

// withoutRelations leaves out what Options.Relations needs: it makes a program three times as
// slow to load, as relate climbs 34 levels, each of which the verifier follows.
func withoutRelations(spec *ebpf.CollectionSpec) {
	spec.Maps[relationsMap].MaxEntries = 1
	for _, p := range spec.Programs {
		p.Instructions = emptied(p.Instructions, "relate")
	}
}

// emptied changes a program so that a function does nothing but return 0, and returns it.
func emptied(program asm.Instructions, function string) asm.Instructions {
	start := slices.IndexFunc(program, func(i asm.Instruction) bool { return i.Symbol() == function })
	if start < 0 {
		return program
	}
	end := start + 1
	for end < len(program) && program[end].Symbol() == "" {
		end++
	}
	first := asm.Mov.Imm(asm.R0, 0)
	first.Metadata = program[start].Metadata
	return slices.Replace(program, start, end, first, asm.Return())
}

// takeRelations empties the map.
func takeRelations(m *ebpf.Map) ([]Relation, error) {
	const most = 1 << 10 // at once
	var all []Relation
	var at ebpf.MapBatchCursor
	inodes, values := make([]uint32, most), make([]scanRelation, most)
	for {
		n, err := m.BatchLookupAndDelete(&at, inodes, values, nil) // Linux 5.6
		for i, value := range values[:n] {
			all = append(all, Relation{Inode: inodes[i], Type: value.Type, Owner: value.Owner, Parent: value.Parent, UID: value.Uid})
		}
		switch {
		case errors.Is(err, ebpf.ErrKeyNotExist):
			return all, nil // that was the end
		case err != nil:
			return nil, err
		}
	}
}
