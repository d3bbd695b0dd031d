// SPDX-License-Identifier: Apache-2.0

package host_test

import (
	"testing"
	"time"

	"github.com/nsinspect/nsinspect/internal/host"
	"github.com/nsinspect/nsinspect/internal/nstest"
	"github.com/nsinspect/nsinspect/pkg/ns"
)

// A user's process with the name of a daemon may have its root directory on a file system that
// does not answer.
func TestSilentRoot(t *testing.T) {
	if !nstest.PrivateMounts(t) {
		return
	}
	pid, end := nstest.SilentRoot(t)
	h, err := host.Open("/")
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	shares := make(chan bool, 1)
	go func() { shares <- h.SharesRoot(ns.TaskID(pid)) }()
	select {
	case it := <-shares:
		if it {
			t.Error("its root directory is taken for the host's")
		}
	case <-time.After(time.Minute):
		t.Error("no answer, and no end")
		end()
	}
}
