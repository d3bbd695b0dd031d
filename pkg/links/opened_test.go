// SPDX-License-Identifier: Apache-2.0

package links

import (
	"os"
	"runtime"
	"slices"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/internal/host"
	"github.com/nsinspect/nsinspect/internal/need"
	"github.com/nsinspect/nsinspect/pkg/ns"
)

// Threads that use their process's descriptors are not looked through again: each would be one
// more that has a socket open.
func TestOwnTables(t *testing.T) {
	need.Root(t)
	h, err := host.Open("/")
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	f, self := &files{host: h}, ns.TaskID(os.Getpid())
	tids, done := make(chan ns.TaskID), make(chan bool)
	defer close(done)
	for _, own := range []bool{false, true} {
		go func() {
			runtime.LockOSThread() // it ends with the thread
			if own {
				if err := unix.Unshare(unix.CLONE_FILES); err != nil {
					t.Error(err)
				}
			}
			tids <- ns.TaskID(unix.Gettid())
			<-done
		}()
		tid := <-tids
		all, err := f.ownTablesIn(self)
		if err != nil || slices.Contains(all, task{self, tid}) != own || len(all) > 1 {
			t.Errorf("own tables %v, %v; thread %d has one: %v", all, err, tid, own)
		}
	}
}
