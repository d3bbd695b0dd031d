// SPDX-License-Identifier: Apache-2.0

package text

import (
	"iter"
	"slices"
)

// mostPlain is how many texts of a List are not packed.
const mostPlain = 1024

// List is a list of texts that are packed when they are many. The zero value is empty.
type List struct {
	packer
	packed int
	plain  []string // those after the packed ones
}

// Add appends texts.
func (l *List) Add(all ...string) {
	for _, s := range all {
		if len(l.plain) == mostPlain {
			l.pack()
		}
		l.plain = append(l.plain, s)
	}
}

func (l *List) pack() {
	for _, s := range l.plain {
		l.add(s)
	}
	l.packed, l.plain = l.packed+len(l.plain), l.plain[:0]
}

// Len returns how many texts there are.
func (l *List) Len() int { return l.packed + len(l.plain) }

// Unpack returns the texts.
func (l *List) Unpack() []string {
	if l.packed == 0 && l.plain != nil {
		return l.plain
	}
	return slices.AppendSeq(make([]string, 0, l.Len()), l.All())
}

// All returns the texts.
func (l *List) All() iter.Seq[string] {
	return func(yield func(string) bool) {
		for s := range unpacked(l.out) {
			if !yield(s) {
				return
			}
		}
		slices.Values(l.plain)(yield)
	}
}

// Pack packs all texts, and leaves the list empty.
func (l *List) Pack() Packed {
	l.pack()
	p := Packed(l.out)
	*l = List{}
	return p
}
