// SPDX-License-Identifier: Apache-2.0

package explain

import (
	"cmp"

	"github.com/nsinspect/nsinspect/internal/text"
)

// Packed is what is put aside of a Text, where that is much: there can be a hundred thousand
// phrases and steps, which are much alike.
type Packed struct{ Evidence, Fix, Advice text.Packed }

// many is what a Text has before what is in its lists, which are short.
type many struct{ evidence, fix, advice text.List }

// Pack takes lists of more than most texts out of a text, and returns them.
func (t *Text) Pack(most int) Packed {
	m := cmp.Or(t.many, &many{})
	t.many = nil
	return Packed{pack(&m.evidence, &t.Evidence, most), pack(&m.fix, &t.Fix, most), pack(&m.advice, &t.Advice, most)}
}

func pack(before *text.List, all *[]string, most int) text.Packed {
	if before.Len() == 0 && len(*all) <= most {
		return ""
	}
	before.Add(*all...)
	*all = nil
	return before.Pack()
}

// Unpack puts back what was taken out, before what was added since.
func (t *Text) Unpack(p Packed) {
	unpack(p.Evidence, &t.Evidence)
	unpack(p.Fix, &t.Fix)
	unpack(p.Advice, &t.Advice)
}

func unpack(p text.Packed, all *[]string) {
	if p != "" {
		*all = append(p.Unpack(), *all...)
	}
}

// put adds texts to a list of a Text, which is emptied into one of those before it when it is
// long.
func (t *Text) put(before func(*many) *text.List, all *[]string, more ...string) {
	const most = 1024
	*all = append(*all, more...)
	if len(*all) < most {
		return
	}
	if t.many == nil {
		t.many = &many{}
	}
	before(t.many).Add(*all...)
	*all = nil
}

func (m *many) ofEvidence() *text.List { return &m.evidence }
func (m *many) ofFix() *text.List      { return &m.fix }
func (m *many) ofAdvice() *text.List   { return &m.advice }

// After puts what was seen before a text was written in front of its evidence.
func (t *Text) After(evidence []string) {
	if t.many == nil {
		t.Evidence = append(evidence, t.Evidence...)
		return
	}
	after := t.many.evidence
	t.many.evidence = text.List{}
	t.many.evidence.Add(evidence...)
	for s := range after.All() {
		t.many.evidence.Add(s)
	}
}
