// SPDX-License-Identifier: Apache-2.0

package explain

import "github.com/nsinspect/nsinspect/internal/text"

// Packed is what is put aside of a Text, where that is much: there can be a hundred thousand
// phrases and steps, which are much alike.
type Packed struct{ evidence, fix, advice text.Packed }

// Pack takes what is much out of a text, and returns it.
func (t *Text) Pack() Packed { return Packed{pack(&t.Evidence), pack(&t.Fix), pack(&t.Advice)} }

func pack(all *[]string) (p text.Packed) {
	const many = 4
	if len(*all) > many {
		p, *all = text.Pack(*all), nil
	}
	return p
}

// Unpack puts back what was taken out, before what was added since.
func (t *Text) Unpack(p Packed) {
	unpack(p.evidence, &t.Evidence)
	unpack(p.fix, &t.Fix)
	unpack(p.advice, &t.Advice)
}

func unpack(p text.Packed, all *[]string) {
	if p != "" {
		*all = append(p.Unpack(), *all...)
	}
}
