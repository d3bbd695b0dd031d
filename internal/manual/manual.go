// SPDX-License-Identifier: Apache-2.0

// Package manual writes man pages from a tree of commands.
package manual

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// Section is that of administration commands, as lsns(8) and ip-netns(8) are in.
const Section = 8

// Pages lists the commands that get a page: all that a user sees, but for those
// that cobra adds, and what prints a line.
func Pages(root *cobra.Command) []*cobra.Command {
	pages := []*cobra.Command{root}
	for _, c := range root.Commands() {
		switch c.Name() {
		case "help", "completion", "version":
		default:
			if c.IsAvailableCommand() {
				pages = append(pages, c)
			}
		}
	}
	return pages
}

// Name is what the page of a command is called: nsinspect-who-uses.
func Name(c *cobra.Command) string { return strings.ReplaceAll(c.CommandPath(), " ", "-") }

// Write writes the page of a command as roff(7).
func Write(w io.Writer, c *cobra.Command, version string, date time.Time) error {
	var b strings.Builder
	name := Name(c)
	fmt.Fprintf(&b, ".TH %s %d %s %s\n", strings.ToUpper(escape(name)), Section, date.UTC().Format(time.DateOnly), quote("nsinspect "+version))
	fmt.Fprintf(&b, ".SH NAME\n%s \\- %s\n", escape(name), escape(c.Short))
	fmt.Fprintf(&b, ".SH SYNOPSIS\n.nf\n%s\n.fi\n", escape(synopsis(c)))
	b.WriteString(".SH DESCRIPTION\n")
	text(&b, c.Long)
	if c.Example != "" {
		b.WriteString(".SH EXAMPLES\n")
		text(&b, c.Example)
	}
	if len(Pages(c)) > 1 {
		b.WriteString(".SH COMMANDS\n")
		for _, sub := range Pages(c)[1:] {
			fmt.Fprintf(&b, ".TP\n.BR %s (%d)\n%s\n", escape(Name(sub)), Section, escape(sub.Short))
		}
	}
	flags(&b, "OPTIONS", c.NonInheritedFlags())
	flags(&b, "GLOBAL OPTIONS", c.InheritedFlags())
	b.WriteString(".SH SEE ALSO\n" + strings.Join(seeAlso(c), ",\n") + "\n")
	_, err := io.WriteString(w, b.String())
	return err
}

func synopsis(c *cobra.Command) string {
	if len(Pages(c)) > 1 {
		return c.CommandPath() + " COMMAND [OPTION...]"
	}
	return c.UseLine()
}

// text writes paragraphs as such, and lines that are indented as they are.
func text(b *strings.Builder, s string) {
	verbatim := false
	for line := range strings.Lines(s) {
		line = strings.TrimRight(line, "\n")
		indented := strings.HasPrefix(line, "  ")
		if indented != verbatim && line != "" {
			verbatim = indented
			b.WriteString(map[bool]string{true: ".PP\n.RS 2\n.nf\n", false: ".fi\n.RE\n"}[indented])
		}
		switch {
		case line == "" && verbatim:
			b.WriteString("\n")
		case line == "":
			b.WriteString(".PP\n")
		default:
			b.WriteString(escape(strings.TrimPrefix(line, "  ")) + "\n")
		}
	}
	if verbatim {
		b.WriteString(".fi\n.RE\n")
	}
}

func flags(b *strings.Builder, title string, set *pflag.FlagSet) {
	if !set.HasAvailableFlags() {
		return
	}
	fmt.Fprintf(b, ".SH %s\n", title)
	set.VisitAll(func(f *pflag.Flag) {
		if f.Hidden {
			return
		}
		value, usage := pflag.UnquoteUsage(f)
		head := `\fB` + escape("--"+f.Name) + `\fR`
		if f.Shorthand != "" {
			head = `\fB` + escape("-"+f.Shorthand) + `\fR, ` + head
		}
		if value != "" {
			head += ` \fI` + escape(value) + `\fR`
		}
		fmt.Fprintf(b, ".TP\n%s\n%s\n", head, escape(usage))
	})
}

func seeAlso(c *cobra.Command) []string {
	var all []string
	for _, p := range Pages(c.Root()) {
		if p != c {
			all = append(all, fmt.Sprintf(".BR %s (%d)", escape(Name(p)), Section))
		}
	}
	return append(all, ".BR ip\\-netns (8)", ".BR lsns (8)", ".BR namespaces (7)", ".BR network_namespaces (7)")
}

// escape has roff print a text as it is, with hyphens that can be copied.
func escape(s string) string {
	s = strings.NewReplacer(`\`, `\e`, "-", `\-`).Replace(s)
	if strings.HasPrefix(s, ".") || strings.HasPrefix(s, "'") {
		s = `\&` + s
	}
	return s
}

func quote(s string) string { return `"` + strings.ReplaceAll(escape(s), `"`, `\(dq`) + `"` }
