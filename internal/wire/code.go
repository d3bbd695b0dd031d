// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/internal/kernel"
	"github.com/nsinspect/nsinspect/pkg/ns"
	"github.com/nsinspect/nsinspect/pkg/scan"
)

// cause is a cause of gaps that is no refusal or failure of the kernel's.
type cause struct {
	code string
	err  error
}

func causes() []cause {
	return []cause{
		{"not-in-proc", scan.ErrNotInProc},
		{"active-only", scan.ErrActiveOnly},
		{"other-pid-namespace", scan.ErrOtherPIDNS},
		{"hidepid", scan.ErrHidepid},
		{"moving", scan.ErrMoving},
	}
}

// codeOf returns the code of an error: one of the table, "needs-linux-6.8", "no-type-time",
// or the name of a number that the kernel returned, "EACCES". "" if it has none.
func codeOf(err error) string {
	for _, c := range causes() {
		if err == c.err {
			return c.code
		}
	}
	var since kernel.SinceError
	var none kernel.NoTypeError
	var errno unix.Errno
	switch {
	case errors.As(err, &since):
		return fmt.Sprintf("needs-linux-%d.%d", since.Major, since.Minor)
	case errors.As(err, &none):
		return "no-type-" + none.Type.String()
	case errors.As(err, &errno):
		return unix.ErrnoName(errno)
	}
	return ""
}

// keptError is an error from a file.
type keptError struct {
	text  string
	cause error
}

func (e keptError) Error() string { return e.text }
func (e keptError) Unwrap() error { return e.cause }

// ErrorOf returns the error that has a text and a code.
func ErrorOf(text, code string) error {
	for _, c := range causes() {
		if c.code == code && c.err.Error() == text {
			return c.err
		}
	}
	var major, minor int
	var typ string
	if n, err := fmt.Sscanf(code, "needs-linux-%d.%d", &major, &minor); n == 2 && err == nil {
		return keptError{text, kernel.SinceError{Major: major, Minor: minor}}
	}
	if n, err := fmt.Sscanf(code, "no-type-%s", &typ); n == 1 && err == nil {
		if t, err := ns.ParseType(typ); err == nil {
			return keptError{text, kernel.NoTypeError{Type: t}}
		}
	}
	for errno := unix.Errno(1); errno < 134; errno++ {
		if code != "" && unix.ErrnoName(errno) == code {
			return keptError{text, errno}
		}
	}
	return keptError{text: text}
}
