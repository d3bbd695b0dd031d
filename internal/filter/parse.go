// SPDX-License-Identifier: Apache-2.0

package filter

import (
	"regexp"
	"strconv"
	"strings"
	"time"
)

// deepest is how many parentheses and nots may be inside one another.
const deepest = 100

// Parse returns the condition that a text describes, about these fields.
func Parse(src string, fields []Field) (*Filter, *Error) {
	tokens, err := split(src)
	if err != nil {
		return nil, err
	}
	p := parser{tokens: tokens, fields: fields}
	if p.next().class == end {
		return nil, errorAt(0, "it is empty")
	}
	root, err := p.either(0)
	if err != nil {
		return nil, err
	}
	if t := p.next(); t.class != end {
		return nil, errorAt(t.at, "unexpected %s: join comparisons with and, or", t)
	}
	return &Filter{root}, nil
}

// parser reads tokens from the left; the last one is the end and stays.
type parser struct {
	tokens []token
	fields []Field
}

func (p *parser) next() token { return p.tokens[0] }

func (p *parser) take() token {
	t := p.tokens[0]
	if t.class != end {
		p.tokens = p.tokens[1:]
	}
	return t
}

// takes takes the next token if it is that joint.
func (p *parser) takes(text string) bool {
	if t := p.next(); t.class != joint || t.text != text {
		return false
	}
	p.take()
	return true
}

func (p *parser) either(depth int) (node, *Error) {
	a, err := p.both(depth)
	for err == nil && p.takes("or") {
		var b node
		b, err = p.both(depth)
		a = either{a, b}
	}
	return a, err
}

func (p *parser) both(depth int) (node, *Error) {
	a, err := p.one(depth)
	for err == nil && p.takes("and") {
		var b node
		b, err = p.one(depth)
		a = both{a, b}
	}
	return a, err
}

func (p *parser) one(depth int) (node, *Error) {
	switch t := p.next(); {
	case depth == deepest:
		return nil, errorAt(t.at, "more than %d parentheses in one another", deepest)
	case p.takes("not"):
		a, err := p.one(depth + 1)
		return not{a}, err
	case p.takes("("):
		a, err := p.either(depth + 1)
		if err == nil && !p.takes(")") {
			err = errorAt(p.next().at, "unexpected %s: the parenthesis at %d is not closed", p.next(), t.at+1)
		}
		return a, err
	}
	return p.comparison()
}

func (p *parser) comparison() (node, *Error) {
	t := p.take()
	if t.class != word {
		return nil, errorAt(t.at, "unexpected %s: a field is expected here", t)
	}
	f, err := p.field(t)
	if err != nil {
		return nil, err
	}
	if p.next().class != operator {
		if next := p.next(); next.class == word || next.class == quoted {
			return nil, errorAt(next.at, "unexpected %s: a comparison, as ==, is expected here", next)
		}
		return known{f.Name}, nil
	}
	op, with := p.take(), p.take()
	if with.class != word && with.class != quoted {
		return nil, errorAt(with.at, "unexpected %s: what to compare %s with is expected here", with, t.text)
	}
	if f.Kind == Text {
		return compareText(f, op, with)
	}
	return compareNumber(f, op, with)
}

// field returns the field of a word: as it is, or as the title of a column.
func (p *parser) field(t token) (Field, *Error) {
	name := Normal(t.text)
	for _, f := range p.fields {
		if f.Name == name {
			return f, nil
		}
	}
	if near := p.near(name); near != "" {
		return Field{}, errorAt(t.at, "no field %s: do you mean %s?", t.text, near)
	}
	return Field{}, errorAt(t.at, "no field %s", t.text)
}

// Normal returns a name of a field as it is compared: kept_by for KEPT-BY.
func Normal(name string) string { return strings.ReplaceAll(strings.ToLower(name), "-", "_") }

// near returns a field that begins as another word does, or the other way round.
func (p *parser) near(name string) string {
	for _, f := range p.fields {
		if strings.HasPrefix(f.Name, name) || strings.HasPrefix(name, f.Name) && len(name) < len(f.Name)+4 {
			return f.Name
		}
	}
	return ""
}

func compareText(f Field, op, with token) (node, *Error) {
	c := textual{field: f.Name, negate: op.text[0] == '!'}
	switch op.text {
	case "==", "!=":
		c.fits = func(s string) bool { return s == with.text }
	case "=~", "!~":
		re, err := regexp.Compile(with.text)
		if err != nil {
			return nil, errorAt(with.at, "bad regular expression: %s", strings.TrimPrefix(err.Error(), "error parsing regexp: "))
		}
		c.fits = re.MatchString
	default:
		return nil, errorAt(op.at, "%s is a text: use ==, !=, =~ or !~", f.Name)
	}
	return c, nil
}

func compareNumber(f Field, op, with token) (node, *Error) {
	if op.text == "=~" || op.text == "!~" || f.Kind == Bool && op.text != "==" && op.text != "!=" {
		return nil, errorAt(op.at, "%s is %s: it cannot be compared by %s", f.Name, f.Kind, op.text)
	}
	n, ok := parseNumber(f.Kind, with.text)
	if !ok || with.class == quoted {
		return nil, errorAt(with.at, "%s is %s", f.Name, f.Kind)
	}
	return compared{f.Name, op.text, n}, nil
}

func parseNumber(k Kind, s string) (n int64, ok bool) {
	switch k {
	case Bool:
		b, err := strconv.ParseBool(s)
		return Yes(b).n, err == nil
	case Span:
		d, ok := parseSpan(s)
		return int64(d), ok
	}
	shift := 0
	for unit, by := range map[string]int{"K": 10, "M": 20, "G": 30} {
		if cut, has := strings.CutSuffix(s, unit); has {
			s, shift = cut, by
		}
	}
	n, err := strconv.ParseInt(s, 10, 64)
	return n << shift, err == nil && n<<shift>>shift == n
}

// parseSpan reads a time, with days too: 3d4h.
func parseSpan(s string) (time.Duration, bool) {
	var days int64
	if before, after, has := strings.Cut(s, "d"); has {
		var err error
		if days, err = strconv.ParseInt(before, 10, 64); err != nil || days < 0 || days > 100_000 {
			return 0, false
		}
		if s = after; s == "" {
			s = "0"
		}
	}
	d, err := time.ParseDuration(s)
	if err != nil {
		return 0, false
	}
	sum := time.Duration(days)*24*time.Hour + d
	return sum, d >= 0 && sum >= d
}
