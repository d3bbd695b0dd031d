// SPDX-License-Identifier: Apache-2.0

package snapshot

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nsinspect/nsinspect/internal/explain"
	"github.com/nsinspect/nsinspect/internal/text"
	"github.com/nsinspect/nsinspect/pkg/ns"
)

func TestAnswersArePackedAndUnpacked(t *testing.T) {
	all := answers{map[uint64]packed{}, map[text.Packed]text.Packed{}}
	want := map[uint64]explain.Answer{}
	var spaces []ns.Namespace
	for i := range uint64(100) {
		path := fmt.Sprintf("/run/netns/net:[%d]", i%2)
		n := ns.Namespace{Inode: i, Holders: []ns.Holder{{Kind: ns.KindMount, Path: path}}}
		a := explain.Answer{Verdict: n.String() + " is at " + path, Fix: []string{"umount " + path, "umount 2" + path}, Advice: []string{}}
		spaces, want[i] = append(spaces, n), a
	}
	spaces = append(spaces, ns.Namespace{Inode: 100}, ns.Namespace{Inode: 101, Holders: []ns.Holder{{Kind: ns.KindMount, Path: "\x01"}}})
	want[100] = explain.Answer{Verdict: "", Fix: []string{}, Advice: []string{"a", "b"}}
	want[101] = explain.Answer{Verdict: "\x01\x02 net:[101]", Fix: []string{"\x02"}, Advice: []string{}}
	lots := ns.Namespace{Inode: 102, Names: []ns.Name{{Path: "/run/netns/lots"}}}
	a := explain.Answer{Verdict: "much keeps " + lots.String(), Fix: []string{}, Advice: []string{}}
	for i := range 5000 {
		a.Fix, a.Advice = append(a.Fix, fmt.Sprintf("umount /run/netns/lots/%d", i)), append(a.Advice, fmt.Sprintf("See %s %d.", lots.String(), i))
	}
	spaces, want[102] = append(spaces, lots), a
	for i := range spaces {
		a := want[spaces[i].Inode]
		all.put(&spaces[i], a.Lists())
	}
	for i := range spaces {
		if diff := cmp.Diff(want[spaces[i].Inode], all.get(&spaces[i]).Whole()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", spaces[i].String(), diff)
		}
	}
	if most := 8; len(all.same) > most {
		t.Errorf("%d answers are kept, want at most %d", len(all.same), most)
	}
	if all.get(&ns.Namespace{Inode: 999}) != nil {
		t.Error("an answer of what nothing was answered of")
	}
}
