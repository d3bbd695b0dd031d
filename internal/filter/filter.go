// SPDX-License-Identifier: Apache-2.0

// Package filter is the language of --filter: comparisons of fields with texts, numbers
// and times, joined by and, or, not and parentheses.
//
//	procs == 0 and age > 1h and owner =~ "docker:"
//	not (names == blue || leader.comm =~ '^nginx')
//
// A field that is unknown fits no comparison but != and !~; a field alone holds if it is
// known, and true if it is one of true or false.
package filter

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// Field is what a filter may name.
type Field struct {
	Name string
	Kind Kind
}

// Filter is a condition on the fields of something.
type Filter struct{ root node }

// Match reports whether the condition holds, by the values of its fields.
func (f *Filter) Match(value func(field string) Value) bool { return f.root.match(value) }

// Fields returns the names of the fields that the condition is about.
func (f *Filter) Fields() []string {
	var all []string
	f.root.fields(&all)
	slices.Sort(all)
	return slices.Compact(all)
}

// And returns the condition that both hold; either may be nil.
func And(f, g *Filter) *Filter {
	switch {
	case f == nil:
		return g
	case g == nil:
		return f
	}
	return &Filter{both{f.root, g.root}}
}

// Error is what is wrong with a filter, and at which byte of it.
type Error struct {
	At  int
	Msg string
}

func (e *Error) Error() string { return e.Msg }

func errorAt(at int, format string, args ...any) *Error {
	return &Error{at, fmt.Sprintf(format, args...)}
}

// node is a part of a condition.
type node interface {
	match(value func(string) Value) bool
	fields(all *[]string)
}

type (
	both   struct{ a, b node }
	either struct{ a, b node }
	not    struct{ a node }
	known  struct{ field string }
)

func (n both) match(v func(string) Value) bool   { return n.a.match(v) && n.b.match(v) }
func (n either) match(v func(string) Value) bool { return n.a.match(v) || n.b.match(v) }
func (n not) match(v func(string) Value) bool    { return !n.a.match(v) }

func (n known) match(v func(string) Value) bool {
	got := v(n.field)
	return got.known && (got.kind != Bool || got.n != 0)
}

func (n both) fields(all *[]string)   { n.a.fields(all); n.b.fields(all) }
func (n either) fields(all *[]string) { n.a.fields(all); n.b.fields(all) }
func (n not) fields(all *[]string)    { n.a.fields(all) }
func (n known) fields(all *[]string)  { *all = append(*all, n.field) }

// compared is a comparison with a number, a time, or true or false.
type compared struct {
	field string
	op    string
	n     int64
}

func (c compared) match(value func(string) Value) bool {
	v := value(c.field)
	if !v.known {
		return c.op == "!="
	}
	return holds(c.op, cmp.Compare(v.n, c.n))
}

func (c compared) fields(all *[]string) { *all = append(*all, c.field) }

func holds(op string, order int) bool {
	switch op {
	case "==":
		return order == 0
	case "!=":
		return order != 0
	case "<":
		return order < 0
	case "<=":
		return order <= 0
	case ">":
		return order > 0
	}
	return order >= 0
}

// textual is a comparison with a text: of one of the field's with == and =~, of none with
// != and !~.
type textual struct {
	field  string
	fits   func(string) bool
	negate bool
}

func (t textual) match(value func(string) Value) bool {
	return slices.ContainsFunc(value(t.field).texts, t.fits) != t.negate
}

func (t textual) fields(all *[]string) { *all = append(*all, t.field) }

// Equal returns the condition that one of the texts of a field is the given one or,
// with * and ? in it, fits that pattern.
func Equal(field, pattern string) (*Filter, error) {
	fits, err := Glob(pattern)
	if err != nil {
		return nil, err
	}
	return &Filter{textual{field, fits, false}}, nil
}

// Glob returns whether a text fits a pattern, in which * and ? stand for any characters, a
// slash too.
func Glob(pattern string) (fits func(string) bool, err error) {
	if !strings.ContainsAny(pattern, "*?") {
		return func(s string) bool { return s == pattern }, nil
	}
	quoted := regexp.QuoteMeta(pattern)
	re, err := regexp.Compile("(?s)^" + strings.NewReplacer(`\*`, ".*", `\?`, ".").Replace(quoted) + "$")
	if err != nil {
		return nil, err
	}
	return re.MatchString, nil
}
