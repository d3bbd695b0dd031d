// SPDX-License-Identifier: Apache-2.0

package smallbtf

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
)

// The bounds of what is written: a kernel needs a thousand types, nested ten deep.
const (
	mostTypes = 1 << 14
	deepest   = 64
)

// writer copies types and what they contain.
type writer struct {
	from    *blob
	members map[string]bool
	types   []byte
	text    []byte
	strings map[string]uint32
	copied  map[uint32]uint32 // by number in the kernel: the number here
	kernel  []uint32          // the reverse
	pointer uint32            // the pointer to void; 0 until one is needed
}

// copying is the number of a type that is not yet complete.
const copying = ^uint32(0)

func newWriter(from *blob, members map[string]bool) *writer {
	return &writer{
		from: from, members: members, text: []byte{0}, strings: map[string]uint32{"": 0},
		copied: map[uint32]uint32{0: 0}, kernel: []uint32{0},
	}
}

// add copies a type, unless it was copied before, and returns its number.
func (w *writer) add(id uint32, depth int) (uint32, error) {
	if to, ok := w.copied[id]; ok {
		if to == copying {
			return 0, fmt.Errorf("type %d contains itself", id)
		}
		return to, nil
	}
	if depth > deepest || len(w.kernel) > mostTypes {
		return 0, fmt.Errorf("more than %d types, or nested deeper than %d", mostTypes, deepest)
	}
	h, rest, err := w.from.find(id)
	if err != nil {
		return 0, err
	}
	if h.kind() == kindPointer {
		w.copied[id] = w.toVoid()
		return w.pointer, nil
	}
	w.copied[id] = copying
	if h.name, err = w.string(h.name); err != nil {
		return 0, err
	}
	if rest, err = w.refer(&h, rest, depth+1); err != nil {
		return 0, err
	}
	w.copied[id] = w.emit(h, rest, id)
	return w.copied[id], nil
}

// toVoid returns the number of the pointer to void.
func (w *writer) toVoid() uint32 {
	if w.pointer == 0 {
		w.pointer = w.emit(header{info: kindPointer << 24}, nil, 0)
	}
	return w.pointer
}

func (w *writer) emit(h header, rest []byte, id uint32) uint32 {
	for _, v := range []uint32{h.name, h.info, h.size} {
		w.types = binary.LittleEndian.AppendUint32(w.types, v)
	}
	w.types = append(w.types, rest...)
	w.kernel = append(w.kernel, id)
	return uint32(len(w.kernel) - 1)
}

// refer copies what a type refers to, and returns what follows its header with the
// numbers and strings of here.
func (w *writer) refer(h *header, rest []byte, depth int) ([]byte, error) {
	var err error
	switch h.kind() {
	case kindInt, kindFloat, kindForward:
		return rest, nil
	case kindTypedef, kindVolatile, kindConst, kindRestrict, kindTypeTag:
		h.size, err = w.add(h.size, depth)
		return nil, err
	case kindArray:
		return w.array(rest, depth)
	case kindEnum:
		return w.values(rest, 8)
	case kindEnum64:
		return w.values(rest, 12)
	case kindStruct, kindUnion:
		return w.fields(h, rest, depth)
	case kindFuncProto: // a typedef of one, which has the name of something wanted
		*h = header{info: kindForward << 24}
		return nil, nil
	}
	return nil, fmt.Errorf("kind %d in a structure", h.kind())
}

// array returns a struct btf_array.
func (w *writer) array(rest []byte, depth int) ([]byte, error) {
	element, err := w.add(word(rest, 0), depth)
	if err != nil {
		return nil, err
	}
	index, err := w.add(word(rest, 4), depth)
	if err != nil {
		return nil, err
	}
	to := binary.LittleEndian.AppendUint32(nil, element)
	to = binary.LittleEndian.AppendUint32(to, index)
	return append(to, rest[8:]...), nil
}

// values returns each struct btf_enum or btf_enum64.
func (w *writer) values(rest []byte, size int) ([]byte, error) {
	to := bytes.Clone(rest)
	for at := 0; at < len(to); at += size {
		name, err := w.string(word(to, uint32(at)))
		if err != nil {
			return nil, err
		}
		binary.LittleEndian.PutUint32(to[at:], name)
	}
	return to, nil
}

// fields returns each struct btf_member that is needed, and sets their number.
func (w *writer) fields(h *header, rest []byte, depth int) ([]byte, error) {
	const size = 12
	var to []byte
	kept := uint32(0)
	for ; len(rest) >= size; rest = rest[size:] {
		name, err := w.from.name(word(rest, 0))
		if err != nil {
			return nil, err
		}
		if last := len(rest) == size; len(name) > 0 && !last && !w.members[string(name)] {
			continue
		}
		offset, err := w.string(word(rest, 0))
		if err != nil {
			return nil, err
		}
		of, err := w.add(word(rest, 4), depth)
		if err != nil {
			return nil, err
		}
		to = binary.LittleEndian.AppendUint32(to, offset)
		to = binary.LittleEndian.AppendUint32(to, of)
		to = append(to, rest[8:size]...)
		kept++
	}
	h.info = h.info&^0xffff | kept
	return to, nil
}

// string copies a string, unless it was copied before, and returns its offset here.
func (w *writer) string(offset uint32) (uint32, error) {
	name, err := w.from.name(offset)
	if err != nil {
		return 0, err
	}
	if to, ok := w.strings[string(name)]; ok {
		return to, nil
	}
	const longest = 4096
	if len(name) > longest {
		return 0, errors.New("a name is too long")
	}
	to := uint32(len(w.text))
	w.strings[string(name)] = to
	w.text = append(append(w.text, name...), 0)
	return to, nil
}

// btf returns what was copied as raw BTF.
func (w *writer) btf() []byte {
	raw := binary.LittleEndian.AppendUint16(nil, magic)
	raw = append(raw, version, 0)
	for _, v := range []int{headerSize, 0, len(w.types), len(w.types), len(w.text)} {
		raw = binary.LittleEndian.AppendUint32(raw, uint32(v))
	}
	return append(append(raw, w.types...), w.text...)
}
