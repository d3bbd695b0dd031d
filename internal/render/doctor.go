// SPDX-License-Identifier: Apache-2.0

package render

import (
	"bytes"
	"fmt"
	"io"
	"strings"

	"github.com/olekukonko/tablewriter/pkg/twwidth"

	"github.com/nsinspect/nsinspect/internal/wire"
	"github.com/nsinspect/nsinspect/pkg/doctor"
)

// Doctor writes the report of doctor: first a line for monitoring, then each finding.
func Doctor(w io.Writer, r *doctor.Report, f Format, style Style) error {
	if f == JSON || f == YAML {
		return encode(w, f, false, wire.NewDoctor(r))
	}
	var out bytes.Buffer
	fmt.Fprintln(&out, paint(Escape(r.Headline()), severityColor(r.Status()), style))
	for i := range r.Findings {
		writeFinding(&out, &r.Findings[i], style)
	}
	writeUndecided(&out, r, style)
	_, err := w.Write(out.Bytes())
	return err
}

func severityColor(s doctor.Severity) string {
	return [...]string{"", cyan, yellow, red}[s]
}

func paint(text, color string, style Style) string {
	if !style.Color || color == "" {
		return text
	}
	return color + text + reset
}

func writeFinding(w io.Writer, f *doctor.Finding, style Style) {
	title := fmt.Sprintf("%s: %s: %s", f.Severity, f.Check, f.Subject)
	fmt.Fprintf(w, "\n%s\n", paint(Escape(title), severityColor(f.Severity), style))
	fold(w, "what", f.Summary, style)
	for i, e := range f.Evidence {
		label := ""
		if i == 0 {
			label = "seen"
		}
		fold(w, label, e, style)
	}
	fold(w, "means", f.Meaning, style)
	for i, command := range f.Fix {
		label := ""
		if i == 0 {
			label = "fix"
		}
		fmt.Fprintf(w, "  %-7s%s\n", label, Escape(command)) // whole, to be copied
	}
}

// writeUndecided prints the checks without a result, by reason.
func writeUndecided(w io.Writer, r *doctor.Report, style Style) {
	checks := map[string][]string{}
	var whys []string
	for _, b := range r.Undecided {
		if checks[b.Why] == nil {
			whys = append(whys, b.Why)
		}
		checks[b.Why] = append(checks[b.Why], b.Check)
	}
	for i, why := range whys {
		if i == 0 {
			fmt.Fprintf(w, "\n%s\n", paint("undecided:", severityColor(doctor.Unknown), style))
		}
		fold(w, "", strings.Join(checks[why], ", ")+": "+why, style)
	}
}

// fold writes a labelled text, broken between words to the width of the terminal
// or, elsewhere, to that of a page.
func fold(w io.Writer, label, text string, style Style) {
	const page, margin, least = 100, 9, 30
	width := page
	if style.Width > 0 {
		width = min(width, style.Width)
	}
	width = max(width-margin, least)
	line := ""
	flush := func() {
		fmt.Fprintf(w, "  %-7s%s\n", label, line)
		label, line = "", " " // what goes on is indented by one more
	}
	for _, word := range strings.Split(Escape(text), " ") {
		if strings.TrimSpace(line) != "" && twwidth.Width(line)+1+twwidth.Width(word) > width {
			flush()
		}
		if line != "" {
			line += " "
		}
		line += word
	}
	flush()
}
