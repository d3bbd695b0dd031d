// SPDX-License-Identifier: Apache-2.0

package text

import "encoding/binary"

// Packed is a list of texts in little memory: of each only what is not as in the one before it.
type Packed string

// Pack packs texts. Texts that are much alike take some bytes each.
func Pack(all []string) Packed {
	var out []byte
	before := ""
	for _, s := range all {
		most := min(len(before), len(s))
		first := 0
		for first < most && before[first] == s[first] {
			first++
		}
		last := 0
		for last < most-first && before[len(before)-1-last] == s[len(s)-1-last] {
			last++
		}
		for _, n := range []int{first, last, len(s) - first - last} {
			out = binary.AppendUvarint(out, uint64(n))
		}
		out = append(out, s[first:len(s)-last]...)
		before = s
	}
	return Packed(out)
}

// Unpack returns the texts.
func (p Packed) Unpack() []string {
	all := []string{}
	before := ""
	for rest := []byte(p); len(rest) > 0; {
		var n [3]int
		for i := range n {
			v, size := binary.Uvarint(rest)
			n[i], rest = int(v), rest[size:]
		}
		before = before[:n[0]] + string(rest[:n[2]]) + before[len(before)-n[1]:]
		rest = rest[n[2]:]
		all = append(all, before)
	}
	return all
}
