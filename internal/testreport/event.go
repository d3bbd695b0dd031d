// SPDX-License-Identifier: Apache-2.0

// Package testreport reads what `go test -json` prints and keeps what it shows:
// which tests passed, failed and were skipped, why, and which features of the
// machine (need.Features) were proven. For the programs that run tests.
package testreport

import (
	"encoding/json"
	"strings"
)

// Event is one line of `go test -json` (go doc test2json).
type Event struct {
	Action     string
	Package    string
	ImportPath string // in place of Package, of what the compiler printed
	Test       string
	Output     string
}

// ParseEvent parses a line; ok is false for what is no event, as what a tool wrote
// to the same pipe.
func ParseEvent(line string) (e Event, ok bool) {
	if !strings.HasPrefix(line, "{") || json.Unmarshal([]byte(line), &e) != nil {
		return Event{}, false
	}
	return e, e.Action != ""
}

// ends reports whether the event is the last of its test, and how that ended.
func (e Event) ends() bool { return e.Action == "pass" || e.Action == "fail" || e.Action == "skip" }
