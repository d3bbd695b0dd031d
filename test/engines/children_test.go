// SPDX-License-Identifier: Apache-2.0

//go:build amd64 || arm64

package engines

import (
	"fmt"
	"runtime"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/internal/need"
	"github.com/nsinspect/nsinspect/internal/nstest"
	"github.com/nsinspect/nsinspect/internal/testlock"
	"github.com/nsinspect/nsinspect/pkg/ns"
)

// A namespace for a thread's future children is kept alive by that thread alone.
func TestNamespaceForChildren(t *testing.T) {
	need.Root(t)
	testlock.Shared(t)
	type made struct {
		tid   int
		inode uint64
		err   error
	}
	ready, done, ended := make(chan made), make(chan bool), make(chan bool)
	go func() {
		defer close(ended)
		runtime.LockOSThread() // and never unlock: the thread ends with its namespace
		m := made{tid: unix.Gettid(), err: unix.Unshare(unix.CLONE_NEWTIME)}
		var st unix.Stat_t
		if m.err == nil {
			m.err = unix.Stat("/proc/thread-self/ns/time_for_children", &st)
		}
		m.inode = st.Ino
		ready <- m
		<-done
	}()
	m := <-ready
	defer func() { close(done); <-ended }()
	if m.err != nil {
		t.Fatal(m.err)
	}
	for e, opts := range optionsOf(t) {
		opts.Types = []ns.Type{ns.Time}
		nstest.Eventually(t, func() string {
			n := look(t, opts).Find(m.inode)
			if n == nil || len(n.Holders) != 1 || n.Holders[0].TID != ns.TaskID(m.tid) || n.Holders[0].Via != ns.ViaTimeForChildren {
				return fmt.Sprintf("%s: namespace %v held by %+v, want thread %d alone", engineNames[e], n, holdersOf(n), m.tid)
			}
			return ""
		})
	}
}
