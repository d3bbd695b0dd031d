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
		{Kind: ns.KindProcess, PID: 42, Via: "pid_for_children"},
		{Kind: ns.KindProcess, PID: math.MaxInt32 + 1}, // in a recorded tree
		{Kind: ns.KindThread, PID: 42, TID: 43},
		{Kind: ns.KindFD, PID: 42, FD: 7},
		{Kind: ns.KindFD, PID: 42, FD: 7, Via: "io_uring"},
		{Kind: ns.KindInflight, FD: -1},
		{Kind: ns.KindSocket, PID: 42, FD: 7, Family: "inet", Type: "stream"},
		{Kind: ns.KindMount, PID: 42, Path: "/ns", MountNS: 1, MountID: 2, Covered: true, Pin: &ns.Holder{Kind: ns.KindFD}},
	} {
		s := Of(Key{ns.Net, 1}, &h)
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
