// SPDX-License-Identifier: Apache-2.0

package render

import (
	"encoding/csv"
	"io"
	"slices"
)

// lead adds a column with the same cell in every row before all others.
func (t *table) lead(title, cell string) {
	t.columns = slices.Insert(t.columns, 0, column{title: title})
	for i := range t.rows {
		t.rows[i].cells = slices.Insert(t.rows[i].cells, 0, cell)
	}
}

// writeCSV writes the table as RFC 4180 has it. What is unknown is empty.
func (t *table) writeCSV(w io.Writer, header bool) error {
	out := csv.NewWriter(w)
	if header {
		_ = out.Write(t.titles()) // Error has it
	}
	for i := range t.rows {
		_ = out.Write(t.rows[i].cells)
	}
	out.Flush()
	return out.Error()
}
