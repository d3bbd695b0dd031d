// SPDX-License-Identifier: Apache-2.0

package snapshot

import (
	"time"

	"github.com/nsinspect/nsinspect/internal/wire"
	"github.com/nsinspect/nsinspect/pkg/doctor"
	"github.com/nsinspect/nsinspect/pkg/ns"
)

// finding makes a finding.
func (r *restorer) finding(f *doctor.Finding, w *wire.KeptFinding, places map[uint64]*ns.Namespace) (err error) {
	severity, known := severityOf(w.Severity)
	if !known {
		return bad("a severity", w.Severity)
	}
	f.Check, f.Severity, f.PID = w.Check, severity, w.PID
	if f.Authority, err = authority(w.Authority); err != nil {
		return err
	}
	r.believe(&f.Authority)
	if f.Owner, err = r.owner(w.Owner); err != nil {
		return err
	}
	n, words, err := r.subject(w, places)
	if err != nil {
		return err
	}
	f.Namespace = n
	age := time.Time{}
	if f.Namespace != nil {
		age = f.Namespace.Age.Since
	}
	f.Since = w.SinceOf(age)
	path, err := r.text(words, w.Path)
	if err != nil {
		return err
	}
	if f.Path = textOf(path, w.PathBase64); w.On == 0 {
		words = &wire.Words{Path: path}
	}
	return r.write(f, w, words)
}

// subject returns the namespace that a finding is about, nil if it is about none.
func (r *restorer) subject(w *wire.KeptFinding, places map[uint64]*ns.Namespace) (*ns.Namespace, *wire.Words, error) {
	if w.On != 0 {
		n := places[w.On]
		if n == nil {
			return nil, nil, bad("the namespace of a finding", w.On)
		}
		return n, r.wordsOf[w.On], nil
	}
	words := &wire.Words{}
	if w.Subject == nil {
		return nil, words, nil
	}
	if n := places[w.Subject.Inode]; n != nil {
		return n, words, nil
	}
	t, err := ns.ParseType(w.Subject.Type)
	if err != nil {
		return nil, words, bad("the type of a subject", w.Subject.Type)
	}
	return &ns.Namespace{Type: t, Inode: w.Subject.Inode, Cookie: w.Subject.Cookie, Initial: w.Subject.Initial, OwnerUID: -1}, words, nil
}

// write fills in the texts of a finding.
func (r *restorer) write(f *doctor.Finding, w *wire.KeptFinding, words *wire.Words) (err error) {
	for _, one := range []struct {
		to *string
		w  wire.Text
	}{{&f.ID, w.ID}, {&f.Subject, w.Title}, {&f.Summary, w.Summary}, {&f.Meaning, w.Meaning}} {
		if *one.to, err = r.text(words, one.w); err != nil {
			return err
		}
	}
	for _, all := range []struct {
		to *[]string
		w  []wire.Text
	}{{&f.Evidence, w.Evidence}, {&f.Fix, w.Fix}, {&f.Alternative, w.Alternative}, {&f.Advice, w.Advice}} {
		if *all.to, err = r.textsOf(words, all.w); err != nil {
			return err
		}
	}
	f.Fix, f.Alternative = commands(f.Fix), commands(f.Alternative)
	return nil
}

func severityOf(word string) (doctor.Severity, bool) {
	for _, s := range []doctor.Severity{doctor.OK, doctor.Unknown, doctor.Warning, doctor.Critical} {
		if s.String() == word {
			return s, true
		}
	}
	return 0, false
}
