// SPDX-License-Identifier: Apache-2.0

package render

import (
	"slices"
	"strings"
	"testing"

	"github.com/olekukonko/tablewriter/pkg/twwidth"
)

// A terminal of any width has no line that is wider, and all the text that a pipe has.
// A pipe has a line an event.
func TestEventLinesFit(t *testing.T) {
	piped := stream(Wide, 0)
	if lines, want := strings.Count(piped, "\n"), len(trips())+3; lines != want {
		t.Errorf("%d lines are piped, want %d", lines, want)
	}
	for width := leastWidth; width < 300; width += 1 + width/40 {
		got := stream(Wide, width)
		for line := range strings.Lines(got) {
			line = strings.TrimSuffix(line, "\n")
			if n := twwidth.Width(line); n > width && !strings.Contains(line, "LOST") {
				t.Errorf("a line is %d wide, of %d: %q", n, width, line)
			}
			if strings.TrimSpace(line) == "" || strings.HasSuffix(line, " ") {
				t.Errorf("width %d has a line with nothing at its end: %q", width, line)
			}
		}
		// An owner may come before the changes, and those that are alone have no comma.
		if got, want := sortedBytes(got), sortedBytes(piped); got != want {
			t.Errorf("width %d has other text:\n%s\n%s", width, got, want)
		}
	}
}

// sortedBytes returns the bytes of a text in order, without those that separate.
func sortedBytes(s string) string {
	b := []byte(strings.NewReplacer(" ", "", "\n", "", ",", "").Replace(s))
	slices.Sort(b)
	return string(b)
}

// Once the columns are as wide as they become, the arrows of all events stand in one, or
// in two where some have a line of their own.
func TestEventArrows(t *testing.T) {
	for width, most := range map[int]int{0: 1, 80: 1, 120: 2, 200: 1} {
		e := NewEvents(Table, Style{Width: width}, fakeNames{})
		for _, c := range trips() {
			e.Append(nil, &c.trip)
		}
		columns := map[int]int{}
		for _, c := range trips() {
			if !slices.Contains([]string{"setns", "back", "other type", "refused", "only a move"}, c.name) {
				continue
			}
			before, _, found := strings.Cut(strings.ReplaceAll(string(e.Append(nil, &c.trip)), "↛", "→"), "→")
			if !found {
				t.Errorf("%s has no arrow", c.name)
			}
			columns[twwidth.Width(before[strings.LastIndexByte(before, '\n')+1:])]++
		}
		if len(columns) > most {
			t.Errorf("at width %d arrows stand in the columns %v", width, columns)
		}
	}
}
