// SPDX-License-Identifier: Apache-2.0

package smallbtf

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
)

// Kinds of types, BTF_KIND_* of include/uapi/linux/btf.h (6.18).
const (
	kindInt = iota + 1
	kindPointer
	kindArray
	kindStruct
	kindUnion
	kindEnum
	kindForward
	kindTypedef
	kindVolatile
	kindConst
	kindRestrict
	kindFunc
	kindFuncProto
	kindVar
	kindDatasec
	kindFloat
	kindDeclTag
	kindTypeTag
	kindEnum64
	kinds
)

const (
	magic      = 0xeB9F
	version    = 1
	headerSize = 24 // of struct btf_header
	typeSize   = 12 // of struct btf_type
	stride     = 64 // one offset is kept for so many types

	unusedInfo = 0x60ff0000 // bits of info, in 6.18
)

// sizes has for each kind how many bytes a type has, and how many more for each of its
// vlen elements; 0 for what is no kind.
var sizes = [32]struct{ fixed, each uint8 }{
	kindInt: {typeSize + 4, 0}, kindPointer: {typeSize, 0}, kindArray: {typeSize + 12, 0},
	kindStruct: {typeSize, 12}, kindUnion: {typeSize, 12}, kindEnum: {typeSize, 8},
	kindForward: {typeSize, 0}, kindTypedef: {typeSize, 0}, kindVolatile: {typeSize, 0},
	kindConst: {typeSize, 0}, kindRestrict: {typeSize, 0}, kindFunc: {typeSize, 0},
	kindFuncProto: {typeSize, 8}, kindVar: {typeSize + 4, 0}, kindDatasec: {typeSize, 12},
	kindFloat: {typeSize, 0}, kindDeclTag: {typeSize + 4, 0}, kindTypeTag: {typeSize, 0},
	kindEnum64: {typeSize, 12},
}

// blob is raw BTF: that of a kernel, or of a module, which continues its kernel's.
type blob struct {
	base        *blob // nil for a kernel
	types, text []byte
	count       uint32   // of types
	offsets     []uint32 // of every stride-th type
}

// header is the struct btf_type of one type.
type header struct {
	name, info, size uint32 // size is the type it refers to, for those that do
}

func (h header) kind() uint32 { return h.info >> 24 & 0x1f }
func (h header) vlen() uint32 { return h.info & 0xffff }

func word(b []byte, at uint32) uint32 { return binary.LittleEndian.Uint32(b[at:]) }

// newBlob returns the sections of raw BTF. Its types are unknown until they were walked.
func newBlob(raw []byte, base *blob) (*blob, error) {
	const most = 256 << 20 // so that sums of offsets fit in 32 bits; a kernel has 6 MB
	if len(raw) < headerSize || len(raw) > most {
		return nil, fmt.Errorf("%d bytes", len(raw))
	}
	switch {
	case binary.LittleEndian.Uint16(raw) != magic:
		return nil, errors.New("not BTF of a little-endian kernel")
	case raw[2] != version || raw[3] != 0:
		return nil, fmt.Errorf("version %d, flags %#x", raw[2], raw[3])
	}
	size := word(raw, 4)
	if size < headerSize || size > uint32(len(raw)) {
		return nil, fmt.Errorf("header of %d bytes", size)
	}
	body := raw[size:]
	types, err := section(body, word(raw, 8), word(raw, 12))
	if err != nil {
		return nil, fmt.Errorf("types: %w", err)
	}
	text, err := section(body, word(raw, 16), word(raw, 20))
	if err != nil {
		return nil, fmt.Errorf("strings: %w", err)
	}
	if len(text) == 0 || text[len(text)-1] != 0 || base == nil && text[0] != 0 {
		return nil, errors.New("strings do not begin or end with a zero byte")
	}
	return &blob{base: base, types: types, text: text}, nil
}

func section(body []byte, offset, length uint32) ([]byte, error) {
	if uint64(offset)+uint64(length) > uint64(len(body)) {
		return nil, fmt.Errorf("%d bytes at %d of %d", length, offset, len(body))
	}
	return body[offset:][:length], nil
}

