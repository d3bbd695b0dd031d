// SPDX-License-Identifier: Apache-2.0

package smallbtf

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"
)

// Wanted is what is needed of a kernel's types.
type Wanted struct {
	Types   map[string]bool // without flavors
	Members map[string]bool // of any type
	IDs     map[string]bool // functions and typedefs whose numbers are needed
}

// Types are a few of the types of a kernel or module.
type Types struct {
	Raw []byte // as BTF

	kernel []uint32 // by number in Raw: the number in the kernel, 0 for a pointer
	ids    numbers
}

// numbers are those of functions and typedefs, ambiguous where there are several.
type numbers map[named]uint32

type named struct {
	kind uint32
	name string
}

// ambiguous is no type's number.
const ambiguous = ^uint32(0)

// ErrNotFound is returned for what the kernel does not have.
var ErrNotFound = errors.New("not in the kernel's types")

// Extract returns the wanted types of a kernel, or of a module if raw BTF of one is
// given. Wanted.IDs are those of the kernel alone.
func Extract(kernel, module []byte, w *Wanted) (*Types, error) {
	base, err := newBlob(kernel, nil)
	if err != nil {
		return nil, fmt.Errorf("read kernel types: %w", err)
	}
	c := collector{wanted: w, ids: numbers{}, maybe: newFilter(w)}
	c.roots = module == nil
	if err := c.collect(base); err != nil {
		return nil, fmt.Errorf("read kernel types: %w", err)
	}
	from := base
	if module != nil {
		if from, err = newBlob(module, base); err != nil {
			return nil, fmt.Errorf("read module types: %w", err)
		}
		c.roots = true
		if err := c.collect(from); err != nil {
			return nil, fmt.Errorf("read module types: %w", err)
		}
	}
	wr := newWriter(from, w.Members)
	for _, id := range c.found {
		if _, err := wr.add(id, 0); err != nil {
			return nil, fmt.Errorf("copy type %d: %w", id, err)
		}
	}
	return &Types{Raw: wr.btf(), kernel: wr.kernel, ids: c.ids}, nil
}

// KernelID returns the kernel's number of a type of Raw, or ErrNotFound if it has none.
func (t *Types) KernelID(small uint32) (uint32, error) {
	if small >= uint32(len(t.kernel)) || t.kernel[small] == 0 {
		return 0, ErrNotFound
	}
	return t.kernel[small], nil
}

// Func returns the number of a function that was in Wanted.IDs. It returns ErrNotFound
// if the kernel has none, and another error if it has several.
func (t *Types) Func(name string) (uint32, error) { return t.ids.id(named{kindFunc, name}) }

// Typedef returns the number of a typedef, as Func does of a function.
func (t *Types) Typedef(name string) (uint32, error) { return t.ids.id(named{kindTypedef, name}) }

// add notes the number of a type.
func (all numbers) add(n named, id uint32) {
	if _, twice := all[n]; twice {
		id = ambiguous
	}
	all[n] = id
}

func (all numbers) id(n named) (uint32, error) {
	switch id, ok := all[n]; {
	case !ok:
		return 0, fmt.Errorf("%s: %w", n.name, ErrNotFound)
	case id == ambiguous:
		return 0, fmt.Errorf("%s: several of this name in the kernel's types", n.name)
	default:
		return id, nil
	}
}

// collector finds wanted names in one walk.
type collector struct {
	wanted *Wanted
	maybe  *filter
	roots  bool     // the walk is over the types that are extracted
	found  []uint32 // wanted types, in the kernel's order
	ids    numbers
}

// filter has a bit for the hash of the first four bytes of each wanted name.
type filter [64]uint64

// has reports whether a string may be a wanted name.
func (f *filter) has(s []byte) bool {
	at := hash(s)
	return f[at/64%64]&(1<<(at%64)) != 0
}

// hash returns the place in a filter of the first four bytes of a string, with the zero
// byte at its end and nothing behind that.
func hash(s []byte) uint32 {
	var key uint32
	if len(s) >= 4 {
		key = binary.LittleEndian.Uint32(s)
		// The lowest zero byte, and what is above it (Hacker's Delight, 6-1).
		if zero := (key - 0x01010101) & ^key & 0x80808080; zero != 0 {
			key &= 1<<(bits.TrailingZeros32(zero)&^7) - 1
		}
	} else {
		for i := 0; i < len(s) && s[i] != 0; i++ {
			key |= uint32(s[i]) << (8 * i)
		}
	}
	const golden = 0x9e3779b1
	return key * golden >> 20
}

func newFilter(w *Wanted) *filter {
	maybe := &filter{}
	add := func(s string) {
		h := hash([]byte(s))
		maybe[h/64] |= 1 << (h % 64)
	}
	for name := range w.Types {
		add(name)
		add(name + flavor)
	}
	for name := range w.IDs {
		add(name)
	}
	return maybe
}

const flavor = "___"

// essential returns a name without its flavor.
func essential(name []byte) []byte {
	if i := bytes.LastIndex(name, []byte(flavor)); i > 0 {
		return name[:i]
	}
	return name
}

// collect walks over the types of a blob.
func (c *collector) collect(b *blob) error {
	return b.walk(c.maybe, func(id uint32, h header, rest []byte) {
		c.take(id, h.kind(), rest[:bytes.IndexByte(rest, 0)])
	})
}

// take notes a type if it is wanted.
func (c *collector) take(id, kind uint32, name []byte) {
	if (kind == kindFunc || kind == kindTypedef) && c.wanted.IDs[string(name)] && id != 0 {
		c.ids.add(named{kind, string(name)}, id)
	}
	if !c.roots {
		return
	}
	switch kind {
	case kindInt, kindStruct, kindUnion, kindEnum, kindEnum64, kindForward, kindTypedef, kindFloat:
		if c.wanted.Types[string(essential(name))] {
			c.found = append(c.found, id)
		}
	}
}
