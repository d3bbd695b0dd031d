// SPDX-License-Identifier: Apache-2.0

// Package render turns what the program found into what a user or a script
// reads: tables, JSON, YAML, and the sentences beside them. It is the only place
// that knows tablewriter, and the one in which strangers' text is made safe.
package render

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Escape makes text that strangers chose (names, paths, command lines) safe to
// show on a terminal: what is not printable, or not UTF-8, appears as the escape
// sequence a Go string would have. Printable text is unchanged.
func Escape(s string) string {
	if printable(s) {
		return s
	}
	var b strings.Builder
	for len(s) > 0 {
		r, size := utf8.DecodeRuneInString(s)
		switch {
		case r == utf8.RuneError && size == 1:
			fmt.Fprintf(&b, `\x%02x`, s[0])
		case strconv.IsPrint(r):
			b.WriteRune(r)
		default:
			q := strconv.QuoteRune(r)
			b.WriteString(q[1 : len(q)-1])
		}
		s = s[size:]
	}
	return b.String()
}

func printable(s string) bool {
	for _, r := range s {
		if !strconv.IsPrint(r) {
			return false
		}
	}
	return utf8.ValidString(s)
}
