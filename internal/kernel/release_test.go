// SPDX-License-Identifier: Apache-2.0

package kernel

import "testing"

func TestParseRelease(t *testing.T) {
	for text, want := range map[string]Release{
		"6.18.44-fc": {6, 18}, "7.0": {7, 0}, "5.10.0-32-cloud-amd64": {5, 10}, "6.1-rc1": {6, 1},
		"": {}, "6": {}, "x.1": {}, "linux": {},
	} {
		if got, ok := ParseRelease(text); got != want || ok != (want != Release{}) {
			t.Errorf("%q: %v, %v; want %v", text, got, ok, want)
		}
	}
}

func TestReleaseOrder(t *testing.T) {
	r := Release{6, 18}
	for _, tt := range []struct {
		major, minor int
		atLeast      bool
	}{{6, 18, true}, {6, 17, true}, {5, 99, true}, {6, 19, false}, {7, 0, false}} {
		if r.AtLeast(tt.major, tt.minor) != tt.atLeast || r.Before(tt.major, tt.minor) == tt.atLeast {
			t.Errorf("%v against %d.%d", r, tt.major, tt.minor)
		}
	}
	if unknown := (Release{}); unknown.AtLeast(0, 0) || unknown.Before(9, 0) {
		t.Error("an unknown release was compared")
	}
	if Running() == (Release{}) {
		t.Errorf("release of the running kernel is unknown: %q", ReleaseName())
	}
}
