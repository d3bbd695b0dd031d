// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/spf13/pflag"

	"github.com/nsinspect/nsinspect/internal/render"
	"github.com/nsinspect/nsinspect/internal/text"
)

// usageError is a mistake in what was typed: exit status 2. The hint is what to type
// instead.
type usageError struct {
	error
	hint string
}

func (e usageError) Unwrap() error { return e.error }

// Hint implements explain.Hinter.
func (e usageError) Hint() string { return e.hint }

// usagef formats a mistake and, after "\nhint: ", its hint.
func usagef(format string, args ...any) error {
	err := fmt.Errorf(format, args...)
	message, hint, _ := strings.Cut(err.Error(), "\nhint: ")
	return usageError{replaced{err, message}, hint}
}

// filled are the flags whose empty value would be that of a flag that is not given. Others have
// a message of their own.
var filled = []string{
	"columns", "count", "duration", "exclude", "filter", "fold", "keep", "kept-by", "name", "ns", "owner", "pid", "rotate",
	"sort", "source", "tier", "to", "uid",
}

// checkFilled refuses an empty value, as by a variable of a script that is not set: the
// command would be one about everything.
func checkFilled(flags *pflag.FlagSet) error {
	for _, name := range filled {
		f := flags.Lookup(name)
		if f == nil || !f.Changed || f.Value.Type() == "stringArray" { // each of which is checked
			continue
		}
		if strings.Trim(f.Value.String(), "[]") == "" { // [] is an empty list
			return usagef("--%s has an empty value\nhint: leave it out", name)
		}
	}
	return nil
}

// misplaced is a mistake at a byte of what was typed.
type misplaced struct {
	error
	src string
	at  int
}

// excerpt returns what is before the mistake and what follows, as much as fits two cells.
func (m misplaced) excerpt() (before, after string) {
	from := max(0, m.at-text.CellWidth/4) // an escape sequence has up to four characters a byte
	for from > 0 && from < m.at && !utf8.RuneStart(m.src[from]) {
		from++
	}
	if before = render.Escape(m.src[from:m.at]); from > 0 {
		before = "…" + before
	}
	return before, text.Cut(render.Escape(m.src[m.at:]), text.CellWidth)
}

// several are errors that are printed a line each.
type several []error

func (s several) Error() string { return errors.Join(s...).Error() }

func (s several) Unwrap() []error { return s }

// replaced is an error with another message.
type replaced struct {
	error
	message string
}

func (r replaced) Error() string { return r.message }

func (r replaced) Unwrap() error { return r.error }
