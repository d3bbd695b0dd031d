// SPDX-License-Identifier: Apache-2.0

package explain

import "github.com/nsinspect/nsinspect/internal/text"

// Packed is steps that are put aside, if they are many: there can be a hundred thousand, which are
// much alike.
type Packed struct{ fix, advice text.Packed }

// Pack takes what is many out of commands and advice, and returns it.
func Pack(fix, advice *[]string) Packed { return Packed{pack(fix), pack(advice)} }

func pack(all *[]string) (p text.Packed) {
	const many = 4
	if len(*all) > many {
		p, *all = text.Pack(*all), nil
	}
	return p
}

// Unpack puts back what was taken out, before what was added since.
func (p Packed) Unpack(fix, advice *[]string) {
	unpack(p.fix, fix)
	unpack(p.advice, advice)
}

func unpack(p text.Packed, all *[]string) {
	if p != "" {
		*all = append(p.Unpack(), *all...)
	}
}
