// SPDX-License-Identifier: Apache-2.0

package host_test

import (
	"errors"
	"testing"
	"time"

	"github.com/nsinspect/nsinspect/internal/host"
	"github.com/nsinspect/nsinspect/internal/nstest"
	"github.com/nsinspect/nsinspect/pkg/ns"
)

// A user may replace an inotify file by an epoll file that is locked: its information is read
// by a helper, which is left behind.
func TestLockedDescriptor(t *testing.T) {
	if !nstest.PrivateMounts(t) {
		return
	}
	silent := nstest.SilentFiles(t)
	h, err := host.Open("/")
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	read := make(chan error, 1)
	go func() {
		for range 2 { // the second time it is known
			_, _, err := h.ReadWatches(false, ns.TaskID(silent.PID), 0, silent.Epoll, 1, 1<<20)
			read <- err
		}
	}()
	for range 2 {
		select {
		case err := <-read:
			if !errors.Is(err, host.ErrNoAnswer) {
				t.Errorf("read: %v, want %v", err, host.ErrNoAnswer)
			}
		case <-time.After(time.Minute):
			t.Error("no answer, and no end")
			silent.End()
		}
	}
}
