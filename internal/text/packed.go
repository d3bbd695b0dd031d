// SPDX-License-Identifier: Apache-2.0

package text

import (
	"encoding/binary"
	"iter"
	"slices"
)

// Packed is a list of texts in little memory: of each only what is not as in the one before it.
type Packed string

// packer makes a Packed of one text after the other.
type packer struct {
	out    []byte
	before string
}

func (p *packer) add(s string) {
	most := min(len(p.before), len(s))
	first := 0
	for first < most && p.before[first] == s[first] {
		first++
	}
	last := 0
	for last < most-first && p.before[len(p.before)-1-last] == s[len(s)-1-last] {
		last++
	}
	for _, n := range []int{first, last, len(s) - first - last} {
		p.out = binary.AppendUvarint(p.out, uint64(n))
	}
	p.out = append(p.out, s[first:len(s)-last]...)
	p.before = s
}

// Pack packs texts. Texts that are much alike take some bytes each.
func Pack(all []string) Packed {
	var p packer
	for _, s := range all {
		p.add(s)
	}
	return Packed(p.out)
}

// All returns the texts.
func (p Packed) All() iter.Seq[string] { return unpacked([]byte(p)) }

func unpacked(rest []byte) iter.Seq[string] {
	return func(yield func(string) bool) {
		before := ""
		for rest := rest; len(rest) > 0; {
			var n [3]int
			for i := range n {
				v, size := binary.Uvarint(rest)
				n[i], rest = int(v), rest[size:]
			}
			before = before[:n[0]] + string(rest[:n[2]]) + before[len(before)-n[1]:]
			rest = rest[n[2]:]
			if !yield(before) {
				return
			}
		}
	}
}

// Unpack returns the texts.
func (p Packed) Unpack() []string { return slices.AppendSeq([]string{}, p.All()) }
