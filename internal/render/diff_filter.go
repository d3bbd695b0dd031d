// SPDX-License-Identifier: Apache-2.0

package render

import (
	"slices"
	"strings"

	"github.com/nsinspect/nsinspect/internal/filter"
	"github.com/nsinspect/nsinspect/pkg/ns"
	"github.com/nsinspect/nsinspect/pkg/owner"
	"github.com/nsinspect/nsinspect/pkg/snapshot"
)

// changeField is what a filter of diff may name beside the fields of list.
const changeField = "change"

// ChangeWords returns the values of the field change.
func ChangeWords() []string {
	return []string{"created", "freed", "renamed", "names", "owner", "processes", "holders", "links", "addrs", "peers", "moved", "finding", "dangling"}
}

// DiffFields returns the fields that a filter of diff may name: those of list, of a
// namespace as it is in the new snapshot or, of one that was freed, was in the old one,
// and change, in words what is different.
func DiffFields() []filter.Field {
	all := append(ListFields(), filter.Field{Name: changeField, Kind: filter.Text})
	slices.SortFunc(all, func(a, b filter.Field) int { return strings.Compare(a.Name, b.Name) })
	return all
}

// FilterDiff returns the differences alone that a filter is true of. A finding has the
// fields of the namespace that it is about; of a dangling name only change is known.
func FilterDiff(d *snapshot.Diff, by *filter.Filter) *snapshot.Diff {
	if by == nil {
		return d
	}
	some := *d
	some.Namespaces, some.Findings, some.Dangling = nil, nil, nil
	for i := range d.Namespaces {
		c := &d.Namespaces[i]
		if fits(by, fileOf(d, c.New != nil).Snapshot, c.Namespace(), c.Owner(), c.Words()...) {
			some.Namespaces = append(some.Namespaces, *c)
		}
	}
	for _, f := range d.Findings {
		file, finding := fileOf(d, f.New != nil), f.New
		if finding == nil {
			finding = f.Old
		}
		if fits(by, file.Snapshot, finding.Namespace, finding.Owner, "finding") {
			some.Findings = append(some.Findings, f)
		}
	}
	for _, n := range d.Dangling {
		if fits(by, d.New.Snapshot, nil, nil, "dangling") {
			some.Dangling = append(some.Dangling, n)
		}
	}
	some.Unfit = len(d.Namespaces) + len(d.Findings) + len(d.Dangling) - len(some.Namespaces) - len(some.Findings) - len(some.Dangling)
	return &some
}

func fileOf(d *snapshot.Diff, isNew bool) *snapshot.File {
	if isNew {
		return d.New
	}
	return d.Old
}

// fits reports whether a filter is true of a change of a namespace, nil if it is of none.
func fits(by *filter.Filter, s *ns.Snapshot, n *ns.Namespace, o *owner.Owner, words ...string) bool {
	fields := fieldsByName.get()
	r := listRow{Namespace: n, snap: s, owner: o}
	return by.Match(func(name string) filter.Value {
		switch {
		case name == changeField:
			return filter.Texts(words...)
		case n == nil:
			return filter.Value{}
		}
		return fields[name].value(&r)
	})
}
