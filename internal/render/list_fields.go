// SPDX-License-Identifier: Apache-2.0

package render

import (
	"fmt"
	"slices"
	"strings"

	"github.com/nsinspect/nsinspect/internal/filter"
	"github.com/nsinspect/nsinspect/internal/text"
)

// fieldsByName has every field of list by its names: the title of a column, and the path.
var fieldsByName = lazy[map[string]*field]{make: func() map[string]*field {
	all := map[string]*field{}
	for i := range listColumns {
		c := &listColumns[i]
		all[c.name()] = &c.field
		if c.path != "" {
			all[c.path] = &c.field
		}
	}
	more := moreFields.get()
	for i := range more {
		all[more[i].path] = &more[i]
	}
	for _, name := range lsnsNames {
		all[name.theirs] = all[name.ours]
	}
	all["uid"] = all["leader.uid"]
	return all
}}

// lsnsNames are names of columns of lsns that are called otherwise here.
var lsnsNames = [...]struct{ theirs, ours string }{
	{"ns", "inode"}, {"nprocs", "procs"}, {"path", "paths"}, {"nsfs", "paths"}, {"netnsid", "nsid"}, {"pns", "parent"}, {"ons", "userns"}, {"uid", "user"},
}

// ofLsns returns what a column of lsns is called here, "" if it is none of those.
func ofLsns(theirs string) string {
	for _, name := range lsnsNames {
		if name.theirs == theirs {
			return name.ours
		}
	}
	return ""
}

// FilterFields returns the fields that a filter of list may name, by the names of lsns too.
func FilterFields() []filter.Field {
	all := ListFields()
	for _, name := range lsnsNames {
		all = append(all, filter.Field{Name: name.theirs, Kind: fieldsByName.get()[name.theirs].kind})
	}
	return all
}

// ListFields returns the fields that a filter of list may name, sorted.
func ListFields() []filter.Field {
	var all []filter.Field
	for name, f := range fieldsByName.get() {
		if ofLsns(name) == "" {
			all = append(all, filter.Field{Name: name, Kind: f.kind})
		}
	}
	slices.SortFunc(all, func(a, b filter.Field) int { return strings.Compare(a.Name, b.Name) })
	return all
}

// ParseOrder reads names of fields, separated by commas; one after - is sorted from the
// greatest on.
func ParseOrder(names string) (order []Key, err error) {
	for word := range strings.SplitSeq(names, ",") {
		name, reverse := strings.CutPrefix(word, "-")
		f := fieldsByName.get()[filter.Normal(name)]
		if f == nil {
			return nil, fmt.Errorf("no column %s", text.Name(name))
		}
		order = append(order, Key{f, reverse})
	}
	return order, nil
}
