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
)

// extra is what follows the struct btf_type of each kind: a fixed number of bytes, and
// so many for each of its vlen elements.
var extra = [kinds]struct{ fixed, each uint8 }{
	kindInt: {4, 0}, kindArray: {12, 0}, kindStruct: {0, 12}, kindUnion: {0, 12}, kindEnum: {0, 8},
	kindFuncProto: {0, 8}, kindVar: {4, 0}, kindDatasec: {0, 12}, kindDeclTag: {4, 0}, kindEnum64: {0, 12},
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

// length returns how many bytes the type has.
func (h header) length() uint32 {
	e := extra[h.kind()]
	return typeSize + uint32(e.fixed) + uint32(e.each)*h.vlen()
}

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

// walk calls each with every type and its number, and notes where types are.
func (b *blob) walk(each func(id uint32, h header) error) error {
	id := b.first()
	end := uint32(len(b.types))
	b.offsets = make([]uint32, 0, len(b.types)/typeSize/stride+1)
	b.count = 0
	for at := uint32(0); at < end; id++ {
		h, err := b.header(at)
		if err != nil {
			return fmt.Errorf("type %d: %w", id, err)
		}
		if b.count%stride == 0 {
			b.offsets = append(b.offsets, at)
		}
		b.count++
		if err := each(id, h); err != nil {
			return fmt.Errorf("type %d: %w", id, err)
		}
		at += h.length()
	}
	return nil
}

// header returns the struct btf_type at an offset, of a type that lies within the blob.
func (b *blob) header(at uint32) (header, error) {
	if uint64(at)+typeSize > uint64(len(b.types)) {
		return header{}, errors.New("cut off")
	}
	raw := b.types[at:][:typeSize]
	h := header{word(raw, 0), word(raw, 4), word(raw, 8)}
	const unused = 0x60ff0000 // of info, in 6.18
	switch {
	case h.kind() == 0 || h.kind() >= kinds:
		return header{}, fmt.Errorf("kind %d", h.kind())
	case h.info&unused != 0:
		return header{}, fmt.Errorf("info %#x", h.info)
	case uint64(at)+uint64(h.length()) > uint64(len(b.types)):
		return header{}, errors.New("cut off")
	}
	return h, nil
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
	for range n % stride {
		h, err := b.header(at)
		if err != nil {
			return header{}, nil, err
		}
		at += h.length()
	}
	h, err := b.header(at)
	if err != nil {
		return header{}, nil, err
	}
	return h, b.types[at+typeSize : at+h.length()], nil
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
