// SPDX-License-Identifier: Apache-2.0

package text

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// CellWidth is how many columns of a terminal a cell of a table has at most, and a name
// in a sentence.
const CellWidth = 256

// mark is what a text that was cut ends with.
const mark = "…"

// Width returns how many columns a text takes at most. Combining marks count as one, so
// that a stack of them is bounded too.
func Width(s string) int {
	w := 0
	for _, r := range s {
		w += columns(r)
	}
	return w
}

// columns is 2 from the Hangul letters on, which is where East Asian wide characters
// begin (Unicode Standard Annex 11).
func columns(r rune) int {
	if r < 0x1100 || r == 0x2026 {
		return 1
	}
	return 2
}

// Cut returns a text of at most so many columns, which ends with "…" if it was longer.
func Cut(s string, most int) string {
	if len(s) <= most {
		return s
	}
	w, end := 0, 0 // end is where the text is cut if it is too long
	for i, r := range s {
		if w <= most-1 {
			end = i
		}
		if w += columns(r); w > most {
			return s[:end] + mark
		}
	}
	return s
}

// Cell returns a text as a cell of a table: escaped, and at most CellWidth columns wide.
func Cell(s string) string { return line(s, CellWidth) }

// Line returns a text as a line of its own: escaped, and at most four cells wide.
func Line(s string) string { return line(s, 4*CellWidth) }

// line looks no further than it has to: a character has at most utf8.UTFMax bytes, and
// takes a column at least.
func line(s string, most int) string {
	return Cut(Escape(s[:min(len(s), utf8.UTFMax*most+1)]), most)
}

// Join joins as many parts as fit into a cell, and counts the others: "a, b, … 59,998 more".
// The parts are as they are printed, each no wider than a cell.
func Join(parts []string, separator string) string {
	return JoinFunc(len(parts), func(i int) string { return parts[i] }, separator)
}

// JoinFunc is Join for n parts that are made as they are needed.
func JoinFunc(n int, part func(int) string, separator string) string {
	var b strings.Builder
	left := CellWidth
	for i := range n {
		p := part(i)
		if i > 0 {
			p = separator + p
		}
		more := fmt.Sprintf("%s%s %s more", strings.TrimRight(separator, " ")+" ", mark, Count(n-i))
		spare := 0 // for the count of those after this one
		if i < n-1 {
			spare = Width(more)
		}
		if i > 0 && Width(p) > left-spare {
			return b.String() + more
		}
		left -= Width(p)
		b.WriteString(p)
	}
	return b.String()
}

// Count returns a number with its digits in groups: "59,998".
func Count(n int) string {
	digits := strconv.Itoa(n)
	for i := len(digits) - 3; i > 0 && digits[i-1] != '-'; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}
