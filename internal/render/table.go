// SPDX-License-Identifier: Apache-2.0

package render

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/olekukonko/tablewriter"
	"github.com/olekukonko/tablewriter/pkg/twwidth"
	"github.com/olekukonko/tablewriter/tw"

	"github.com/nsinspect/nsinspect/internal/text"
)

// Style is how output for people is laid out.
type Style struct {
	Width     int  // of the terminal; 0 prints everything whole
	Height    int  // of the terminal, in lines; 0 prints everything
	ASCII     bool // draw with ASCII characters alone
	Color     bool // may use terminal colours
	NoHeaders bool
}

// table is a borderless table: a header, then a line a row.
type table struct {
	columns []column
	rows    []row
	whole   bool // cells are as long as they are, and empty ones stay empty: for CSV
}

type column struct {
	title string
	right bool // numbers
	least int  // may be cut down to this width on a terminal; 0: never
}

type row struct {
	cells []string // nil for a line without columns
	line  string
	color string // an ANSI colour for the line, "" for none
}

const (
	bold   = "\x1b[1m"
	faint  = "\x1b[2m"
	yellow = "\x1b[33m"
	cyan   = "\x1b[36m"
	reset  = "\x1b[0m"
)

func (t *table) add(color string, cells ...string) {
	for i := range cells {
		if t.whole {
			cells[i] = text.Escape(cells[i])
			continue
		}
		cells[i] = text.Cell(cells[i])
		if cells[i] == "" {
			cells[i] = "-" // so that awk and column count fields alike
		}
	}
	t.rows = append(t.rows, row{cells: cells, color: color})
}

// addLine adds a line without columns below the rows.
func (t *table) addLine(color, line string) {
	t.rows = append(t.rows, row{line: text.Cell(line), color: color})
}

// dropEmpty removes the columns of the given titles that are empty in every row, but for the
// last one that is left.
func (t *table) dropEmpty(titles ...string) {
	for _, title := range titles {
		if i := t.index(title); len(t.columns) > 1 && t.blank(i) {
			t.drop(i)
		}
	}
}

func (t *table) blank(i int) bool {
	for _, r := range t.rows {
		if r.cells != nil && r.cells[i] != "-" {
			return false
		}
	}
	return true
}

func (t *table) drop(i int) {
	t.columns = slices.Delete(t.columns, i, i+1)
	for j, r := range t.rows {
		if r.cells != nil {
			t.rows[j].cells = slices.Delete(r.cells, i, i+1)
		}
	}
}

const gutter = 2 // spaces between columns

// fit cuts cells down to the width of a terminal: the widest column that may
// shrink first.
func (t *table) fit(width int) {
	if width <= 0 {
		return
	}
	widths := make([]int, len(t.columns))
	total := gutter * (len(t.columns) - 1)
	for i, c := range t.columns {
		widths[i] = len(c.title)
		for _, r := range t.rows {
			if r.cells != nil {
				widths[i] = max(widths[i], twwidth.Width(r.cells[i]))
			}
		}
		total += widths[i]
	}
	for total > width {
		widest := -1
		for i, c := range t.columns {
			if c.least > 0 && widths[i] > c.least && (widest < 0 || widths[i] > widths[widest]) {
				widest = i
			}
		}
		if widest < 0 {
			break
		}
		widths[widest]--
		total--
	}
	for k, r := range t.rows {
		for i := range r.cells {
			r.cells[i] = cut(r.cells[i], widths[i])
		}
		t.rows[k].line = cut(r.line, width)
	}
}

func cut(s string, width int) string {
	if twwidth.Width(s) <= width {
		return s
	}
	w := 0
	for i, r := range s {
		w += twwidth.Width(string(r))
		if w > width-1 {
			return s[:i] + "…"
		}
	}
	return s
}

func (t *table) write(w io.Writer, style Style) error {
	t.fit(style.Width)
	var out bytes.Buffer
	padded := t.padded()
	tbl := tablewriter.NewTable(&out, tableOptions(t.columns[:padded])...)
	if !style.NoHeaders {
		tbl.Header(t.titles()[:padded])
	}
	for _, r := range t.rows {
		if r.cells == nil {
			continue
		}
		if err := tbl.Append(r.cells[:padded]); err != nil {
			return fmt.Errorf("add table row: %w", err)
		}
	}
	if len(t.rows) > 0 || !style.NoHeaders {
		if err := tbl.Render(); err != nil {
			return fmt.Errorf("render table: %w", err)
		}
	}
	return t.paint(w, out.String(), style)
}

// padded returns how many columns are filled up with spaces: all but a last one
// of text. Command lines are as long as strangers want them, up to megabytes, and
// one of them must not make every line as long.
func (t *table) padded() int {
	if last := len(t.columns) - 1; !t.columns[last].right {
		return last
	}
	return len(t.columns)
}

// paint adds the column that is not padded and the lines without columns, takes off the
// padding at line ends and puts colours on whole lines.
func (t *table) paint(w io.Writer, lines string, style Style) error {
	var out strings.Builder
	paint := func(line, color string) {
		line = strings.TrimRight(line, " ")
		if style.Color && color != "" {
			line = color + line + reset
		}
		out.WriteString(line + "\n")
	}
	last := func(cells []string) string {
		if t.padded() < len(cells) {
			return cells[len(cells)-1]
		}
		return ""
	}
	line := func() (l string) {
		l, lines, _ = strings.Cut(lines, "\n")
		return l
	}
	if !style.NoHeaders {
		paint(line()+last(t.titles()), bold)
	}
	for _, r := range t.rows {
		if r.cells == nil {
			paint(r.line, r.color)
		} else {
			paint(line()+last(r.cells), r.color)
		}
	}
	_, err := io.WriteString(w, out.String())
	return err
}

func (t *table) titles() []string {
	var all []string
	for _, c := range t.columns {
		all = append(all, c.title)
	}
	return all
}

func tableOptions(columns []column) []tablewriter.Option {
	var aligns []tw.Align
	for _, c := range columns {
		if c.right {
			aligns = append(aligns, tw.AlignRight)
		} else {
			aligns = append(aligns, tw.AlignLeft)
		}
	}
	cells := tw.CellConfig{
		Formatting: tw.CellFormatting{AutoWrap: tw.WrapNone, AutoFormat: tw.Off},
		Alignment:  tw.CellAlignment{PerColumn: aligns},
		Padding:    tw.CellPadding{Global: tw.Padding{Right: strings.Repeat(" ", gutter), Overwrite: true}},
	}
	return []tablewriter.Option{
		tablewriter.WithConfig(tablewriter.Config{
			Header:   cells,
			Row:      cells,
			Behavior: tw.Behavior{TrimSpace: tw.Off, TrimTab: tw.Off, TrimLine: tw.Off},
		}),
		tablewriter.WithRendition(tw.Rendition{
			Borders:  tw.BorderNone,
			Settings: tw.Settings{Separators: tw.SeparatorsNone, Lines: tw.LinesNone},
		}),
	}
}

// index finds a column by its title, which must be there.
func (t *table) index(title string) int {
	return slices.IndexFunc(t.columns, func(c column) bool { return c.title == title })
}