// first returns the number of the blob's first type: 0 is void, in every kernel.
func (b *blob) first() uint32 {
	if b.base == nil {
		return 1
	}
	return b.base.first() + b.base.count
}

// textStart returns the offset that the blob's first string has.
func (b *blob) textStart() uint32 {
	if b.base == nil {
		return 0
	}
	return uint32(len(b.base.text))
}

// walk calls named with every type that has a name which may be wanted, and its number, and
// notes where types are. It decodes more than 100,000 types at every start, so it does no more
// than it has to: what is of one type is what header and from return.
func (b *blob) walk(maybe *filter, named func(id uint32, h header, rest []byte)) error {
	id, types, text, start := b.first(), b.types, b.text, b.textStart()
	b.offsets = make([]uint32, 0, len(types)/typeSize/stride+1)
	b.count = 0
	for at := 0; at < len(types); id++ {
		if len(types)-at < typeSize {
			return fmt.Errorf("type %d: %w", id, errCutOff)
		}
		raw := types[at:][:typeSize:typeSize]
		name, info := word(raw, 0), word(raw, 4)
		e := sizes[info>>24&0x1f]
		next := at + int(e.fixed) + int(e.each)*int(info&0xffff)
		if info&unusedInfo != 0 || e.fixed == 0 || next > len(types) {
			_, _, err := b.header(uint32(at))
			return fmt.Errorf("type %d: %w", id, err)
		}
		if b.count%stride == 0 {
			b.offsets = append(b.offsets, uint32(at))
		}
		b.count++
		at = next
		if name == 0 {
			continue
		}
		var rest []byte
		if offset := name - start; name >= start && offset < uint32(len(text)) {
			rest = text[offset:]
		} else if got, err := b.from(name); err == nil {
			rest = got
		} else {
			return fmt.Errorf("type %d: %w", id, err)
		}
		if maybe.has(rest) {
			named(id, header{name, info, word(raw, 8)}, rest)
		}
	}
	return nil
}

var errCutOff = errors.New("cut off")

// header returns the struct btf_type at an offset, and where the next type is.
func (b *blob) header(at uint32) (header, uint32, error) {
	if uint32(len(b.types))-at < typeSize { // at is not beyond the end
		return header{}, 0, errCutOff
	}
	raw := b.types[at:][:typeSize:typeSize]
	h := header{word(raw, 0), word(raw, 4), word(raw, 8)}
	if h.info&unusedInfo != 0 {
		return header{}, 0, fmt.Errorf("info %#x", h.info)
	}
	e := sizes[h.kind()]
	next := at + uint32(e.fixed) + uint32(e.each)*h.vlen()
	if e.fixed == 0 {
		return header{}, 0, fmt.Errorf("kind %d", h.kind())
	}
	if next > uint32(len(b.types)) {
		return header{}, 0, errCutOff
	}
	return h, next, nil
}

// find returns a type of the blob or of its base, and what follows its struct btf_type.
func (b *blob) find(id uint32) (header, []byte, error) {
	if id < b.first() && b.base != nil {
		return b.base.find(id)
	}
	n := id - b.first()
	if id < b.first() || n >= b.count {
		return header{}, nil, fmt.Errorf("no type %d", id)
	}
	at := b.offsets[n/stride]
	for n %= stride; ; n-- {
		h, next, err := b.header(at)
		if err != nil || n == 0 {
			return h, b.types[min(at+typeSize, next):next], err
		}
		at = next
	}
}

// from returns the strings from an offset on: the first of them ends at a zero byte.
func (b *blob) from(offset uint32) ([]byte, error) {
	if b.base != nil && offset < b.textStart() {
		return b.base.from(offset)
	}
	at := offset - b.textStart()
	if at >= uint32(len(b.text)) {
		return nil, fmt.Errorf("no string at %d", offset)
	}
	return b.text[at:], nil
}

// name returns the string at an offset.
func (b *blob) name(offset uint32) ([]byte, error) {
	rest, err := b.from(offset)
	if err != nil {
		return nil, err
	}
	return rest[:bytes.IndexByte(rest, 0)], nil
}
