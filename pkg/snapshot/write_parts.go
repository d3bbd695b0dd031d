// SPDX-License-Identifier: Apache-2.0

package snapshot

import (
	"iter"
	"slices"

	"github.com/nsinspect/nsinspect/internal/explain"
	"github.com/nsinspect/nsinspect/internal/text"
	"github.com/nsinspect/nsinspect/internal/wire"
	"github.com/nsinspect/nsinspect/pkg/doctor"
	"github.com/nsinspect/nsinspect/pkg/ns"
)

// longList is a list within a value that is not encoded in whole.
type longList struct {
	member string // in quotes
	empty  string // how it is written where the value has none: no string of JSON has that in it
	add    func() error
}

func (d *document) long(member string, add func() error) longList {
	return longList{member, member + ":[]", add}
}

// longTexts is a long list of texts about what has these words.
func (d *document) longTexts(member string, words *wire.Words, all iter.Seq[string]) longList {
	return d.long(member, func() error {
		room, first := d.texts[:0], true
		write := func() error {
			if len(room) == 0 {
				return nil
			}
			d.how.texts(room)
			d.ShareTexts(words, room)
			err := d.elements(first, room)
			room, first = room[:0], false
			return err
		}
		for s := range all {
			if room = append(room, wire.Text{Literal: s}); len(room) < cap(room) {
				continue
			}
			if err := write(); err != nil {
				return err
			}
		}
		return write()
	})
}

// longNames is the list of the names of a namespace.
func (d *document) longNames(n *ns.Namespace) longList {
	l := d.long(`"names"`, func() error {
		for from := 0; from < len(n.Names); from += mostAtOnce {
			all := d.Names(n, from, d.names[:])
			d.how.names(all)
			wire.ShareNames(all)
			if err := d.elements(from == 0, all); err != nil {
				return err
			}
		}
		return nil
	})
	l.empty = l.member + `:[{"path":"","kind":"","authority":""}]` // that of a KeptName, as an empty list is left out
	return l
}

// elements writes elements of a list, which are the first ones or follow others.
func (d *document) elements(first bool, all any) error {
	if !first {
		d.text = append(d.text, ',')
	}
	before := len(d.text)
	if err := d.add(all); err != nil {
		return err
	}
	d.text = append(d.text[:before], d.text[before+1:len(d.text)-1]...)
	return d.flush()
}

// namespace writes a namespace.
func (d *document) namespace(n *ns.Namespace, answer *explain.Lists) error {
	w, next := d.Namespace(n, d.names[:], d.holders[:])
	short := answer != nil && max(answer.Fix.Len(), answer.Advice.Len()) <= mostAtOnce
	switch {
	case short:
		w.Answer = &wire.Answer{Verdict: wire.Text{Literal: answer.Verdict}, Fix: wire.Texts(answer.Fix.Unpack()), Advice: wire.Texts(answer.Advice.Unpack())}
	case answer != nil:
		w.Answer = &wire.Answer{Verdict: wire.Text{Literal: answer.Verdict}, Fix: []wire.Text{}, Advice: []wire.Text{}}
	}
	d.how.namespace(&w)
	for from := len(w.Names); from < len(n.Names) && w.Words().Name == ""; from += mostAtOnce { // the first ones are no words
		w.Names = d.Names(n, from, d.names[:])
		d.how.names(w.Names)
	}
	d.Share(&w)
	var long []longList
	if len(n.Names) > mostAtOnce {
		w.Names = []wire.KeptName{{}}
		long = append(long, d.longNames(n))
	}
	if answer != nil && !short {
		words := d.WordsOf(n)
		long = append(long, d.longTexts(`"fix"`, words, answer.Fix.All()), d.longTexts(`"advice"`, words, answer.Advice.All()))
	}
	err := d.add(&w, long...)
	for err == nil && next < len(n.Holders) {
		next = d.More(&w, n, next)
		d.how.holders(w.Holders)
		err = d.more(w.Holders)
	}
	return err
}

// doctor writes the report of doctor, if there is one.
func (d *document) doctor(report func() (*doctor.Report, error)) error {
	r, err := report()
	if err != nil || r == nil {
		return err
	}
	whole := d.Doctor(r)
	d.how.doctor(&whole)
	d.text = append(d.text, `,"doctor":`...)
	return d.add(&whole, d.long(`"findings"`, func() error {
		for i := range r.Findings {
			if i > 0 {
				d.text = append(d.text, ',')
			}
			if err := d.finding(r.Findings[i]); err != nil {
				return err
			}
			if err := d.flush(); err != nil {
				return err
			}
		}
		return nil
	}), d.long(`"unknown"`, func() error {
		all := d.Unknown(r)
		d.how.unknown(all)
		return d.elements(true, all)
	}))
}

// finding writes a finding of the report.
func (d *document) finding(f doctor.Finding) error {
	const much = 1 << 14
	packed := f.Packed
	long := max(len(packed.Evidence), len(packed.Fix), len(packed.Advice)) > much
	evidence, fix, advice := f.Evidence, f.Fix, f.Advice
	if long {
		f.Evidence, f.Fix, f.Advice = nil, nil, nil
	} else {
		f.Unpack(packed)
	}
	w := d.Finding(&f)
	d.how.finding(&w)
	kept, words := d.ShareFinding(&w)
	if !long {
		return d.add(&kept)
	}
	return d.add(&kept, d.longTexts(`"evidence"`, words, all(packed.Evidence, evidence)),
		d.longTexts(`"fix"`, words, all(packed.Fix, fix)), d.longTexts(`"advice"`, words, all(packed.Advice, advice)))
}

// all returns packed texts and those after them.
func all(packed text.Packed, after []string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for s := range packed.All() {
			if !yield(s) {
				return
			}
		}
		slices.Values(after)(yield)
	}
}
