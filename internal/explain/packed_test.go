// SPDX-License-Identifier: Apache-2.0

package explain

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// What was taken out of a text comes back, before what was added meanwhile.
func TestPackedText(t *testing.T) {
	text := func() Text {
		return Text{Summary: "s", Evidence: []string{"a", "ab", "ac", "b", "bc"}, Fix: []string{"x"}, Advice: []string{"1", "2", "3", "4", "4"}}
	}
	got, want := text(), text()
	p := got.Pack()
	if len(got.Evidence)+len(got.Advice) > 0 || len(got.Fix) != 1 {
		t.Errorf("%+v is left", got)
	}
	got.See("more")
	got.Unpack(p)
	want.See("more")
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
