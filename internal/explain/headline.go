// SPDX-License-Identifier: Apache-2.0

package explain

import (
	"fmt"
	"slices"
	"strings"
)

// Headline returns in less than 80 characters, in the manner of a monitoring plugin, how
// things are: with a status ("WARNING"), so many namespaces, so many of them excused, and
// what was found, counted by check and, shorter, by severity.
func Headline(status string, namespaces, excused int, checks, severities []string) string {
	of := fmt.Sprintf("%d network namespaces", namespaces)
	if namespaces == 1 {
		of = "1 network namespace"
	}
	switch {
	case status == "OK" && excused > 0:
		return fmt.Sprintf("%s: nothing wrong with %s, %d of them without processes", status, of, excused)
	case status == "OK":
		return fmt.Sprintf("%s: nothing wrong with %s", status, of)
	case len(checks) == 0:
		return fmt.Sprintf("%s: nothing wrong seen in %s, but not all was read", status, of)
	}
	if line := fmt.Sprintf("%s: %s in %s", status, strings.Join(checks, ", "), of); len(line) < 80 {
		return line
	}
	return fmt.Sprintf("%s: %s in %s", status, strings.Join(severities, ", "), of)
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
