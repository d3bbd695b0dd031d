// SPDX-License-Identifier: Apache-2.0

package render

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/nsinspect/nsinspect/internal/filter"
	"github.com/nsinspect/nsinspect/internal/text"
)

// Columns are the columns of a table.
type Columns struct {
	shown []shownColumn
	usual bool // more or fewer than those of a format, in the order of those
}

type shownColumn struct {
	*listColumn
	droppable bool // where it is empty in every row
}

// ParseColumns reads titles of columns, separated by commas: those, or, after + and -,
// more and fewer than a format has by itself.
func ParseColumns(titles string, f Format, types int) (*Columns, error) {
	var c Columns
	for i, word := range strings.Split(titles, ",") {
		name := strings.TrimLeft(word, "+-")
		k := columnNamed(name)
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
		return nil, errors.New("no columns are left")
	}
	return &c, nil
}

// columnNamed returns which column has a title, here or in lsns; -1 if none has.
func columnNamed(title string) int {
	name := filter.Normal(title)
	if ours := ofLsns(name); ours != "" {
		name = ours
	}
	return slices.IndexFunc(listColumns, func(c listColumn) bool { return c.name() == name })
}

// AsColumns returns titles of columns that were typed in place of a format, as lsns -o takes
// them, with our titles; "" if some are none.
func AsColumns(titles string) string {
	var all []string
	for word := range strings.SplitSeq(titles, ",") {
		name := strings.TrimLeft(word, "+-")
		k := columnNamed(name)
		if k < 0 {
			return ""
		}
		all = append(all, strings.TrimSuffix(word, name)+listColumns[k].title)
	}
	return strings.Join(all, ",")
}

// usualColumns returns the columns of a format, of namespaces of so many types.
func usualColumns(f Format, types int) *Columns {
	c := Columns{usual: true}
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
	for _, f := range moreFields.get() {
		t.add("", "", f.path, f.kind.String())
	}
	return t.write(w, style)
}
