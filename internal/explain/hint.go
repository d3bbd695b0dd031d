// SPDX-License-Identifier: Apache-2.0

package explain

import (
	"errors"
	"fmt"

	"github.com/nsinspect/nsinspect/internal/kernel"
)

// Hinter is an error with a remedy.
type Hinter interface {
	error
	// Hint returns what to do about the error, in one line without a final stop; ""
	// if nothing is known to help.
	Hint() string
}

// Hint returns the remedy for an error, "" if none is known.
func Hint(err error) string {
	var h Hinter
	var denied *kernel.DeniedError
	switch {
	case errors.As(err, &h):
		return h.Hint()
	case errors.As(err, &denied):
		return Privilege(denied.Capability)
	}
	return ""
}

// WithHint returns err with a remedy.
func WithHint(err error, format string, args ...any) error {
	return hinted{err, fmt.Sprintf(format, args...)}
}

type hinted struct {
	error
	hint string
}

func (h hinted) Unwrap() error { return h.error }

func (h hinted) Hint() string { return h.hint }
