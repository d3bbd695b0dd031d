// SPDX-License-Identifier: Apache-2.0

package scan

import (
	"math"
	"testing"
)

// What is kept of a holder until it is put with its namespace is all of it.
func TestSightingKeepsAll(t *testing.T) {
	for _, h := range []Holder{
		{Kind: KindProcess, PID: 42, born: 5},
		{Kind: KindProcess, PID: 42, Via: "pid_for_children"},
		{Kind: KindProcess, PID: math.MaxInt32 + 1}, // in a recorded tree
		{Kind: KindThread, PID: 42, TID: 43},
		{Kind: KindFD, PID: 42, FD: 7},
		{Kind: KindFD, PID: 42, FD: 7, Via: "io_uring"},
		{Kind: KindInflight, FD: -1},
		{Kind: KindSocket, PID: 42, FD: 7, Family: "inet", Type: "stream"},
		{Kind: KindMount, PID: 42, Path: "/ns", MountNS: 1, MountID: 2, Covered: true, Pin: &Holder{Kind: KindFD}},
	} {
		s := sightingOf(key{Net, 1}, &h)
		if got := s.holder(); got != h {
			t.Errorf("kept %+v of %+v", got, h)
		}
		if got := s.process(); got != h.PID {
			t.Errorf("process %d of %+v", got, h)
		}
		if s.kind != h.Kind {
			t.Errorf("kind %v of %+v", s.kind, h)
		}
	}
}
