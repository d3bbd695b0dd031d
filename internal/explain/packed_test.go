// SPDX-License-Identifier: Apache-2.0

package explain

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

var same = cmpopts.IgnoreUnexported(Text{})

func TestPackedText(t *testing.T) {
	text := func() Text {
		return Text{Summary: "s", Evidence: []string{"a", "ab", "ac", "b", "bc"}, Fix: []string{"x"}, Advice: []string{"1", "2", "3", "4", "4"}}
	}
	got, want := text(), text()
	p := got.Pack(4)
	if len(got.Evidence)+len(got.Advice) > 0 || len(got.Fix) != 1 {
		t.Errorf("%+v is left", got)
	}
	got.See("more")
	got.Unpack(p)
	want.See("more")
	if diff := cmp.Diff(want, got, same); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// What is much of a text is never there in whole, and nothing of it is lost or put elsewhere.
func TestMuchText(t *testing.T) {
	const lots = 5000
	var got, want Text
	got.Advice = []string{"First."}
	want.Evidence, want.Advice = []string{"before"}, []string{"First."}
	for i := range lots {
		phrase := fmt.Sprintf("phrase %d", i)
		got.See(phrase)
		want.Evidence = append(want.Evidence, phrase)
		want.Fix, want.Advice = append(want.Fix, fmt.Sprintf("do %d", i)), append(want.Advice, fmt.Sprintf("See %d.", i))
	}
	got.fixAll(func(yield func(Fix) bool) {
		for i := range lots {
			if !yield(Fix{Command: fmt.Sprintf("do %d", i)}) || !yield(advise("see %d", i)) {
				return
			}
		}
	})
	got.After([]string{"before"})
	if n := max(len(got.Evidence), len(got.Fix), len(got.Advice)); n > lots/2 {
		t.Errorf("%d texts are not packed", n)
	}
	p := got.Pack(lots)
	got.See("after")
	got.Unpack(p)
	want.Evidence = append(want.Evidence, "after")
	if diff := cmp.Diff(want, got, same); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// After puts what was seen in front, packed or not.
func TestAfter(t *testing.T) {
	for _, many := range []int{0, 1, 3000} {
		var text Text
		for i := range many {
			text.See(fmt.Sprint(i))
		}
		text.After([]string{"a", "b"})
		text.Unpack(text.Pack(many))
		if len(text.Evidence) != many+2 || !slices.Equal(text.Evidence[:2], []string{"a", "b"}) || many > 0 && text.Evidence[many+1] != fmt.Sprint(many-1) {
			t.Errorf("of %d: %.100q", many, text.Evidence)
		}
	}
}
