// SPDX-License-Identifier: Apache-2.0

package explain

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nsinspect/nsinspect/pkg/ns"
)

// leak returns a namespace that a process keeps by so many sockets, and another by one.
func leak(n int) *ns.Namespace {
	room := &ns.Namespace{Type: ns.Net, Inode: 7, OwnerUID: -1}
	for fd := range n {
		room.Holders = append(room.Holders, ns.Holder{Kind: ns.KindSocket, PID: 42, FD: int32(3 + fd), Socket: ns.NewSocket(ns.SocketWords{Family: "inet", Type: "dgram"}), Born: time.Second})
	}
	room.Holders = append(room.Holders, ns.Holder{Kind: ns.KindSocket, PID: 43, FD: 9, Socket: ns.NewSocket(ns.SocketWords{Family: "inet", Type: "dgram"}), Born: time.Second})
	return room
}

// What is written of thousands of descriptors that one process has is little, and counts all.
func TestManyAlike(t *testing.T) {
	const many = 20_000
	a := New(&ns.Snapshot{Sources: []string{"socket"}}, nil, nil)
	n := leak(many)
	found := a.HeldElsewhere(n)
	rest := fmt.Sprintf("%d more sockets of ", many-mostAlike)
	if len(found.Evidence) != mostAlike+2 || !strings.Contains(found.Evidence[mostAlike], rest) || !strings.Contains(found.Evidence[mostAlike+1], "fd 9 of pid 43") {
		t.Errorf("seen: %q, want %d sockets, those left, and the one of the other process", found.Evidence, mostAlike)
	}
	answer := a.Answer(n)
	if len(answer.Advice) != mostAlike+2 || !slices.ContainsFunc(answer.Advice, func(s string) bool { return strings.Contains(s, rest) }) {
		t.Errorf("advice: %q, want %d sockets, those left, and the one of the other process", answer.Advice, mostAlike)
	}
	if want := fmt.Sprintf("%d more sockets", many+1-mostOfOneKind); !strings.Contains(answer.Verdict, want) {
		t.Errorf("verdict: %q, want %q in it", answer.Verdict, want)
	}
}

// As many as are written one by one are all there.
func TestFewAlike(t *testing.T) {
	a := New(&ns.Snapshot{}, nil, nil)
	if seen := a.HeldElsewhere(leak(mostAlike)).Evidence; len(seen) != mostAlike+1 || strings.Contains(strings.Join(seen, " "), "more") {
		t.Errorf("seen: %q, want %d sockets", seen, mostAlike+1)
	}
}
