// SPDX-License-Identifier: Apache-2.0

package scan

import (
	"testing"
)

func TestHides(t *testing.T) {
	for options, want := range map[string]bool{
		"rw":                            false,
		"rw,hidepid=noaccess":           false,
		"rw,hidepid=invisible":          true,
		"rw,gid=7,hidepid=invisible":    false,
		"rw,gid=8,hidepid=invisible":    true,
		"rw,gid=7,hidepid=2":            false,
		"rw,gid=7,hidepid=ptraceable":   true,
		"rw,hidepid=4,subset=pid,gid=7": true,
	} {
		if got := hides(options, func(gid int) bool { return gid == 7 }); got != want {
			t.Errorf("hides(%q) = %v to a member of group 7, want %v", options, got, want)
		}
	}
	if hides("rw,hidepid=2", func(gid int) bool { return gid == 0 }) {
		t.Error("hides processes from group 0, which is proc's where none is named")
	}
}
