// SPDX-License-Identifier: Apache-2.0

package filter

import (
	"strings"
	"testing"
	"time"
)

var fields = []Field{{"procs", Number}, {"names", Text}, {"age", Span}, {"initial", Bool}, {"kept_by", Text}, {"leader.comm", Text}, {"fd", Number}}

// thing has no leader.
var thing = map[string]Value{
	"procs": Of(2), "names": Texts("blue", "two words"), "age": Lasting(26 * time.Hour), "initial": Yes(false),
	"kept_by": Texts("2 processes"), "fd": Of(0),
}

func TestMatch(t *testing.T) {
	for src, want := range map[string]bool{
		"procs == 2": true, "procs==2": true, "procs != 2": false, "procs > 1": true, "procs >= 3": false, "procs < 2K": true, "PROCS <= 2": true,
		"names == blue": true, `names == "two words"`: true, "names == 'two words'": true, "names == bl": false, "names =~ ^bl": true,
		"names != red": true, "names != blue": false, "names !~ o": false, "names !~ x": true,
		"age > 1h": true, "age > 1d": true, "age > 1d3h": false, "age == 26h": true, "age < 1d2h1s": true,
		"initial": false, "not initial": true, "! initial": true, "!initial": true, "initial == false": true, "initial != false": false,
		"KEPT-BY =~ process": true, "kept-by": true,
		"leader.comm": false, "leader.comm == x": false, "leader.comm != x": true, "leader.comm !~ x": true, "leader.comm =~ ''": false,
		"fd": true, "fd == 0": true,
		"procs == 1 or names == blue": true, "procs == 1 || procs == 2 and initial": false, "(procs == 2 or procs == 1) and not initial": true,
		"procs == 2 && names == blue && age > 1h": true, "not (procs == 2)": false, "not not procs == 2": true,
		`names == "\"blue\""`: false, `names =~ "\\w"`: true,
	} {
		f, err := Parse(src, fields)
		if err != nil {
			t.Errorf("%s: %v at %d", src, err, err.At)
			continue
		}
		if got := f.Match(func(name string) Value { return thing[name] }); got != want {
			t.Errorf("%s is %v, want %v", src, got, want)
		}
	}
}

// TestErrors has what is wrong said at its place, which ^ marks.
func TestErrors(t *testing.T) {
	for src, want := range map[string]string{
		"":                          "^it is empty",
		"prox == 1":                 "^no field prox",
		"proc == 1":                 "^no field proc: do you mean procs?",
		"procs = 1":                 "      ^= is not a comparison: use == or =~",
		"procs == blue":             "         ^procs is a number",
		`procs == "1"`:              "         ^procs is a number",
		"procs == 99999999999G":     "         ^procs is a number",
		"procs =~ 1":                "      ^procs is a number: it cannot be compared by =~",
		"age > 5":                   "      ^age is a time, such as 1h30m",
		"age > -5s":                 "      ^age is a time, such as 1h30m",
		"initial > true":            "        ^initial is true or false: it cannot be compared by >",
		"names > a":                 "      ^names is a text: use ==, !=, =~ or !~",
		"names =~ '('":              "         ^bad regular expression: missing closing ): `(`",
		"names == 'a":               "         ^this quote is not closed",
		"names ==":                  "        ^unexpected end: what to compare names with is expected here",
		"names == blue red":         "              ^unexpected red: join comparisons with and, or",
		"names blue":                "      ^unexpected blue: a comparison, as ==, is expected here",
		"(names == blue":            "              ^unexpected end: the parenthesis at 1 is not closed",
		"names == blue)":            "             ^unexpected ): join comparisons with and, or",
		"and":                       "^unexpected and: a field is expected here",
		"procs == 1 and":            "              ^unexpected end: a field is expected here",
		"names == a & b":            "           ^unexpected &: quote it",
		"names == \xff":             "         ^not UTF-8",
		strings.Repeat("(", 200):    strings.Repeat(" ", 100) + "^more than 100 parentheses in one another",
		strings.Repeat("not ", 200): strings.Repeat(" ", 400) + "^more than 100 parentheses in one another",
	} {
		_, err := Parse(src, fields)
		if err == nil {
			t.Errorf("%s: no error, want %s", src, want)
		} else if got := strings.Repeat(" ", err.At) + "^" + err.Msg; got != want {
			t.Errorf("%s:\n%s, want\n%s", src, got, want)
		}
	}
}

func TestFields(t *testing.T) {
	f, err := Parse("procs == 1 and (not names or age > 1h) and names != x", fields)
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(f.Fields(), " "); got != "age names procs" {
		t.Errorf("fields %s", got)
	}
}

func TestEqual(t *testing.T) {
	for pattern, want := range map[string]bool{"blue": true, "bl": false, "bl*": true, "*": true, "b?ue": true, "two*": true, "b.ue": false, "[b]lue": false} {
		f, err := Equal("names", pattern)
		if err != nil {
			t.Fatal(err)
		}
		if got := f.Match(func(name string) Value { return thing[name] }); got != want {
			t.Errorf("%s: %v, want %v", pattern, got, want)
		}
	}
}

func TestCompare(t *testing.T) {
	for _, c := range []struct {
		a, b Value
		want int
	}{
		{Of(1), Of(2), -1},
		{Value{}, Of(-5), -1},
		{Value{}, Value{}, 0},
		{Texts("b"), Texts("a", "c"), 1},
		{Texts(""), Texts("a"), -1},
		{Lasting(1), Lasting(1), 0},
	} {
		if got := Compare(&c.a, &c.b); got != c.want {
			t.Errorf("%v and %v: %d, want %d", c.a, c.b, got, c.want)
		}
	}
}

// FuzzParse has any text end in a filter, or in an error at a place in it.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{"procs == 0 and age > 1h", "not (names =~ \"a\" || !initial)", "'", "((", "=", "age>1d2h", "names=~("} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, src string) {
		parsed, err := Parse(src, fields)
		if err != nil {
			if err.At < 0 || err.At > len(src) || err.Msg == "" {
				t.Errorf("%q: error %q at %d", src, err.Msg, err.At)
			}
			return
		}
		value := func(name string) Value { return thing[name] }
		if parsed.Match(value) == (&Filter{not{parsed.root}}).Match(value) {
			t.Errorf("%q and its negation are both the same", src)
		}
		for _, name := range parsed.Fields() {
			if _, ok := thing[name]; !ok && name != "leader.comm" {
				t.Errorf("%q: field %s is none", src, name)
			}
		}
	})
}
