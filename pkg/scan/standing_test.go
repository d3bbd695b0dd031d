// SPDX-License-Identifier: Apache-2.0

package scan

import "testing"

// TestStanding checks when what is unexplained counts as such: in the second round, and
// where a task is in the namespace in the eighth one in a row.
func TestStanding(t *testing.T) {
	quiet, busy := open{id: 1, missing: 1}, open{id: 2, missing: 1, total: 5}
	fewer, never := open{id: 2, missing: -1, total: 5}, open{id: 3, missing: -1}
	for name, rounds := range map[string][]struct {
		in    []open
		moved int
	}{
		"quiet":            {{[]open{quiet}, 1}, {[]open{quiet}, 0}},
		"quiet, with gaps": {{[]open{quiet}, 1}, {nil, 0}, {[]open{quiet}, 0}},
		"busy": {
			{[]open{busy}, 1}, {[]open{busy}, 1}, {[]open{busy}, 1}, {[]open{busy}, 1},
			{[]open{busy}, 1}, {[]open{busy}, 1}, {[]open{busy}, 1}, {[]open{busy}, 0},
		},
		"busy, with breaks": {{[]open{busy}, 1}, {[]open{busy}, 1}, {[]open{busy}, 1}, {[]open{busy}, 1}, {[]open{fewer}, 1}, {[]open{busy}, 1}, {[]open{busy}, 1}, {[]open{busy}, 1}, {[]open{busy}, 1}},
		"too many found":    {{[]open{never}, 1}, {[]open{never}, 1}, {[]open{never}, 1}},
		"both":              {{[]open{quiet, busy}, 2}, {[]open{quiet, busy}, 1}},
	} {
		s := standing{}
		for i, r := range rounds {
			if got := s.moved(r.in); len(got) != r.moved {
				t.Errorf("%s, round %d: %d moved, want %d: %+v", name, i+1, len(got), r.moved, got)
			}
		}
	}
}
