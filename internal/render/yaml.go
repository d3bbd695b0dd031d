// SPDX-License-Identifier: Apache-2.0

package render

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/nsinspect/nsinspect/internal/text"
)

// yamlOf returns a JSON document as YAML, in the same order. A library would leave it to
// YAML's idea of what is printable how a string is written; here every string is in double
// quotes with escapes (YAML 1.2, 5.7 and 7.3.1), but for words that are nothing else.
func yamlOf(in []byte) ([]byte, error) {
	y := yamlWriter{in: json.NewDecoder(bytes.NewReader(in))}
	y.in.UseNumber()
	err := y.value("", "")
	return y.out, err
}

type yamlWriter struct {
	in  *json.Decoder
	out []byte
}

// value writes the next value, which follows "key:" or "-". An array that follows a key is
// indented like the key.
func (y *yamlWriter) value(object, array string) error {
	token, err := y.in.Token()
	if err != nil {
		return err
	}
	switch v := token.(type) {
	case json.Delim:
		if v == '[' {
			return y.collection(v, array)
		}
		return y.collection(v, object)
	case string:
		y.scalar(yamlString(v))
	case nil:
		y.scalar("null")
	default:
		y.scalar(fmt.Sprint(v)) // a number, true or false
	}
	return nil
}

func (y *yamlWriter) scalar(s string) {
	if len(y.out) > 0 {
		y.out = append(y.out, ' ')
	}
	y.out = append(append(y.out, s...), '\n')
}

// collection writes an object or an array, each element on lines of its own.
func (y *yamlWriter) collection(open json.Delim, indent string) error {
	if !y.in.More() {
		y.scalar(map[json.Delim]string{'{': "{}", '[': "[]"}[open])
		_, err := y.in.Token()
		return err
	}
	lead := ""
	switch {
	case bytes.HasSuffix(y.out, []byte("-")):
		lead = " " // the first element is on the line of its item
	case len(y.out) > 0:
		lead = "\n" + indent
	}
	for ; y.in.More(); lead = indent {
		y.out = append(y.out, lead...)
		lead, array := "-", indent+"  "
		if open == '{' {
			key, err := y.in.Token()
			if err != nil {
				return err
			}
			lead, array = yamlString(key.(string))+":", indent
		}
		y.out = append(y.out, lead...)
		if err := y.value(indent+"  ", array); err != nil {
			return err
		}
	}
	_, err := y.in.Token()
	return err
}

// yamlString returns a string as it is written: a word that YAML reads as nothing but a
// string as it is.
func yamlString(s string) string {
	if yamlWord(s) {
		return s
	}
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case !text.Hidden(r):
			b.WriteRune(r)
		case r > 0xffff:
			fmt.Fprintf(&b, `\U%08x`, r)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	b.WriteByte('"')
	return b.String()
}

// yamlWord reports whether a string is a word of ASCII letters that is no boolean and no
// null (YAML 1.1 knows more of them: y, yes, on), or a path of such words.
func yamlWord(s string) bool {
	switch strings.ToLower(s) {
	case "", "true", "false", "yes", "no", "on", "off", "y", "n", "null":
		return false
	}
	for i, r := range s {
		letter := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r == '/'
		if !letter && (i == 0 || r >= utf8.RuneSelf || strings.IndexByte("0123456789._-", byte(r)) < 0) {
			return false
		}
	}
	return true
}
