// SPDX-License-Identifier: Apache-2.0

package render

import (
	"slices"

	"github.com/nsinspect/nsinspect/internal/filter"
	"github.com/nsinspect/nsinspect/pkg/ns"
	"github.com/nsinspect/nsinspect/pkg/owner"
)

// View is what of a snapshot is listed, in which order, and how.
type View struct {
	Format  Format
	Only    []*ns.Namespace // nil: all
	Filter  *filter.Filter  // nil: all
	Order   []Key           // nil: by type, then inode
	Columns *Columns        // of Table, Wide and CSV; nil: those of the format
	Tree    Tree
	Types   []ns.Type // of a tree: those that are listed for themselves, not only for what is below them
	All     bool      // equal namespaces are not folded where they fill more than a screen
}

// Key is a field to sort by.
type Key struct {
	field   *field
	reverse bool
}

// Details reports whether the view shows, or is about, what is only read with details.
func (v View) Details() bool {
	return v.Format == Wide || v.Format == JSON || v.Format == YAML || v.Format == CSV || v.reads(detailed) || v.reads(linked)
}

// Links reports whether the view shows, or is about, the links of network namespaces.
func (v View) Links() bool {
	return v.Format == JSON || v.Format == YAML || (v.Format == Wide || v.Format == CSV) && v.Columns == nil || v.reads(linked)
}

// Owners reports whether the view shows, or is about, owners.
func (v View) Owners() bool { return v.Format != Name || v.reads(owned) }

// reads reports whether a field of the view is from a source.
func (v View) reads(from source) bool {
	return v.Filter != nil && slices.ContainsFunc(v.Filter.Fields(), func(name string) bool { return fieldsByName.get()[name].from == from }) ||
		slices.ContainsFunc(v.Order, func(k Key) bool { return k.field.from == from }) ||
		v.Columns != nil && slices.ContainsFunc(v.Columns.shown, func(c shownColumn) bool { return c.from == from })
}

// rows returns the namespaces that the view shows, in its order.
func (v View) rows(s *ns.Snapshot, x *owner.Index) []listRow {
	all, k := v.Only, kin{}
	if all == nil {
		for i := range s.Namespaces {
			all = append(all, &s.Namespaces[i])
		}
	}
	if v.Tree != NoTree {
		if k = newKin(v.Tree, s); v.Only != nil {
			all = k.withBelow(s, all)
		}
		all = slices.DeleteFunc(slices.Clone(all), func(n *ns.Namespace) bool {
			return !slices.Contains(v.Types, n.Type) && !slices.Contains(v.Only, n)
		})
	}
	rows, fields := make([]listRow, 0, len(all)), fieldsByName.get()
	for _, n := range all {
		r := listRow{Namespace: n, snap: s, owner: x.Namespace(n), format: v.Format}
		if v.Filter == nil || v.Filter.Match(func(name string) filter.Value { return fields[name].value(&r) }) {
			rows = append(rows, r)
		}
	}
	if v.Tree != NoTree {
		rows = k.withContext(s, x, rows)
	}
	if len(v.Order) > 0 {
		rows = v.sort(rows)
	}
	return rows
}

// sort returns the rows in the order of the view, and those that are equal by it as they
// were. What is sorted are numbers: a row is large.
func (v View) sort(rows []listRow) []listRow {
	values := make([]filter.Value, 0, len(rows)*len(v.Order))
	places := make([]int, 0, len(rows))
	for i := range rows {
		for _, k := range v.Order {
			values = append(values, k.field.value(&rows[i]))
		}
		places = append(places, i)
	}
	slices.SortFunc(places, func(a, b int) int {
		for i, k := range v.Order {
			order := filter.Compare(&values[a*len(v.Order)+i], &values[b*len(v.Order)+i])
			if k.reverse {
				order = -order
			}
			if order != 0 {
				return order
			}
		}
		return a - b
	})
	sorted := make([]listRow, 0, len(rows))
	for _, i := range places {
		sorted = append(sorted, rows[i])
	}
	return sorted
}

// types returns of how many types the namespaces are that the view is about.
func (v View) types(s *ns.Snapshot) int {
	if v.Only == nil || v.Tree != NoTree {
		return len(s.Types)
	}
	types := map[ns.Type]bool{}
	for _, n := range v.Only {
		types[n.Type] = true
	}
	return len(types)
}

func (v View) columns(types int) *Columns {
	if v.Columns != nil {
		return v.Columns
	}
	return usualColumns(v.Format, types)
}

func (v View) table(s *ns.Snapshot, rows []listRow, style Style) *table {
	columns := v.columns(v.types(s))
	shown, drawnIn := columns.shown, -1
	if v.Tree != NoTree {
		shown, drawnIn = columns.rooted()
	}
	t := &table{}
	for i, c := range shown {
		if t.columns = append(t.columns, c.column); i == drawnIn {
			t.columns[i].right, t.columns[i].least = false, 0
		}
	}
	style.strokes().draw(v.folded(v.branches(rows), style), "", true, func(drawn string, b *branch) {
		if b.row == nil {
			t.addLine(b.color, drawn+b.line)
			return
		}
		cells := cellsOf(shown, b.row)
		if drawnIn >= 0 {
			cells[drawnIn] = drawn + cells[drawnIn]
		}
		t.add(b.row.color(), cells...)
	})
	for _, c := range shown {
		if c.droppable {
			t.dropEmpty(c.title)
		}
	}
	return t
}

func cellsOf(shown []shownColumn, r *listRow) []string {
	cells := make([]string, 0, len(shown))
	for _, c := range shown {
		cells = append(cells, c.cell(r))
	}
	return cells
}

// csv returns the rows as CSV has them.
func (v View) csv(rows []listRow) *table {
	t := &table{whole: true}
	shown := v.columns(0).shown
	for _, c := range shown {
		t.columns = append(t.columns, c.column)
	}
	for i := range rows {
		t.add("", cellsOf(shown, &rows[i])...)
	}
	return t
}
