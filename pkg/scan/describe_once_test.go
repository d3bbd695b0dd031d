// SPDX-License-Identifier: Apache-2.0

package scan

import (
	"os"
	"testing"
	"time"

	"github.com/nsinspect/nsinspect/internal/host"
	"github.com/nsinspect/nsinspect/pkg/ns"
)

// Of a process that has much open, what is read is read once: all its files have the same. A file
// that another process had, to which the PID belonged before, is none of its.
func TestFilesOfOneProcess(t *testing.T) {
	h, err := host.Open("/")
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	stat, err := h.ReadStat("self")
	if err != nil {
		t.Fatal(err)
	}
	self := ns.TaskID(os.Getpid())
	file := func(kind ns.Kind, fd int, born time.Duration) ns.Holder {
		return ns.Holder{Kind: kind, PID: self, FD: int32(fd), Born: born}
	}
	n := ns.Namespace{Inode: ownNet(t), Holders: []ns.Holder{
		file(ns.KindFD, 7, stat.Born()), file(ns.KindFD, 8, stat.Born()), file(ns.KindSocket, 9, stat.Born()),
		file(ns.KindFD, 7, stat.Born()+time.Second), file(ns.KindFD, 8, stat.Born()+time.Second),
	}}
	if err := Describe(t.Context(), h, &n); err != nil {
		t.Fatal(err)
	}
	if len(n.Holders) != 3 {
		t.Fatalf("%d holders are left, want 3: %+v", len(n.Holders), n.Holders)
	}
	for i, x := range n.Holders {
		if x.Process == nil || x.Process.PID != self || x.Process != n.Holders[0].Process {
			t.Errorf("holder %d has process %+v, the first one %+v", i, x.Process, n.Holders[0].Process)
		}
	}
}
