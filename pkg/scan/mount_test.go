// SPDX-License-Identifier: Apache-2.0

package scan

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nsinspect/nsinspect/internal/explain"
	"github.com/nsinspect/nsinspect/pkg/ns"
)

func TestFakeMounts(t *testing.T) {
	snap := fakeMachine(t, "mounts.txtar", Options{})
	var got strings.Builder
	for _, inode := range []uint64{4026532100, 4026532200, 4026532300} {
		for _, h := range snap.Find(inode).Holders {
			fmt.Fprintf(&got, "%d %s #%d in %d by %d covered=%v\n", inode, h.Path, h.MountID, h.MountNS, h.PID, h.Covered)
		}
	}
	want := `4026532100 /run/netns/blue #41 in 4026531841 by 1 covered=false
4026532100 /run/netns/blue #141 in 4026532901 by 300 covered=false
4026532100 /run/netns/blue #221 in 4026532902 by 500 covered=true
4026532200 /run/netns/red #142 in 4026532901 by 300 covered=false
4026532200 /run/netns/plain #223 in 4026532902 by 500 covered=false
4026532300 /cage/ns #321 in 4026532904 by 600 covered=false
`
	if diff := cmp.Diff(want, got.String()); diff != "" {
		t.Errorf("mounts (-want +got):\n%s", diff)
	}
	var gaps []string
	for _, g := range snap.Gaps {
		gaps = append(gaps, g.Error())
	}
	wantGaps := []string{
		"mount: mnt:[4026532903]: no process is in it: a recorded tree shows the mounts of processes only",
		"mount: mnt:[4026532904]: only mounts below /cage can be seen, the root directory of its processes",
	}
	if diff := cmp.Diff(wantGaps, gaps); diff != "" {
		t.Errorf("gaps (-want +got):\n%s", diff)
	}
	if snap.MountNS != 4026531841 || snap.MountsAll {
		t.Errorf("own mount namespace %d, all were read: %v", snap.MountNS, snap.MountsAll)
	}
	// red lies on this machine's own file; what web has at the path of plain
	// is another file of another file system.
	wantDangling := []ns.DanglingName{
		{Path: "/run/netns/plain", Kind: ns.NameFile, Reason: "a plain file; it may be a mount point in another mount namespace", Compared: true},
		{Path: "/run/netns/red", Kind: ns.NameFile, Compared: true,
			Reason: "a plain file here, but net:[4026532200] is mounted on it in the mount namespace of PID 300 (service)",
			Pins: []ns.Pin{{Type: ns.Net, Inode: 4026532200, Mount: ns.Holder{
				Kind: ns.KindMount, PID: 300, Path: "/run/netns/red", MountNS: 4026532901, MountID: 142, Authority: ns.RootAuthority,
			}}}},
	}
	if diff := cmp.Diff(wantDangling, snap.Dangling, notMade); diff != "" {
		t.Errorf("dangling names (-want +got):\n%s", diff)
	}
	if n := snap.Find(4026532100); len(n.Names) != 1 || n.Names[0].Path != "/run/netns/blue" {
		t.Errorf("names %+v, want those of our own mount namespace", n.Names)
	}
}

func TestFakeMountVerdicts(t *testing.T) {
	snap := fakeMachine(t, "mounts.txtar", Options{})
	for inode, want := range map[uint64]string{
		4026532100: "to free it, at least run `ip netns del blue` and unmount /run/netns/blue in the mount namespace of pid 500, after what covers it there. ", // that of pid 300 is on the same file
		4026532200: "to free it, at least unmount /run/netns/red in the mount namespace of pid 300 and /run/netns/plain in the mount namespace of pid 500. ",
		4026532300: "to free it, at least unmount /cage/ns in the mount namespace of pid 600. ",
	} {
		if got := explain.Verdict(snap.Find(inode), snap); !strings.Contains(got, want) {
			t.Errorf("verdict %q, want %q", got, want)
		}
	}
}
