// SPDX-License-Identifier: Apache-2.0

package ns

import (
	"errors"
	"testing"
)

// What a scan of some types would not have looked for is no gap of them.
func TestOfGaps(t *testing.T) {
	child := KindChild.Source()
	s := &Snapshot{
		Types: Types(),
		Gaps: []Gap{
			{Sources: []string{child}, Path: "the owner of uts:[1]", Err: errors.New("no path leads to it")},
			{Sources: []string{child, "process"}, Path: "/proc", Err: errors.New("refused")},
		},
	}
	for _, tt := range []struct {
		types []Type
		gaps  int
	}{
		{[]Type{Net}, 1}, {[]Type{UTS, Mnt}, 1}, {[]Type{Net, User}, 2}, {[]Type{PID}, 2},
	} {
		if got := len(s.Of(tt.types...).Gaps); got != tt.gaps {
			t.Errorf("%v: %d gaps, want %d", tt.types, got, tt.gaps)
		}
	}
	if len(s.Gaps) != 2 {
		t.Error("the gaps of the whole have changed")
	}
}
