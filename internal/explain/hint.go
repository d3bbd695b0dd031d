// SPDX-License-Identifier: Apache-2.0

package explain

import (
	"errors"
	"fmt"
	"strings"

	"golang.org/x/sys/unix"

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
	case Scarce(err) != "":
		_, hint, _ := strings.Cut(Scarce(err), ": ")
		return hint
	case errors.As(err, &denied):
		return Privilege(denied.Capability)
	}
	return ""
}

// Scarce returns what to print of an error that is about this process's or the machine's
// limits, and nothing about what was looked at: the lack and its remedy. It is "" for any
// other.
func Scarce(err error) string {
	switch {
	case errors.Is(err, unix.EMFILE):
		return "out of file descriptors: raise ulimit -n"
	case errors.Is(err, unix.ENFILE):
		return "the machine is out of file descriptors: raise fs.file-max"
	case errors.Is(err, unix.ENOMEM):
		return "out of memory: raise the memory limit"
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
