// SPDX-License-Identifier: Apache-2.0

package explain

import (
	"slices"
	"strings"
	"testing"

	"github.com/nsinspect/nsinspect/pkg/ns"
	"github.com/nsinspect/nsinspect/pkg/scan"
)

// What frees a user namespace is what frees its children, each step once, though a child
// is that of several.
func TestFreeChildren(t *testing.T) {
	sleep := ns.Holder{Kind: ns.KindProcess, PID: 42, Process: &ns.Process{PID: 42, Comm: "sleep"}}
	mount := ns.Holder{Kind: ns.KindMount, Path: "/run/netns/blue", MountNS: 1, Authority: ns.RootAuthority}
	inner := ns.Namespace{Type: ns.PID, Inode: 12, Holders: []ns.Holder{sleep}}
	outer := ns.Namespace{Type: ns.PID, Inode: 11, Holders: []ns.Holder{{Kind: ns.KindChild, Child: &inner}}}
	net := ns.Namespace{Type: ns.Net, Inode: 13, Holders: []ns.Holder{sleep, mount}}
	hidden := ns.Namespace{Type: ns.UTS, Inode: 14}
	user := ns.Namespace{Type: ns.User, Inode: 10, OwnerUID: -1}
	for _, child := range []*ns.Namespace{&net, &outer, &inner, &hidden} {
		user.Holders = append(user.Holders, ns.Holder{Kind: ns.KindChild, Child: child})
	}
	a := Adviser{Snapshot: &ns.Snapshot{MountNS: 1}}
	want := []string{"end sleep (pid 42)", "run `ip netns del blue`", "find what keeps uts:[14] alive"}
	if got := steps(a.Free(&user)); !slices.Equal(got, want) {
		t.Errorf("steps %q, want %q", got, want)
	}
	verdict := "user:[10] is kept alive by 4 children; to free it, end sleep (pid 42), run `ip netns del blue` and find what keeps uts:[14] alive."
	if got := a.Verdict(&user, a.Free(&user)); got[:len(verdict)] != verdict {
		t.Errorf("verdict %q, want it to begin with %q", got, verdict)
	}
}

// What has no descriptor is named by what keeps it.
func TestFreeWithoutDescriptor(t *testing.T) {
	process := ns.Process{PID: 42, Comm: "server"}
	for want, h := range map[string]ns.Holder{
		"end the registered io_uring of server (pid 42)":                           {Kind: ns.KindFD, Via: ns.ViaRegistered},
		"end the aio request of server (pid 42) for its closed inet stream socket": {Kind: ns.KindSocket, Via: ns.ViaAIO, Socket: ns.NewSocket(ns.SocketWords{Family: "inet", Type: "stream"})},
		"end the mapped io_uring of server (pid 42)":                               {Kind: ns.KindFD, Via: ns.ViaMapped},
		"end the io_uring request of thread 43 (server) of pid 42":                 {Kind: ns.KindTun, Via: ns.ViaRequest, TID: 43},
	} {
		h.PID, h.FD, h.Process = 42, -1, &process
		a := Adviser{Snapshot: &ns.Snapshot{}}
		n := ns.Namespace{Type: ns.Net, Inode: 10, Holders: []ns.Holder{h}}
		if got := steps(a.Free(&n)); !slices.Equal(got, []string{want}) {
			t.Errorf("steps %q, want %q", got, want)
		}
	}
}

// A file in flight in a socket that no process has is nobody's to receive, unless a process may be
// hidden. Many of them take one step.
func TestFreeUnreachable(t *testing.T) {
	lost := ns.Holder{Kind: ns.KindInflight, FD: -1}
	n := ns.Namespace{Type: ns.Net, Inode: 10, Holders: []ns.Holder{lost, lost}}
	a := Adviser{Snapshot: &ns.Snapshot{}}
	if got := steps(a.Free(&n)); len(got) != 1 || !strings.HasPrefix(got[0], "wait until any process closes a unix socket") {
		t.Errorf("steps %q", got)
	}
	a.Snapshot.Gaps = []ns.Gap{{Sources: []string{"process"}, Path: "/proc", Err: scan.ErrOtherPIDNS}}
	if got := steps(a.Free(&n)); !slices.Equal(got, []string{"have received, or close, a file in flight whose socket no process here has"}) {
		t.Errorf("where processes may be hidden: steps %q", got)
	}
}
