// SPDX-License-Identifier: Apache-2.0

package render

import (
	"bytes"
	"runtime"
	"runtime/debug"
	"testing"

	"github.com/nsinspect/nsinspect/internal/wire"
	"github.com/nsinspect/nsinspect/internal/wire/wiretest"
)

func TestVersion(t *testing.T) {
	stamped := func(modified string) *debug.BuildInfo {
		return &debug.BuildInfo{Main: debug.Module{Version: "v1.2.0"}, Settings: []debug.BuildSetting{
			{Key: "vcs.revision", Value: "0123456789abcdef"}, {Key: "vcs.time", Value: "2026-11-25T02:13:50Z"},
			{Key: "vcs.modified", Value: modified},
		}}
	}
	for _, c := range []struct {
		want string
		info *debug.BuildInfo
	}{
		{"v1.2.0 (commit 0123456789ab of 2026-11-25T02:13:50Z)", stamped("false")},
		{"v1.2.0 (commit 0123456789ab, modified, of 2026-11-25T02:13:50Z)", stamped("true")},
		{"(devel)", &debug.BuildInfo{Main: debug.Module{Version: "(devel)"}}},
		{"(unknown)", &debug.BuildInfo{}},
		{"(unknown)", nil},
	} {
		v := wire.NewVersion(c.info)
		var line, document bytes.Buffer
		if err := Version(&line, v, Table); err != nil {
			t.Fatal(err)
		}
		want := "nsinspect " + c.want + " " + runtime.Version() + " linux/" + runtime.GOARCH + "\n"
		if line.String() != want {
			t.Errorf("%q, want %q", line.String(), want)
		}
		if err := Version(&document, v, JSON); err != nil {
			t.Fatal(err)
		}
		if err := wiretest.Validate(document.Bytes()); err != nil {
			t.Error(err)
		}
	}
}
