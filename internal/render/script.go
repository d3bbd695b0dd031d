// SPDX-License-Identifier: Apache-2.0

package render

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/nsinspect/nsinspect/internal/explain"
	"github.com/nsinspect/nsinspect/pkg/doctor"
)

// writeScript writes the commands of a report as a POSIX shell script, each finding's
// below what it is about. All of it is in comments: a command has its # in the first column
// with nothing behind, and runs once a reader has taken that away.
func writeScript(w io.Writer, r *doctor.Report) error {
	var out bytes.Buffer
	fmt.Fprintln(&out, "#!/bin/sh")
	comment(&out, r.Headline())
	if slices.ContainsFunc(r.Findings, func(f doctor.Finding) bool { return len(f.Fix) > 0 }) {
		comment(&out, "Nothing here runs as it is. To have a command run, remove the # before it.")
	}
	for i := range r.Findings {
		f := &r.Findings[i]
		fmt.Fprintln(&out)
		comment(&out, fmt.Sprintf("finding %d, %s: %s: %s", i+1, f.Severity, f.Check, f.Subject))
		comment(&out, f.Summary)
		for _, command := range f.Fix {
			fmt.Fprintf(&out, "#%s\n", command)
		}
		for _, text := range f.Advice {
			comment(&out, text)
		}
	}
	for _, u := range r.Undecided {
		fmt.Fprintln(&out)
		comment(&out, fmt.Sprintf("undecided, %s: %s", u.Check, u.Why))
	}
	if len(r.Ignored) > 0 {
		fmt.Fprintln(&out)
		comment(&out, "ignored: "+explain.Findings(len(r.Ignored)))
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
