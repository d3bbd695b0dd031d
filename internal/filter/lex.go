// SPDX-License-Identifier: Apache-2.0

package filter

import (
	"strings"
	"unicode/utf8"
)

// class is what a token is.
type class uint8

const (
	end      class = iota
	word           // a field, a number, a time, or a text without quotes
	quoted         // a text
	operator       // a comparison
	joint          // and, or, not, ( or )
)

type token struct {
	class
	at   int // its first byte
	text string
}

// String is the token in a message.
func (t token) String() string {
	if t.class == end {
		return "end"
	}
	return t.text
}

// jointOf returns what a word or sign means that joins comparisons, "" for any other.
func jointOf(text string) string {
	switch text {
	case "and", "&&":
		return "and"
	case "or", "||":
		return "or"
	case "not", "!":
		return "not"
	case "(", ")":
		return text
	}
	return ""
}

// operators, the longer of two that begin alike first.
var operators = []string{"==", "!=", "<=", ">=", "=~", "!~", "<", ">"}

// split returns the tokens of a filter, of which the last one is its end.
func split(src string) ([]token, *Error) {
	var all []token
	for at := 0; at < len(src); {
		t, next, err := tokenAt(src, at)
		if err != nil {
			return nil, err
		}
		if next > at && t.class != end {
			all = append(all, t)
		}
		at = next
	}
	return append(all, token{end, len(src), ""}), nil
}

// tokenAt returns the token at a byte, of class end for space, and where the next begins.
func tokenAt(src string, at int) (t token, next int, err *Error) {
	rest := src[at:]
	if c := rest[0]; c == ' ' || c == '\t' || c == '\n' {
		return token{}, at + 1, nil
	} else if c == '"' || c == '\'' {
		return quotedAt(src, at, c)
	}
	for _, op := range operators {
		if strings.HasPrefix(rest, op) {
			return token{operator, at, op}, at + len(op), nil
		}
	}
	for _, sign := range []string{"&&", "||", "!", "(", ")"} {
		if strings.HasPrefix(rest, sign) {
			return token{joint, at, jointOf(sign)}, at + len(sign), nil
		}
	}
	n := strings.IndexFunc(rest, func(r rune) bool { return strings.ContainsRune(" \t\n\"'=!<>&|()", r) })
	switch {
	case n == 0 && rest[0] == '=':
		return t, 0, errorAt(at, "= is not a comparison: use == or =~")
	case n == 0:
		return t, 0, errorAt(at, "unexpected %c: quote it", rest[0])
	case n < 0:
		n = len(rest)
	}
	text := rest[:n]
	if !utf8.ValidString(text) {
		return t, 0, errorAt(at, "not UTF-8")
	}
	if means := jointOf(text); means != "" {
		return token{joint, at, means}, at + n, nil
	}
	return token{word, at, text}, at + n, nil
}

// quotedAt returns the text in quotes at a byte: between " and ", a backslash keeps the
// next character as it is; between ' and ', nothing does.
func quotedAt(src string, at int, quote byte) (token, int, *Error) {
	var b strings.Builder
	for i := at + 1; i < len(src); i++ {
		switch c := src[i]; {
		case c == quote:
			return token{quoted, at, b.String()}, i + 1, nil
		case c == '\\' && quote == '"' && i+1 < len(src) && (src[i+1] == '"' || src[i+1] == '\\'):
			i++
			b.WriteByte(src[i])
		default:
			b.WriteByte(c)
		}
	}
	return token{}, 0, errorAt(at, "this quote is not closed")
}
