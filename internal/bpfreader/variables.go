// SPDX-License-Identifier: Apache-2.0

//go:build amd64 || arm64

package bpfreader

import (
	"errors"
	"fmt"
	"unsafe"
)

// variable is the place of a variable in the .bss map.
type variable struct{ offset, size uint32 }

// variables notes the places of the object's variables, by name.
func (o *ObjectFile) variables(to map[string]variable) {
	if o.loader != nil {
		for _, v := range o.loader.table.variables {
			to[v.name] = v.variable
		}
		return
	}
	for name, v := range o.Spec.Variables {
		if v.SectionName == ".bss" {
			to[name] = variable{v.Offset, v.Size()}
		}
	}
}

// writeVariable sets a variable of the programs; T is its generated type.
func writeVariable[T any](r *Reader, name string, v *T) error {
	to, err := r.variable(name, int(unsafe.Sizeof(*v)))
	if err != nil {
		return fmt.Errorf("write variable %s: %w", name, err)
	}
	copy(to, bytesOf(v))
	return nil
}

// readVariable returns the value of a variable in v; T is its generated type.
func readVariable[T any](r *Reader, name string, v *T) error {
	from, err := r.variable(name, int(unsafe.Sizeof(*v)))
	if err != nil {
		return fmt.Errorf("read variable %s: %w", name, err)
	}
	copy(bytesOf(v), from)
	return nil
}

// readArray returns the first len(v) elements of an array of the programs in v.
func readArray[T any](r *Reader, name string, v []T) error {
	if len(v) == 0 {
		return nil
	}
	from, err := r.variable(name, len(rawBytes(v)))
	if err != nil {
		return fmt.Errorf("read array %s: %w", name, err)
	}
	copy(rawBytes(v), from)
	return nil
}

// variable returns the memory of the first size bytes of a variable. It is an error if
// the programs have no variable of that name, or a shorter one.
func (r *Reader) variable(name string, size int) ([]byte, error) {
	v, ok := r.variables[name]
	switch {
	case r.memory == nil:
		return nil, errClosed
	case !ok:
		return nil, errors.New("no such variable in the BPF object")
	case size > int(v.size):
		return nil, fmt.Errorf("%d bytes requested, it has %d", size, v.size)
	}
	return r.memory[v.offset:][:size], nil
}

// bytesOf and rawBytes return the memory of values of generated types, which have the
// layout of the C types, no pointers and no hidden padding.
func bytesOf[T any](v *T) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(v)), unsafe.Sizeof(*v))
}

func rawBytes[T any](v []T) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(&v[0])), len(v)*int(unsafe.Sizeof(v[0])))
}
