// SPDX-License-Identifier: Apache-2.0

package render

import (
	"github.com/nsinspect/nsinspect/internal/filter"
	"github.com/nsinspect/nsinspect/pkg/doctor"
	"github.com/nsinspect/nsinspect/pkg/ns"
)

// findingFields is the one table of what a filter of doctor may name: the members that JSON
// has of a finding, and age, which is how long its subject is there.
var findingFields = [...]struct {
	name  string
	kind  filter.Kind
	value func(*doctor.Report, *doctor.Finding) filter.Value
}{
	{"id", filter.Text, func(_ *doctor.Report, f *doctor.Finding) filter.Value { return filter.Texts(f.ID) }},
	{"check", filter.Text, func(_ *doctor.Report, f *doctor.Finding) filter.Value { return filter.Texts(f.Check) }},
	{"severity", filter.Text, func(_ *doctor.Report, f *doctor.Finding) filter.Value { return filter.Texts(f.Severity.String()) }},
	{"title", filter.Text, func(_ *doctor.Report, f *doctor.Finding) filter.Value { return filter.Texts(f.Subject) }},
	{"subject.type", filter.Text, func(_ *doctor.Report, f *doctor.Finding) filter.Value {
		return ofSubject(f, func(n *ns.Namespace) filter.Value { return filter.Texts(n.Type.String()) })
	}},
	{"subject.inode", filter.Number, func(_ *doctor.Report, f *doctor.Finding) filter.Value {
		return ofSubject(f, func(n *ns.Namespace) filter.Value { return filter.Positive(n.Inode) })
	}},
	{"subject.cookie", filter.Number, func(_ *doctor.Report, f *doctor.Finding) filter.Value {
		return ofSubject(f, func(n *ns.Namespace) filter.Value { return filter.Positive(n.Cookie) })
	}},
	{"subject.name", filter.Text, func(_ *doctor.Report, f *doctor.Finding) filter.Value {
		return ofSubject(f, func(n *ns.Namespace) filter.Value { return filter.Texts(labels(n)...) })
	}},
	{"owner", filter.Text, func(_ *doctor.Report, f *doctor.Finding) filter.Value { return ownerValue(f.Owner) }},
	{"path", filter.Text, func(_ *doctor.Report, f *doctor.Finding) filter.Value { return filter.Texts(f.Path) }},
	{"pid", filter.Number, func(_ *doctor.Report, f *doctor.Finding) filter.Value { return filter.Positive(int64(f.PID)) }},
	{"summary", filter.Text, func(_ *doctor.Report, f *doctor.Finding) filter.Value { return filter.Texts(f.Summary) }},
	{"evidence", filter.Text, func(_ *doctor.Report, f *doctor.Finding) filter.Value { return filter.Texts(f.Evidence...) }},
	{"meaning", filter.Text, func(_ *doctor.Report, f *doctor.Finding) filter.Value { return filter.Texts(f.Meaning) }},
	{"fix", filter.Text, func(_ *doctor.Report, f *doctor.Finding) filter.Value { return filter.Texts(f.Fix...) }},
	{"alternative", filter.Text, func(_ *doctor.Report, f *doctor.Finding) filter.Value { return filter.Texts(f.Alternative...) }},
	{"advice", filter.Text, func(_ *doctor.Report, f *doctor.Finding) filter.Value { return filter.Texts(f.Advice...) }},
	{"authority", filter.Text, func(_ *doctor.Report, f *doctor.Finding) filter.Value { return filter.Texts(f.Authority.String()) }},
	{"age", filter.Span, func(r *doctor.Report, f *doctor.Finding) filter.Value {
		if f.Since.IsZero() {
			return filter.Value{}
		}
		return filter.Lasting(r.Snapshot.Taken.Sub(f.Since))
	}},
}

func ofSubject(f *doctor.Finding, value func(*ns.Namespace) filter.Value) filter.Value {
	if f.Namespace == nil {
		return filter.Value{}
	}
	return value(f.Namespace)
}

func labels(n *ns.Namespace) (all []string) {
	for i := range n.Names {
		all = append(all, n.Names[i].Label())
	}
	return all
}

// FindingFields returns the fields that a filter of doctor may name.
func FindingFields() (all []filter.Field) {
	for _, f := range findingFields {
		all = append(all, filter.Field{Name: f.name, Kind: f.kind})
	}
	return all
}

// Filter returns the report of the findings alone that a filter is true of.
func Filter(r *doctor.Report, by *filter.Filter) *doctor.Report {
	if by == nil {
		return r
	}
	some := *r
	some.Findings = nil
	for i := range r.Findings {
		f := &r.Findings[i]
		if by.Match(func(name string) filter.Value { return findingValue(r, f, name) }) {
			some.Findings = append(some.Findings, *f)
		} else {
			some.Unfit++
		}
	}
	return &some
}

func findingValue(r *doctor.Report, f *doctor.Finding, name string) filter.Value {
	for i := range findingFields {
		if findingFields[i].name == name {
			return findingFields[i].value(r, f)
		}
	}
	return filter.Value{}
}
