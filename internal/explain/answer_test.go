// SPDX-License-Identifier: Apache-2.0

package explain

import (
	"testing"

	"github.com/nsinspect/nsinspect/pkg/ns"
)

// A file has the answers; what it has none of is worked out without a machine.
func TestAnswerOfAFile(t *testing.T) {
	a := New(&ns.Snapshot{}, nil, nil)
	a.Answers = map[uint64]Answer{7: {Verdict: "kept"}}
	if got := a.Answer(&ns.Namespace{Inode: 7}); got.Verdict != "kept" {
		t.Errorf("answer %+v, want the recorded one", got)
	}
	for _, kind := range ns.Kinds() {
		for _, via := range []ns.Via{ns.NoVia, ns.ViaPeer, ns.ViaDetached, ns.ViaMapped} {
			n := ns.Namespace{Type: ns.Net, Inode: 8, Holders: []ns.Holder{
				{Kind: kind, PID: 42, FD: 3, Path: "/run/netns/blue", MountNS: 9, Via: via, Process: &ns.Process{PID: 42, Comm: "a"},
					Child: &ns.Namespace{Type: ns.UTS, Inode: 14}},
			}}
			if got := a.Answer(&n); got.Verdict == "" || got.Fix == nil || got.Advice == nil {
				t.Errorf("%s %s: answer %+v", kind, via, got)
			}
		}
	}
	if got := a.Answer(&ns.Namespace{Type: ns.PID, Inode: 9}); got.Verdict == "" || got.Fix == nil || got.Advice == nil {
		t.Errorf("without holders: %+v", got)
	}
}
