// SPDX-License-Identifier: Apache-2.0

package render

import (
	"bytes"
	"fmt"
	"io"
	"strings"

	"github.com/nsinspect/nsinspect/pkg/doctor"
)

// writeScript writes the commands of a report as a POSIX shell script, each finding's
// below a comment. What else there is to read or do is in comments, too.
func writeScript(w io.Writer, r *doctor.Report) error {
	var out bytes.Buffer
	fmt.Fprintln(&out, "#!/bin/sh")
	comment(&out, r.Headline())
	for i := range r.Findings {
		f := &r.Findings[i]
		fmt.Fprintln(&out)
		comment(&out, fmt.Sprintf("finding %d, %s: %s: %s", i+1, f.Severity, f.Check, f.Subject))
		comment(&out, f.Summary)
		for _, command := range f.Fix {
			fmt.Fprintln(&out, command)
		}
		for _, text := range f.Advice {
			comment(&out, text)
		}
	}
	for _, u := range r.Undecided {
		fmt.Fprintln(&out)
		comment(&out, fmt.Sprintf("undecided, %s: %s", u.Check, u.Why))
	}
	_, err := w.Write(out.Bytes())
	return err
}

// comment writes a text as one line of a script that no shell runs any part of. It is quoted,
// for a shell without comments on its command line, as zsh, expands it as it does
// any other.
func comment(w io.Writer, text string) {
	var b strings.Builder
	plain := true
	for _, r := range Escape(text) {
		switch {
		case r == '\'':
			b.WriteByte('"')
			plain = false
		case r < ' ' || r > '~':
			fmt.Fprintf(&b, `\u%04x`, r)
			plain = false
		default:
			b.WriteRune(r)
			plain = plain && (r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune(" /._:,-", r))
		}
	}
	if text = b.String(); !plain {
		text = "'" + text + "'"
	}
	fmt.Fprintln(w, "#", text)
}
