// SPDX-License-Identifier: Apache-2.0

package smallbtf

import (
	"bytes"
	"fmt"
)

// Index has the places of wanted structures and unions in raw BTF of a kernel and of its
// modules, and the numbers of wanted functions and typedefs of the kernel. The raw BTF must
// stay as long as Resolve is called.
type Index struct {
	kernel *blob
	roots  map[string][]place // by name, without flavor
	ids    numbers
}

// place is where a type is.
type place struct {
	in *blob
	id uint32
}

// NewIndex walks over a kernel's types once, and over each module's. Wanted.Members does not
// count.
func NewIndex(kernel []byte, modules [][]byte, w *Wanted) (*Index, error) {
	base, err := newBlob(kernel, nil)
	if err != nil {
		return nil, fmt.Errorf("read kernel types: %w", err)
	}
	x := &Index{kernel: base, roots: make(map[string][]place, len(w.Types)), ids: numbers{}}
	maybe := newFilter(w)
	if err := x.collect(base, w, maybe); err != nil {
		return nil, fmt.Errorf("read kernel types: %w", err)
	}
	for _, raw := range modules {
		module, err := newBlob(raw, base)
		if err == nil {
			err = x.collect(module, w, maybe)
		}
		if err != nil {
			return nil, fmt.Errorf("read module types: %w", err)
		}
	}
	return x, nil
}

func (x *Index) collect(b *blob, w *Wanted, maybe *filter) error {
	return b.walk(maybe, func(id uint32, h header, rest []byte) {
		name := rest[:bytes.IndexByte(rest, 0)]
		switch kind := h.kind(); kind {
		case kindFunc, kindTypedef:
			if b == x.kernel && w.IDs[string(name)] {
				x.ids.add(named{kind, string(name)}, id)
			}
		case kindStruct, kindUnion:
			if name = essential(name); w.Types[string(name)] {
				x.roots[string(name)] = append(x.roots[string(name)], place{b, id})
			}
		}
	})
}

// Func returns the kernel's number of a function that was in Wanted.IDs, as Types.Func does.
func (x *Index) Func(name string) (uint32, error) { return x.ids.id(named{kindFunc, name}) }

// Typedef returns the kernel's number of a typedef, as Func does of a function.
func (x *Index) Typedef(name string) (uint32, error) { return x.ids.id(named{kindTypedef, name}) }
