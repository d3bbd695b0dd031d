// SPDX-License-Identifier: Apache-2.0

// Package text makes what strangers chose (names, paths, command lines) safe to print:
// it escapes what a terminal does not show as it is, quotes a name that looks like part
// of the output, and bounds how long each is.
package text

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Hidden reports whether a character is escaped in every format: what is not printable
// (control characters, formatting ones as those of bidirectional text, spaces other than
// U+0020, line separators, private use and unassigned ones), and what is printable by its
// category and yet shows nothing: the property Default_Ignorable_Code_Point, and blanks.
func Hidden(r rune) bool {
	if r < utf8.RuneSelf {
		return r < ' ' || r == 0x7f
	}
	return !strconv.IsPrint(r) || unicode.In(r, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector, blank)
}

// blank are the printable characters that fonts show as empty space, or not at all,
// though Unicode does not have them in Default_Ignorable_Code_Point.
var blank = &unicode.RangeTable{
	R16: []unicode.Range16{
		{Lo: 0x2800, Hi: 0x2800, Stride: 1}, // BRAILLE PATTERN BLANK
		{Lo: 0xfffc, Hi: 0xfffc, Stride: 1}, // OBJECT REPLACEMENT CHARACTER
	},
	R32: []unicode.Range32{
		{Lo: 0x13441, Hi: 0x13442, Stride: 1}, // EGYPTIAN HIEROGLYPH FULL BLANK, HALF BLANK
		{Lo: 0x16fe4, Hi: 0x16fe4, Stride: 1}, // KHITAN SMALL SCRIPT FILLER
		{Lo: 0x1d159, Hi: 0x1d159, Stride: 1}, // MUSICAL SYMBOL NULL NOTEHEAD
	},
}

// Escape returns a text in which each hidden character, and each byte that is not UTF-8,
// is the escape sequence that a Go string would have. Any other text is unchanged.
func Escape(s string) string {
	if visible(s) {
		return s
	}
	var b strings.Builder
	each(s, func(r rune, size int, bytes string) { b.WriteString(shown(r, size, bytes)) })
	return b.String()
}

// visible reports whether a text needs no escape.
func visible(s string) bool {
	for i, r := range s {
		if Hidden(r) || r == utf8.RuneError && !strings.HasPrefix(s[i:], "\ufffd") {
			return false
		}
	}
	return true
}

// each calls f for every character, with its bytes. What is not UTF-8 is a
// utf8.RuneError of one byte.
func each(s string, f func(r rune, size int, bytes string)) {
	for len(s) > 0 {
		r, size := utf8.DecodeRuneInString(s)
		f(r, size, s[:size])
		s = s[size:]
	}
}

// shown returns a character as it is printed.
func shown(r rune, size int, bytes string) string {
	switch {
	case r == utf8.RuneError && size == 1:
		return hex(`\x`, rune(bytes[0]), 2)
	case !Hidden(r):
		return bytes
	case r < utf8.RuneSelf:
		q := strconv.QuoteRune(r)
		return q[1 : len(q)-1]
	case r <= 0xffff:
		return hex(`\u`, r, 4)
	}
	return hex(`\U`, r, 8)
}

func hex(lead string, r rune, digits int) string {
	number := strconv.FormatInt(int64(r), 16)
	return lead + strings.Repeat("0", digits-len(number)) + number
}
