// SPDX-License-Identifier: Apache-2.0

package scan

import (
	"fmt"
	"os"
	"slices"
	"testing"

	"github.com/nsinspect/nsinspect/bench/load"
	"github.com/nsinspect/nsinspect/internal/need"
	"github.com/nsinspect/nsinspect/internal/nstest"
	"github.com/nsinspect/nsinspect/internal/record"
	"github.com/nsinspect/nsinspect/pkg/ns"
)

// A scan has namespace files and duplicated sockets open while it reads, on one
// thread, what another finds in this very process.
func TestScanIsNoHolder(t *testing.T) {
	need.Root(t)
	withLoad(t, load.Spec{Processes: 300, Namespaces: 50, FDs: 20})
	nstest.Make(t, nstest.Socket)
	for range 3000 { // to read these takes a while
		null, err := os.Open(os.DevNull)
		if err != nil {
			t.Fatal(err)
		}
		defer null.Close()
	}
	mine, err := os.Open("/proc/self/ns/net")
	if err != nil {
		t.Fatal(err)
	}
	defer mine.Close()
	for range 20 {
		found := false
		for _, n := range scanLive(t, Options{}).Namespaces {
			for _, h := range n.Holders {
				switch {
				case h.PID != ns.TaskID(os.Getpid()) || !h.Kind.HasFD():
				case int(h.FD) == int(mine.Fd()):
					found = true
				default:
					t.Errorf("%s: the scan itself: %+v", &n, h)
				}
			}
		}
		if !found {
			t.Error("what was open before the scan is not found")
		}
	}
}

// A helper has copies of what the scan has open, until it executes the program.
func TestHelperIsNoHolder(t *testing.T) {
	const self, helper = 42, 43
	var f record.Found
	key := record.Key{Type: ns.Net, Inode: 5}
	for _, holder := range []ns.Holder{
		{Kind: ns.KindFD, PID: helper, FD: 7}, {Kind: ns.KindSocket, PID: helper, FD: 8}, {Kind: ns.KindProcess, PID: helper},
		{Kind: ns.KindFD, PID: self, FD: 3}, {Kind: ns.KindFD, PID: self, FD: 9}, {Kind: ns.KindFD, PID: 1, FD: 7},
	} {
		f.Records.Add(key, &holder)
	}
	own{pid: self, fds: []int{3}}.drop(&f, []ns.TaskID{helper})
	var left []string
	f.Records.Each(func(r *record.Record) { left = append(left, fmt.Sprint(r.Kind, " ", r.PID(), " ", r.Holder().FD)) })
	want := []string{fmt.Sprint("process ", helper, " 0"), fmt.Sprint("fd ", self, " 3"), "fd 1 7"}
	slices.Sort(left)
	slices.Sort(want)
	if !slices.Equal(left, want) {
		t.Errorf("left %q, want %q", left, want)
	}
}
