// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"strings"
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

// misplaced is a mistake at a byte of what was typed.
type misplaced struct {
	error
	src string
	at  int
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
