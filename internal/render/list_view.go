// SPDX-License-Identifier: Apache-2.0

package render

import (
	"cmp"
	"encoding/csv"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"

	"github.com/nsinspect/nsinspect/internal/filter"
	"github.com/nsinspect/nsinspect/internal/text"
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
}

// Key is a field to sort by.
type Key struct {
	field   *field
	reverse bool
}

// Columns are the columns of a table.
type Columns struct {
	shown []shownColumn
}

type shownColumn struct {
	*listColumn
	droppable bool // where it is empty in every row
}

// Details reports whether the view shows, or is about, what is only read with details.
func (v View) Details() bool {
	switch v.Format {
	case Wide, JSON, YAML, CSV:
		return true
	}
	return v.Filter != nil && slices.ContainsFunc(v.Filter.Fields(), func(name string) bool { return fieldsByName()[name].details }) ||
		slices.ContainsFunc(v.Order, func(k Key) bool { return k.field.details }) ||
		v.Columns != nil && slices.ContainsFunc(v.Columns.shown, func(c shownColumn) bool { return c.details })
}

// Owners reports whether the view shows, or is about, owners.
func (v View) Owners() bool {
	about := func(f *field) bool { return f == fieldsByName()["owner"] }
	return v.Format != Name || slices.ContainsFunc(v.Order, func(k Key) bool { return about(k.field) }) ||
		v.Filter != nil && slices.ContainsFunc(v.Filter.Fields(), func(name string) bool { return strings.HasPrefix(name, "owner") })
}

// fieldsByName has every field of list by its names: the title of a column, and the path.
var fieldsByName = sync.OnceValue(func() map[string]*field {
	all := map[string]*field{}
	for i := range listColumns {
		c := &listColumns[i]
		all[c.name()] = &c.field
		if c.path != "" {
			all[c.path] = &c.field
		}
	}
	more := moreFields()
	for i := range more {
		all[more[i].path] = &more[i]
	}
	return all
})

// ListFields returns the fields that a filter of list may name, sorted.
func ListFields() []filter.Field {
	var all []filter.Field
	for name, f := range fieldsByName() {
		all = append(all, filter.Field{Name: name, Kind: f.kind})
	}
	slices.SortFunc(all, func(a, b filter.Field) int { return strings.Compare(a.Name, b.Name) })
	return all
}

// ParseOrder reads names of fields, separated by commas; one after - is sorted from the
// greatest on.
func ParseOrder(names string) (order []Key, err error) {
	for word := range strings.SplitSeq(names, ",") {
		name, reverse := strings.CutPrefix(word, "-")
		f := fieldsByName()[filter.Normal(name)]
		if f == nil {
			return nil, fmt.Errorf("no column %s", text.Name(name))
		}
		order = append(order, Key{f, reverse})
	}
	return order, nil
}

// ParseColumns reads titles of columns, separated by commas: those, or, after + and -,
// more and fewer than a format has by itself.
func ParseColumns(titles string, f Format, types int) (*Columns, error) {
	var c Columns
	for i, word := range strings.Split(titles, ",") {
		name := strings.TrimLeft(word, "+-")
		k := slices.IndexFunc(listColumns, func(c listColumn) bool { return c.name() == filter.Normal(name) })
		if k < 0 {
			return nil, fmt.Errorf("no column %s", text.Name(name))
		}
		if i == 0 && name != word {
			c = *usualColumns(f, types)
		}
		c.shown = slices.DeleteFunc(c.shown, func(s shownColumn) bool { return s.listColumn == &listColumns[k] })
		if !strings.HasPrefix(word, "-") {
			c.shown = append(c.shown, shownColumn{&listColumns[k], false})
		}
	}
	if len(c.shown) == 0 {
		return nil, fmt.Errorf("no columns are left")
	}
	return &c, nil
}

// usualColumns returns the columns of a format, of namespaces of so many types.
func usualColumns(f Format, types int) *Columns {
	var c Columns
	for i := range listColumns {
		l := &listColumns[i]
		switch {
		case f == CSV && l.when != onRequest:
			c.shown = append(c.shown, shownColumn{l, false})
		case l.when == always, l.when == inWide && f == Wide, l.when == ofTypes && (f == Wide || types > 1):
			c.shown = append(c.shown, shownColumn{l, false})
		case l.when == filled, l.when == wideFill && f == Wide:
			c.shown = append(c.shown, shownColumn{l, (l.when == filled) != (f == Wide)})
		}
	}
	return &c
}

// ColumnNames returns the titles of all columns of list.
func ColumnNames() []string {
	var all []string
	for i := range listColumns {
		all = append(all, listColumns[i].title)
	}
	return all
}

// ColumnsHelp writes what columns there are.
func ColumnsHelp(w io.Writer, style Style) error {
	t := &table{columns: []column{{title: "COLUMN"}, {title: "FIELD"}, {title: "WHAT", least: 16}}}
	for i := range listColumns {
		c := &listColumns[i]
		t.add("", c.title, cmp.Or(c.path, c.name()), c.help)
	}
	for _, f := range moreFields() {
		t.add("", "", f.path, f.kind.String())
	}
	return t.write(w, style)
}

// rows returns the namespaces that the view shows, in its order.
func (v View) rows(s *ns.Snapshot, x *owner.Index) []listRow {
	all := v.Only
	if all == nil {
		for i := range s.Namespaces {
			all = append(all, &s.Namespaces[i])
		}
	}
	rows := make([]listRow, 0, len(all))
	for _, n := range all {
		r := listRow{Namespace: n, snap: s, owner: x.Namespace(n), wide: v.Format == Wide}
		if v.Filter == nil || v.Filter.Match(func(name string) filter.Value { return fieldsByName()[name].value(&r) }) {
			rows = append(rows, r)
		}
	}
	if len(v.Order) > 0 {
		v.sort(rows)
	}
	return rows
}

func (v View) sort(rows []listRow) {
	type sorted struct {
		row    listRow
		values []filter.Value
	}
	all := make([]sorted, 0, len(rows))
	for i := range rows {
		var values []filter.Value
		for _, k := range v.Order {
			values = append(values, k.field.value(&rows[i]))
		}
		all = append(all, sorted{rows[i], values})
	}
	slices.SortStableFunc(all, func(a, b sorted) int {
		for i, k := range v.Order {
			order := a.values[i].Compare(b.values[i])
			if k.reverse {
				order = -order
			}
			if order != 0 {
				return order
			}
		}
		return 0
	})
	for i := range all {
		rows[i] = all[i].row
	}
}

// types returns of how many types the namespaces are that the view is about.
func (v View) types(s *ns.Snapshot) int {
	if v.Only == nil {
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

func (v View) table(s *ns.Snapshot, rows []listRow) *table {
	shown := v.columns(v.types(s)).shown
	t := &table{}
	for _, c := range shown {
		t.columns = append(t.columns, c.column)
	}
	for i := range rows {
		t.add(listColor(rows[i].Namespace), cellsOf(shown, &rows[i])...)
	}
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

// writeCSV writes the rows as RFC 4180 has them. What is unknown is empty.
func (v View) writeCSV(w io.Writer, rows []listRow, header bool) error {
	shown := v.columns(0).shown
	out := csv.NewWriter(w)
	var titles []string
	for _, c := range shown {
		titles = append(titles, c.title)
	}
	if header {
		_ = out.Write(titles) // Error has it
	}
	for i := range rows {
		cells := cellsOf(shown, &rows[i])
		for k := range cells {
			cells[k] = text.Escape(cells[k])
		}
		_ = out.Write(cells)
	}
	out.Flush()
	return out.Error()
}
