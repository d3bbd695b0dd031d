// SPDX-License-Identifier: Apache-2.0

package filter

import (
	"cmp"
	"encoding/binary"
	"slices"
	"time"
)

// Kind is what the values of a field are, and so what they can be compared with.
type Kind uint8

// The kinds of fields.
const (
	Text Kind = iota // one or several: a comparison holds if it does for one of them
	Number
	Span // a time that something took, or how old it is
	Bool
)

func (k Kind) String() string {
	return [...]string{"a text", "a number", "a time, such as 1h30m", "true or false"}[k]
}

// Value is the value of a field. The zero value is that of a field that is unknown or
// does not apply.
type Value struct {
	kind  Kind
	known bool
	texts []string
	n     int64
}

// Texts returns a value of some texts, of which it keeps the slice; without one it is
// unknown. Empty texts are left out.
func Texts(all ...string) Value {
	if slices.Contains(all, "") {
		all = slices.DeleteFunc(slices.Clone(all), func(s string) bool { return s == "" })
	}
	return Value{kind: Text, known: len(all) > 0, texts: all}
}

// Of returns a number.
func Of[T ~int | ~int64 | ~uint64](n T) Value { return Value{kind: Number, known: true, n: int64(n)} }

// Positive returns a number, of which 0 and less stand for unknown.
func Positive[T ~int | ~int64 | ~uint64](n T) Value {
	if int64(n) <= 0 {
		return Value{}
	}
	return Of(n)
}

// Lasting returns a time that something takes.
func Lasting(d time.Duration) Value { return Value{kind: Span, known: true, n: int64(d)} }

// Yes returns true or false.
func Yes(b bool) Value {
	v := Value{kind: Bool, known: true}
	if b {
		v.n = 1
	}
	return v
}

// Compare returns how a value sorts beside another one of the same kind: an unknown one
// before all others.
func Compare(v, w *Value) int {
	switch {
	case !v.known || !w.known:
		return cmp.Compare(v.order(), w.order())
	case v.kind == Text:
		return slices.Compare(v.texts, w.texts)
	}
	return cmp.Compare(v.n, w.n)
}

func (v Value) order() int {
	if v.known {
		return 1
	}
	return 0
}

// Kind returns what the value is, of a known one.
func (v Value) Kind() Kind { return v.kind }

// Append adds the value as bytes: the same ones for the same value alone.
func (v Value) Append(to []byte) []byte {
	to = binary.AppendVarint(append(to, byte(v.kind), byte(v.order())), v.n)
	to = binary.AppendUvarint(to, uint64(len(v.texts)))
	for _, t := range v.texts {
		to = append(binary.AppendUvarint(to, uint64(len(t))), t...)
	}
	return to
}
