// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"time"

	"github.com/nsinspect/nsinspect/pkg/doctor"
	"github.com/nsinspect/nsinspect/pkg/ns"
)

// Doctor returns a report of doctor without its findings and unknown checks, once Share has had
// all namespaces.
func (k *Keeper) Doctor(r *doctor.Report) KeptDoctor {
	k.report = newConverter(r.Snapshot, r.Owners)
	return KeptDoctor{
		Head: newHead(r.Snapshot, r.Owners), Status: r.Status().String(), Headline: r.Headline(), Tolerated: r.Tolerated,
		Findings: []KeptFinding{}, Unknown: []UnknownCheck{},
	}
}

// Finding returns a finding of the report. It has its texts as they are until ShareFinding.
func (k *Keeper) Finding(f *doctor.Finding) Finding { return k.report.finding(f) }

// Unknown returns the unknown checks of a report.
func (k *Keeper) Unknown(r *doctor.Report) []UnknownCheck { return unknown(r) }

// ShareFinding makes a finding small, and returns the words for texts that are not in it yet.
func (k *Keeper) ShareFinding(f *Finding) (KeptFinding, *Words) {
	w := KeptFinding{
		ID: Text{Literal: f.ID}, Check: f.Check, Severity: f.Severity, Title: Text{Literal: f.Title}, Subject: f.Subject, Owner: f.Owner, PID: f.PID,
		Path: Text{Literal: f.Path}, PathBase64: f.PathBase64, Summary: Text{Literal: f.Summary}, Evidence: Texts(f.Evidence), Meaning: Text{Literal: f.Meaning},
		Fix: Texts(f.Fix), Alternative: Texts(f.Alternative), Advice: Texts(f.Advice), Since: f.Since, Authority: f.Authority,
	}
	words := Words{Path: f.Path}
	if n := k.subject(f); n != nil {
		w.On, w.Subject, words = n.Inode, nil, k.words[n.Inode]
		switch {
		case f.Since == nil:
			w.Undated = !n.Age.Since.IsZero()
		case f.Since.Equal(n.Age.Since):
			w.Since = nil
		}
	}
	for _, text := range []*Text{&w.ID, &w.Title, &w.Summary, &w.Meaning} {
		k.texts.share(&words, text)
	}
	if f.Path != "" && f.PathBase64 == nil && w.On != 0 { // else it is what the marks of the others stand for
		k.texts.share(&words, &w.Path)
	}
	for _, all := range [][]Text{w.Evidence, w.Fix, w.Alternative, w.Advice} {
		k.texts.shareAll(&words, all)
	}
	return w, &words
}

// subject returns the namespace of the snapshot that a finding is about, nil if that is none
// of its.
func (k *Keeper) subject(f *Finding) *ns.Namespace {
	if f.Subject == nil {
		return nil
	}
	n := k.c.byInode[f.Subject.Inode]
	if n == nil || n.Type.String() != f.Subject.Type || n.Cookie != f.Subject.Cookie {
		return nil
	}
	return n
}

// SinceOf returns since when the subject of a finding is there, whose namespace has an age.
func (f *KeptFinding) SinceOf(age time.Time) time.Time {
	switch {
	case f.Since != nil:
		return *f.Since
	case f.On == 0 || f.Undated:
		return time.Time{}
	}
	return age
}
