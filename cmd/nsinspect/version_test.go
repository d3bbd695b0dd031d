// SPDX-License-Identifier: Apache-2.0

package main

import (
	"runtime/debug"
	"testing"
)

func TestVersion(t *testing.T) {
	stamped := func(modified string) *debug.BuildInfo {
		return &debug.BuildInfo{Main: debug.Module{Version: "v1.2.0"}, Settings: []debug.BuildSetting{
			{Key: "vcs.revision", Value: "0123456789abcdef"}, {Key: "vcs.time", Value: "2026-11-25T02:13:50Z"},
			{Key: "vcs.modified", Value: modified},
		}}
	}
	for want, info := range map[string]*debug.BuildInfo{
		"v1.2.0 (commit 0123456789ab of 2026-11-25T02:13:50Z)":            stamped("false"),
		"v1.2.0 (commit 0123456789ab, modified, of 2026-11-25T02:13:50Z)": stamped("true"),
		"(devel)":   {Main: debug.Module{Version: "(devel)"}},
		"(unknown)": {},
	} {
		if got := version(info, true); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
