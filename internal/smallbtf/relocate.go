// SPDX-License-Identifier: Apache-2.0

package smallbtf

import (
	"errors"
	"fmt"
)

// Relocation is what a program needs to know of one type, as CO-RE does (struct
// bpf_core_relo, include/uapi/linux/bpf.h, 6.18).
type Relocation struct {
	What  What
	Type  string // name of the structure or union, without flavor
	Union bool
	Steps []Step // the way to a field
}

// What is the kind of a relocation, enum bpf_core_relo_kind. Others are not known.
type What uint8

// The kinds of relocations that objects here have (include/uapi/linux/bpf.h, 6.18).
const (
	FieldOffset     What = 0
	FieldSize       What = 1
	FieldExists     What = 2
	FieldLeftShift  What = 4
	FieldRightShift What = 5
	TypeNumber      What = 7
	TypeSize        What = 9
)

// Step is one on the way to a field: to a member, which may be one of members without a
// name, or to an element of an array.
type Step struct {
	Member  string // "" for an element
	Element uint32
	Kind    uint8  // BTF_KIND_* of what is there in the program, without modifiers and typedefs
	Name    string // of an enumeration or forward declaration, without flavor
	Bits    bool   // the member is a bit field in the program
}

// Fixup is what a relocation comes to.
type Fixup struct {
	Value  uint64
	Poison bool // what the program wants does not exist
}

// errAbsent is that the kernel does not have what a relocation is of.
var errAbsent = errors.New("absent")

// Resolve returns what relocations come to, each as cilium/ebpf's btf.CORERelocate has it
// (core.go, v0.22). It is an error where that depends on which of several types of one name
// is taken, and for what is not known here.
func (x *Index) Resolve(relocations []Relocation) ([]Fixup, error) {
	all := make([]Fixup, len(relocations))
	for i := range relocations {
		r := &relocations[i]
		var err error
		if all[i], err = x.resolve(r); err != nil {
			return nil, fmt.Errorf("relocation %d, of type %s: %w", i, r.Type, err)
		}
	}
	return all, nil
}

// resolve resolves one relocation. Where there are several types of its name, they must agree.
func (x *Index) resolve(r *Relocation) (Fixup, error) {
	candidates := x.roots[r.Type]
	if len(candidates) == 0 {
		return r.absent(), nil
	}
	first, err := x.in(candidates[0], r)
	for _, c := range candidates[1:] {
		if err != nil {
			break
		}
		var other Fixup
		if other, err = x.in(c, r); err == nil && other != first {
			err = fmt.Errorf("%d types of this name differ", len(candidates))
		}
	}
	return first, err
}

// absent returns what the relocation comes to where the kernel does not have what it is of.
func (r *Relocation) absent() Fixup { return Fixup{Poison: r.What != FieldExists} }

// in resolves a relocation with one type.
func (x *Index) in(p place, r *Relocation) (Fixup, error) {
	h, _, err := p.in.find(p.id)
	if err != nil {
		return Fixup{}, err
	}
	var value uint64
	switch r.What {
	case TypeNumber, TypeSize:
		switch {
		case (h.kind() == kindUnion) != r.Union:
			return r.absent(), nil
		case r.What == TypeSize:
			return Fixup{Value: uint64(h.size)}, nil
		case p.in != x.kernel:
			return r.absent(), nil // an instruction refers to no module
		}
		return Fixup{Value: uint64(p.id)}, nil
	case FieldOffset, FieldSize, FieldExists, FieldLeftShift, FieldRightShift:
		f := field{in: p.in, id: p.id}
		if err = f.follow(r.Steps); err == nil {
			value, err = f.value(r.What)
		}
	default:
		err = fmt.Errorf("kind %d of relocation", r.What)
	}
	if errors.Is(err, errAbsent) {
		return r.absent(), nil
	}
	return Fixup{Value: value}, err
}

// Names returns what relocations need for NewIndex.
func Names(relocations []Relocation, ids ...string) *Wanted {
	w := &Wanted{Types: make(map[string]bool), IDs: make(map[string]bool, len(ids))}
	for i := range relocations {
		w.Types[relocations[i].Type] = true
	}
	for _, id := range ids {
		w.IDs[id] = true
	}
	return w
}
