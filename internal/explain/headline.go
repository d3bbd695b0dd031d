// SPDX-License-Identifier: Apache-2.0

package explain

import (
	"fmt"
	"slices"
	"strings"
)

// Counts is how much a headline is about.
type Counts struct {
	Namespaces int
	Excused    int      // of them, by their number
	Ignored    int      // findings
	Unfit      int      // findings that a filter leaves out
	Checks     []string // what was found, by check: "2 no-process"
	Severities []string // the same by severity, which is shorter
}

// Headline returns in less than 80 characters, in the manner of a monitoring plugin, how
// things are, with a status: "WARNING".
func Headline(status string, c Counts) string {
	of := fmt.Sprintf("%d network namespaces", c.Namespaces)
	if c.Namespaces == 1 {
		of = "1 network namespace"
	}
	switch {
	case status == "OK" && c.Unfit > 0:
		return fmt.Sprintf("%s: nothing that fits the filter in %s", status, of)
	case status == "OK" && c.Ignored > 0:
		return fmt.Sprintf("%s: nothing else wrong with %s, %s ignored", status, of, Findings(c.Ignored))
	case status == "OK" && c.Excused > 0:
		return fmt.Sprintf("%s: nothing wrong with %s, %d of them without processes", status, of, c.Excused)
	case status == "OK":
		return fmt.Sprintf("%s: nothing wrong with %s", status, of)
	case len(c.Checks) == 0:
		return fmt.Sprintf("%s: nothing wrong seen in %s, but not all was read", status, of)
	}
	if line := fmt.Sprintf("%s: %s in %s", status, strings.Join(c.Checks, ", "), of); len(line) < 80 {
		return line
	}
	return fmt.Sprintf("%s: %s in %s", status, strings.Join(c.Severities, ", "), of)
}

// Missing returns what keeps a check from being certain: why processes are not shown, what was
// unreadable, and what was not looked at; "" if nothing does.
func Missing(hidden, unread, away []string) string {
	whys := slices.Compact(hidden)
	if len(unread) > 0 {
		whys = append(whys, "unreadable: "+strings.Join(unread, ", "))
	}
	if len(away) > 0 {
		whys = append(whys, "not looked at: "+strings.Join(away, ", "))
	}
	return strings.Join(whys, "; ")
}

// Findings returns a number of findings in words.
func Findings(n int) string {
	if n == 1 {
		return "1 finding"
	}
	return fmt.Sprintf("%d findings", n)
}
