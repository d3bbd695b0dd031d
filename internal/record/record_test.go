// SPDX-License-Identifier: Apache-2.0

package record

import (
	"math"
	"testing"

	"github.com/nsinspect/nsinspect/pkg/ns"
)

// What is kept of a holder until it is put with its namespace is all of it.
func TestRecordKeepsAllFields(t *testing.T) {
	for _, h := range []ns.Holder{
		{Kind: ns.KindProcess, PID: 42, Born: 5},
		{Kind: ns.KindProcess, PID: 42, Via: ns.ViaPIDForChildren},
		{Kind: ns.KindProcess, PID: math.MaxInt32},
		{Kind: ns.KindThread, PID: 42, TID: 43},
		{Kind: ns.KindFD, PID: 42, FD: 7},
		{Kind: ns.KindFD, PID: 42, FD: 7, Via: ns.ViaRing},
		{Kind: ns.KindInflight, FD: -1},
		{Kind: ns.KindSocket, PID: 42, FD: 7, Socket: ns.NewSocket(ns.SocketWords{Family: "inet", Type: "stream"})},
		{Kind: ns.KindMount, FD: -1, Via: ns.ViaDetached, MountID: 7, Authority: ns.RootAuthority},
		{Kind: ns.KindSocket, FD: -1, Socket: ns.NewSocket(ns.SocketWords{Family: "inet", Type: "stream", State: "closing", Peer: "192.0.2.7:443"})},
		{Kind: ns.KindMount, PID: 42, Path: "/ns", MountNS: 1, MountID: 2, Covered: true, Pin: &ns.Holder{Kind: ns.KindFD}},
	} {
		var all List
		all.Add(Key{ns.Net, 1}, &h)
		s := all.pieces[0][0]
		if got := s.Holder(); got != h {
			t.Errorf("kept %+v of %+v", got, h)
		}
		if got := s.PID(); got != h.PID {
			t.Errorf("process %d of %+v", got, h)
		}
		if s.Kind != h.Kind {
			t.Errorf("kind %v of %+v", s.Kind, h)
		}
	}
}

// Of many sockets each has a few words.
func TestRecordsShareWords(t *testing.T) {
	var all List
	fill := func() {
		for fd := range 1024 {
			h := ns.Holder{Kind: ns.KindSocket, PID: 42, FD: int32(fd), Socket: ns.NewSocket(ns.SocketWords{Family: "inet", Type: []string{"stream", "dgram"}[fd%2]})}
			all.Add(Key{ns.Net, 1}, &h)
		}
	}
	fill()
	if n := testing.AllocsPerRun(10, fill); n > 10 {
		t.Errorf("%.0f allocations for 1024 sockets, want that of the list", n)
	}
	n := 0
	all.Each(func(r *Record) {
		if h := r.Holder(); int(h.FD) != n%1024 || h.Socket.Words().Type != []string{"stream", "dgram"}[n%2] {
			t.Fatalf("holder %d: %+v", n, h)
		}
		n++
	})
}
