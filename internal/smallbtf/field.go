// SPDX-License-Identifier: Apache-2.0

package smallbtf

import (
	"errors"
	"fmt"
	"slices"
)

// field is a place in a structure or union.
type field struct {
	in     *blob
	id     uint32 // of its type
	offset uint32 // in bytes
	first  uint32 // bit behind offset, of a bit field
	bits   uint32 // of a bit field; 0 for any other
	last   bool   // it is the last member, where an array needs no length
}

func (f *field) follow(steps []Step) error {
	for i := range steps {
		s := &steps[i]
		var err error
		if s.Member != "" {
			err = f.toMember(s)
		} else {
			err = f.toElement(s.Element)
		}
		if err != nil {
			return err
		}
		if err := f.compare(s); err != nil {
			return err
		}
		if (s.Bits || f.bits > 0) && i != len(steps)-1 {
			return errors.New("a way leads into a bit field")
		}
	}
	return nil
}

// compare returns errAbsent if the field is of another kind than in the program.
func (f *field) compare(s *Step) error {
	h, rest, err := f.in.essential(f.id)
	if err != nil {
		return err
	}
	switch kind := uint32(s.Kind); {
	case isComposite(kind) && isComposite(h.kind()):
		return nil
	case kind != h.kind() && (kind != kindEnum || h.kind() != kindEnum64):
		return errAbsent
	case kind == kindInt && (len(rest) < 4 || word(rest, 0)&0xff != 8*h.size || word(rest, 0)>>16&0xff != 0):
		return errors.New("an integer with a bit field in its type")
	case kind == kindArray, kind == kindPointer, kind == kindFloat, kind == kindInt:
		return nil
	case kind == kindEnum, kind == kindForward:
		name, err := f.in.name(h.name)
		if err == nil && len(name) > 0 && s.Name != "" && string(essential(name)) != s.Name {
			return errAbsent
		}
		return err
	default:
		return fmt.Errorf("a field of kind %d", kind)
	}
}

// value returns what a relocation is about, of the field.
func (f *field) value(what What) (uint64, error) {
	if what == FieldExists {
		return 1, nil
	}
	if what == FieldOffset {
		return uint64(f.offset), nil
	}
	size, err := f.in.sizeOf(f.id)
	if err != nil || what == FieldSize {
		return uint64(size), err
	}
	bits := f.bits
	if bits == 0 {
		bits = 8 * size
	}
	if what == FieldLeftShift {
		return uint64(64) - uint64(f.first) - uint64(bits), nil
	}
	return uint64(64) - uint64(bits), nil
}

func isComposite(kind uint32) bool { return kind == kindStruct || kind == kindUnion }

// toMember goes on to a member of a structure or union, or of one without a name in it.
func (f *field) toMember(s *Step) error {
	type part struct{ id, bit uint32 }
	parts := [deepest]part{{f.id, 0}}
	for i, n := 0, 1; i < n; i++ {
		h, rest, err := f.in.essential(parts[i].id)
		if err != nil {
			return err
		}
		if !isComposite(h.kind()) {
			if i > 0 {
				return errors.New("a member has neither a name nor members")
			}
			return errAbsent
		}
		for ; len(rest) >= memberSize; rest = rest[memberSize:] {
			m := memberOf(h, rest)
			switch is, err := f.in.is(m.name, s.Member); {
			case err != nil:
				return err
			case is:
				f.id, f.bits, f.last = m.id, m.bits, len(rest) == memberSize
				return f.move(parts[i].bit+m.bit, s.Bits)
			case m.name == 0 && n == deepest:
				return errors.New("too many members without a name")
			case m.name == 0:
				parts[n] = part{m.id, parts[i].bit + m.bit}
				n++
			}
		}
	}
	return errAbsent
}

// move adds the offset of a member: of a bit field, here or in the program, that of the unit
// that it is loaded with.
func (f *field) move(bit uint32, bits bool) error {
	f.first = 0
	if f.bits == 0 && !bits {
		f.offset += bit / 8
		return nil
	}
	unit, err := f.in.unit(f.id)
	if err != nil {
		return err
	}
	start := bit / 8 / unit * unit
	f.first = bit - 8*start
	f.offset += start
	return nil
}

// toElement goes on to an element of an array.
func (f *field) toElement(n uint32) error {
	h, rest, err := f.in.essential(f.id)
	if err != nil {
		return err
	}
	if h.kind() != kindArray {
		return errAbsent
	}
	length := word(rest, 8)
	switch {
	case length == 0 && !f.last:
		return errors.New("an array without a length is not at the end")
	case length > 0 && n >= length:
		return errAbsent
	}
	f.id, f.last, f.bits, f.first = word(rest, 0), false, 0, 0
	if n == 0 {
		return nil
	}
	size, err := f.in.sizeOf(f.id)
	f.offset += n * size
	return err
}

// member is a struct btf_member.
type member struct{ name, id, bit, bits uint32 }

const memberSize = 12

func memberOf(h header, raw []byte) member {
	m := member{name: word(raw, 0), id: word(raw, 4), bit: word(raw, 8)}
	if h.info>>31 != 0 { // some are bit fields
		m.bits, m.bit = m.bit>>24, m.bit&0xffffff
	}
	return m
}

var modifiers = []uint32{kindTypedef, kindVolatile, kindConst, kindRestrict, kindTypeTag}

// essential returns a type without its modifiers and typedefs.
func (b *blob) essential(id uint32) (header, []byte, error) {
	for range deepest {
		if id == 0 {
			return header{}, nil, nil // void
		}
		h, rest, err := b.find(id)
		if err != nil || !slices.Contains(modifiers, h.kind()) {
			return h, rest, err
		}
		id = h.size
	}
	return header{}, nil, errors.New("too many modifiers")
}

// sizeOf returns the size of a type in bytes.
func (b *blob) sizeOf(id uint32) (uint32, error) {
	n := uint64(1)
	for range deepest {
		h, rest, err := b.essential(id)
		if err != nil {
			return 0, err
		}
		switch h.kind() {
		case kindArray:
			n *= uint64(word(rest, 8))
			id = word(rest, 0)
		case kindPointer:
			return bounded(8 * n)
		case kindInt, kindStruct, kindUnion, kindEnum, kindEnum64, kindFloat:
			return bounded(uint64(h.size) * n)
		default:
			return 0, fmt.Errorf("the size of a type of kind %d", h.kind())
		}
		if n > largest {
			break
		}
	}
	return 0, errors.New("a type is too large")
}

const largest = 1 << 30

func bounded(n uint64) (uint32, error) {
	if n > largest {
		return 0, errors.New("a type is too large")
	}
	return uint32(n), nil
}

// unit returns the alignment of what a bit field is in.
func (b *blob) unit(id uint32) (uint32, error) {
	for range deepest {
		h, rest, err := b.essential(id)
		switch {
		case err != nil:
			return 0, err
		case h.kind() == kindArray:
			id = word(rest, 0)
			continue
		case h.kind() != kindInt && h.kind() != kindEnum && h.kind() != kindEnum64, h.size == 0, h.size&(h.size-1) != 0:
			return 0, fmt.Errorf("a bit field of kind %d with %d bytes", h.kind(), h.size)
		}
		return h.size, nil
	}
	return 0, errors.New("a type is too deep")
}

// is reports whether the string at an offset is a name.
func (b *blob) is(offset uint32, name string) (bool, error) {
	if offset == 0 {
		return false, nil
	}
	rest, err := b.from(offset)
	return err == nil && len(rest) > len(name) && rest[len(name)] == 0 && string(rest[:len(name)]) == name, err
}
