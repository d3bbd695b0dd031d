// SPDX-License-Identifier: Apache-2.0

package render

import (
	"slices"
	"strings"

	"github.com/nsinspect/nsinspect/internal/filter"
	"github.com/nsinspect/nsinspect/internal/text"
)

// branch is a namespace in a table or, instead of one, a line about several more.
type branch struct {
	row   *listRow
	line  string // without a row
	color string // of the line
	group int    // of the namespaces that it is equal to; 0 where it is not to be folded
	below []branch
}

// branches returns rows as the tree that the view has them in: without one, nothing is
// below anything.
func (v View) branches(rows []listRow) []branch {
	if v.Tree != NoTree {
		return v.Tree.planted(rows)
	}
	all := make([]branch, 0, len(rows))
	for i := range rows {
		all = append(all, branch{row: &rows[i]})
	}
	return all
}

// linesOf returns how many lines branches take.
func linesOf(all []branch) int {
	n := len(all)
	for i := range all {
		n += linesOf(all[i].below)
	}
	return n
}

// folded returns the branches with namespaces that are equal in one line below the first
// few of them, if there are more lines than a screen has room for.
func (v View) folded(all []branch, style Style) []branch {
	room := style.Height - 1 // for the prompt
	if !style.NoHeaders {
		room--
	}
	if style.Height <= 0 || v.All || v.Only != nil || linesOf(all) <= room {
		return all
	}
	f := folder{kinds: v.kinds(), style: style, groups: map[string]int{}}
	f.group(all)
	few := f.fold(all, 3)
	if linesOf(few) > room {
		f.hinted = false
		few = f.fold(all, 1)
	}
	return few
}

// kinds returns the fields that the view is about and in which equal namespaces are the
// same, beyond those that a likeness has.
func (v View) kinds() (all []*field) {
	for _, k := range v.Order {
		all = append(all, k.field)
	}
	if v.Columns != nil {
		for i := range v.Columns.shown {
			all = append(all, &v.Columns.shown[i].field)
		}
	}
	return slices.DeleteFunc(all, (*field).individual)
}

// individual reports whether every namespace has a value of its own.
func (f *field) individual() bool {
	return f.kind == filter.Span || slices.Contains([]string{"inode", "cookie", "nsid", "names.name", "names.path", "leader.pid", "holders.pid", "links.mac"}, f.path)
}

// folder finds namespaces that are equal.
type folder struct {
	kinds  []*field
	style  Style
	key    []byte
	groups map[string]int // by likeness, from 1 on
	hinted bool           // a line has how to see all
}

// group puts every namespace with nothing below it into a group of those it is equal to.
func (f *folder) group(all []branch) {
	for i := range all {
		r := all[i].row
		if f.group(all[i].below); len(all[i].below) > 0 || r.Initial {
			continue
		}
		f.key = r.appendLikeness(f.key[:0])
		for _, k := range f.kinds {
			f.key = k.value(r).Append(f.key)
		}
		g, known := f.groups[string(f.key)]
		if !known {
			g = len(f.groups) + 1
			f.groups[string(f.key)] = g
		}
		all[i].group = g
	}
}

// fold keeps the first few of each group, of those that are side by side in a tree, and
// one line for the others. A line for a single one would save nothing.
func (f *folder) fold(all []branch, keep int) (few []branch) {
	size, seen := map[int]int{}, map[int]int{}
	for i := range all {
		size[all[i].group]++
	}
	for _, b := range all {
		switch {
		case b.group == 0 || size[b.group] <= keep+1:
			b.below = f.fold(b.below, keep)
			few = append(few, b)
			continue
		case seen[b.group] < keep:
			few = append(few, b)
		}
		if seen[b.group]++; seen[b.group] == keep {
			few = append(few, branch{line: f.line(b.row, size[b.group]-keep), color: b.row.color()})
		}
	}
	return few
}

// line describes n namespaces that are equal to one: "… 7,994 more like it: cni-*, only
// lo, 1 mount each".
func (f *folder) line(r *listRow, n int) string {
	lead, hint := "… ", ""
	if f.style.ASCII {
		lead = "... "
	}
	if !f.hinted {
		f.hinted, hint = true, " (--all lists them)"
	}
	return lead + text.Count(n) + " more like it: " + strings.Join(r.likeness(), ", ") + hint
}
