// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"bytes"
	"encoding/json"
	"slices"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/nsinspect/nsinspect/internal/text"
)

// Marshal returns v as JSON in printable characters, with strings of at most MaxString bytes,
// and a line feed.
func Marshal(v any, indent bool) ([]byte, error) {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false) // it is not for web pages
	if indent {
		enc.SetIndent("", "  ")
	}
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return printableJSON(buf.Bytes()), nil
}

// printableJSON writes the hidden characters in the strings of a JSON text as \u
// escapes, which a parser reads as the same string, and cuts longer strings than
// MaxString.
func printableJSON(in []byte) []byte {
	odd := func(b byte) bool { return b < ' ' && b != '\n' || b >= 0x7f }
	if len(in) <= MaxString && (!slices.ContainsFunc(in, odd) || !bytes.ContainsFunc(in, func(r rune) bool { return r != '\n' && text.Hidden(r) })) {
		return in
	}
	out := make([]byte, 0, len(in))
	for len(in) > 0 {
		if in[0] != '"' {
			out, in = append(out, in[0]), in[1:]
			continue
		}
		out, in = appendBounded(append(out, '"'), in[1:])
	}
	return out
}

// appendBounded adds a string, the text of which begins after the quote, and returns
// what follows it.
func appendBounded(out, in []byte) (_, rest []byte) {
	size := 0 // of the string, in UTF-8
	for in[0] != '"' {
		n, width := escapeLen(in)
		if size += width; size <= MaxString {
			out = appendPrintable(out, in[:n])
		}
		in = in[n:]
	}
	if size > MaxString {
		out = append(out, CutMark...)
	}
	return append(out, '"'), in[1:]
}

// escapeLen returns how long the next character is in a JSON string, and how many bytes
// the string has for it.
func escapeLen(in []byte) (n, width int) {
	switch {
	case in[0] != '\\':
		_, n = utf8.DecodeRune(in)
		return n, n
	case in[1] == 'u':
		return len(`\u0000`), 3
	}
	return len(`\n`), 1
}

func appendPrintable(out, char []byte) []byte {
	if r, _ := utf8.DecodeRune(char); text.Hidden(r) {
		return AppendEscape(out, r)
	}
	return append(out, char...)
}

// AppendEscape adds a character as \u and four digits, or as two surrogates.
func AppendEscape(out []byte, r rune) []byte {
	if r > 0xffff {
		high, low := utf16.EncodeRune(r)
		return AppendEscape(AppendEscape(out, high), low)
	}
	const digits = "0123456789abcdef"
	return append(out, '\\', 'u', digits[r>>12&15], digits[r>>8&15], digits[r>>4&15], digits[r&15])
}
