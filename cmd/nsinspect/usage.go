// SPDX-License-Identifier: Apache-2.0

package main

import (
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

// replaced is an error with another message.
type replaced struct {
	error
	message string
}

func (r replaced) Error() string { return r.message }

func (r replaced) Unwrap() error { return r.error }
