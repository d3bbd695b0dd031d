// SPDX-License-Identifier: Apache-2.0

package scan

import (
	"os"
	"testing"

	"github.com/nsinspect/nsinspect/bench/load"
	"github.com/nsinspect/nsinspect/internal/need"
	"github.com/nsinspect/nsinspect/internal/nstest"
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
				case h.FD == int(mine.Fd()):
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
