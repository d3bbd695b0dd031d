// SPDX-License-Identifier: Apache-2.0

package startup

import (
	"strings"
	"testing"
)

func TestCommand(t *testing.T) {
	for line, want := range map[string]string{
		"nsinspect doctor":                          "doctor",
		"nsinspect who-uses doctor":                 "who-uses",
		"nsinspect --engine proc doctor":            "doctor",
		"nsinspect --engine=proc -v doctor -o json": "doctor",
		"nsinspect --engine doctor list":            "list",
		"nsinspect --root doctor":                   "",
		"doctor list":                               "list",
		"nsinspect":                                 "",
		"":                                          "",
	} {
		if got := command(strings.ReplaceAll(line, " ", "\x00") + "\x00"); got != want {
			t.Errorf("command of %q: %q, want %q", line, got, want)
		}
	}
	if got := command("nsinspect\x00doctor"); got != "doctor" { // cut off
		t.Errorf("without a last zero: %q", got)
	}
}
