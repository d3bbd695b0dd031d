// SPDX-License-Identifier: Apache-2.0

package render

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/olekukonko/tablewriter/pkg/twwidth"

	"github.com/nsinspect/nsinspect/internal/wire"
	"github.com/nsinspect/nsinspect/pkg/doctor"
)

// Headline writes the first line of a report alone.
func Headline(w io.Writer, r *doctor.Report, style Style) error {
	_, err := fmt.Fprintln(w, paint(Escape(r.Headline()), severityColor(r.Status()), style))
	return err
}

// Changes writes a line for each finding of a report that was not in the one before, and for
// each that was there only, with the time of the look. Without one before it begins with the
// headline.
func Changes(w io.Writer, before, now *doctor.Report, style Style) error {
	var out bytes.Buffer
	line := func(sign string, f *doctor.Finding, words string) {
		text := fmt.Sprintf("%s %s %s: %s: %s%s", now.Snapshot.Taken.Local().Format("2006-01-02 15:04:05"), sign, f.Severity, f.Check, f.Subject, words)
		fmt.Fprintln(&out, paint(Escape(text), severityColor(f.Severity), style))
	}
	was := map[string]doctor.Severity{}
	if before == nil {
		_ = Headline(&out, now, style) // a buffer takes all
	} else {
		for i := range before.Findings {
			was[before.Findings[i].ID] = before.Findings[i].Severity
		}
	}
	is := map[string]bool{}
	for i := range now.Findings {
		f := &now.Findings[i]
		is[f.ID] = true
		if severity, there := was[f.ID]; !there || severity != f.Severity {
			line("+", f, ": "+f.Summary)
		}
	}
	if before != nil {
		for i := range before.Findings {
			if f := &before.Findings[i]; !is[f.ID] {
				line("-", f, "")
			}
		}
	}
	_, err := w.Write(out.Bytes())
	return err
}

// Doctor writes the report of doctor: first a line for monitoring, then each finding, or what
// there is of many where style has a height.
func Doctor(w io.Writer, r *doctor.Report, f Format, style Style) error {
	switch f {
	case JSON, YAML:
		return encode(w, f, false, wire.NewDoctor(r))
	case Script:
		return writeScript(w, r)
	}
	var out bytes.Buffer
	_ = Headline(&out, r, style) // a buffer takes all
	writeFindings(&out, r.Findings, style)
	writeUndecided(&out, r, style)
	writeIgnored(&out, r)
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
	foldList(w, "seen", shorten(f.Evidence), style)
	fold(w, "means", f.Meaning, style)
	writeCommands(w, "fix", f.Fix)
	writeCommands(w, "or", f.Alternative)
	foldList(w, "advice", shorten(f.Advice), style)
}

// foldList writes texts of which the first has a label.
func foldList(w io.Writer, label string, texts []string, style Style) {
	for _, text := range texts {
		fold(w, label, text, style)
		label = ""
	}
}

// shorten leaves out the middle of a long list, for people: what is found out about a
// namespace as a whole is at its ends.
func shorten(all []string) []string {
	const first, last = 5, 5
	if len(all) <= first+last+1 {
		return all
	}
	left := fmt.Sprintf("and %d more (-o json has all)", len(all)-first-last)
	return slices.Concat(all[:first], []string{left}, all[len(all)-last:])
}

// writeCommands writes commands, each whole on a line of its own, to be copied.
func writeCommands(w io.Writer, label string, commands []string) {
	const most = 5
	for i, command := range commands {
		if i == most {
			fmt.Fprintf(w, "  %-7sand %d more (-o json has all)\n", "", len(commands)-most)
			return
		}
		fmt.Fprintf(w, "  %-7s%s\n", label, Escape(command))
		label = ""
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

// writeIgnored prints how much is not reported, and of which checks.
func writeIgnored(w io.Writer, r *doctor.Report) {
	if len(r.Ignored) == 0 {
		return
	}
	n := map[string]int{}
	var order []string
	for i := range r.Ignored {
		if check := r.Ignored[i].Check; n[check] == 0 {
			order = append(order, check)
		}
		n[r.Ignored[i].Check]++
	}
	for i, check := range order {
		order[i] = fmt.Sprintf("%d %s", n[check], check)
	}
	fmt.Fprintf(w, "\nignored: %s (-o json has which)\n", strings.Join(order, ", "))
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
