// SPDX-License-Identifier: Apache-2.0

package text

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/nsinspect/nsinspect/pkg/ns"
)

// Name returns a name, a path or another word that a stranger chose, as part of a cell or
// a sentence: in double quotes, with escapes as a Go string has them, if it is empty or
// could be taken for something else that is printed there. It has at most CellWidth
// columns.
func Name(s string) string {
	if bare(s) {
		return Cut(s, CellWidth)
	}
	var b strings.Builder
	b.WriteByte('"')
	left := CellWidth - len(`""…`)
	end := `"`
	each(s, func(r rune, size int, bytes string) {
		c := shown(r, size, bytes)
		if r == '"' || r == '\\' {
			c = `\` + bytes
		}
		if left -= Width(c); left < 0 {
			end = `"…`
			return
		}
		b.WriteString(c)
	})
	return b.String() + end
}

// bare reports whether a name can stand for itself: it has letters, digits and such
// punctuation as is never around a name in the output.
func bare(s string) bool {
	switch s {
	case "", "-", "?", "host":
		return false // an empty cell, what is unknown, the host's own namespace
	}
	for i, r := range s {
		switch {
		case r < utf8.RuneSelf:
			if r <= ' ' || r == 0x7f || strings.IndexByte("\"'`\\,;|()<>[]{}", byte(r)) >= 0 {
				return false
			}
		case Hidden(r) || r == utf8.RuneError || !unicode.In(r, unicode.L, unicode.N, unicode.M):
			return false
		case i == 0 && unicode.Is(unicode.M, r):
			return false // it would combine with what is before the name
		}
	}
	return true
}

// Title returns a namespace as a sentence names it: "net:[4026532177] (blue)".
func Title(n *ns.Namespace) string {
	if name := n.BestName(); name != "" {
		return n.String() + " (" + Name(name) + ")"
	}
	return n.String()
}
