// SPDX-License-Identifier: Apache-2.0

package text

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

func TestPackedIsSmall(t *testing.T) {
	var all []string
	for i := range 1000 {
		all = append(all, fmt.Sprintf("umount -N %d -- /run/netns/cni-1111-2222", 1000+i))
	}
	p := Pack(all)
	if got := p.Unpack(); !slices.Equal(got, all) {
		t.Errorf("unpacked %q", got)
	}
	if most := 6 * len(all); len(p) > most {
		t.Errorf("%d bytes, want at most %d", len(p), most)
	}
}

func FuzzPacked(f *testing.F) {
	f.Add("a\naa\naaa\naa\n\nb")
	f.Add("")
	f.Add("abcabc\nabc\nabcabc")
	f.Fuzz(func(t *testing.T, text string) {
		all := strings.Split(text, "\n")
		if got := Pack(all).Unpack(); !slices.Equal(got, all) {
			t.Errorf("%q is %q when it is unpacked", all, got)
		}
	})
}
