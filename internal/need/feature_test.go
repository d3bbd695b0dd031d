// SPDX-License-Identifier: Apache-2.0

package need_test

import (
	"strings"
	"testing"

	"github.com/nsinspect/nsinspect/internal/need"
)

// recorder is a test that keeps what is logged.
type recorder struct {
	testing.TB
	log     string
	skipped bool
}

func (r *recorder) Helper()         {}
func (r *recorder) Log(args ...any) { r.log = args[0].(string) }
func (r *recorder) Skip(args ...any) {
	r.log, r.skipped = args[0].(string), true
}

// What a test logs of a feature is read back, and its lack is a skip even where
// everything is required.
func TestFeatures(t *testing.T) {
	t.Setenv("NSINSPECT_REQUIRE", "all")
	for _, f := range need.Features {
		for _, has := range []bool{true, false} {
			r := &recorder{TB: t}
			if has {
				f.Has(r)
			} else {
				f.Lacks(r, "SIGSEGV: why")
			}
			got, gotHas, ok := need.ParseLog("    some_test.go:12: " + r.log + "\n")
			if !ok || got != f || gotHas != has || r.skipped == has {
				t.Errorf("%q: feature %q, has it %v, is one %v, skipped %v", r.log, got, gotHas, ok, r.skipped)
			}
		}
	}
	for _, line := range []string{"", "this machine has no floppy disk", "this machine lacks everything: why", strings.Repeat("x", 100)} {
		if f, _, ok := need.ParseLog(line); ok {
			t.Errorf("%q: feature %q", line, f)
		}
	}
}
