// SPDX-License-Identifier: Apache-2.0

package scan

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/internal/host"
	"github.com/nsinspect/nsinspect/internal/need"
	"github.com/nsinspect/nsinspect/internal/testlock"
	"github.com/nsinspect/nsinspect/pkg/ns"
)

// storm starts short-lived processes in a network namespace of its own, each
// with its own number as its first argument, until the context ends.
type storm struct {
	inode   uint64
	started atomic.Int64
	mu      sync.Mutex
	argv0   map[int][]string // what each PID was started as, newest last
}

func (s *storm) run(ctx context.Context, ready chan<- error) {
	runtime.LockOSThread() // and never unlock: the thread has moved
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		ready <- err
		return
	}
	var st unix.Stat_t
	err := unix.Stat("/proc/thread-self/ns/net", &st)
	s.inode = st.Ino
	ready <- err
	const rate = 500 // a second
	tick := time.NewTicker(time.Second / rate)
	defer tick.Stop()
	var children sync.WaitGroup
	defer children.Wait()
	for n := 0; ctx.Err() == nil; n++ {
		<-tick.C
		name, lasts := fmt.Sprintf("storm-%d", n), "0.03"
		if n%16 == 0 { // so that some can be looked at on a slow machine, too
			lasts = "1"
		}
		p, err := os.StartProcess("/bin/sleep", []string{name, lasts}, &os.ProcAttr{
			Sys: &syscall.SysProcAttr{Pdeathsig: unix.SIGKILL},
		})
		if err != nil {
			continue // the number started is what counts
		}
		s.mu.Lock()
		s.argv0[p.Pid] = append(s.argv0[p.Pid], name)
		s.mu.Unlock()
		s.started.Add(1)
		children.Go(func() { p.Wait() })
	}
}

// has reports whether a path is below /proc/PID of a process of the storm.
func (s *storm) has(path string) bool {
	var pid int
	if _, err := fmt.Sscanf(path, "/proc/%d/", &pid); err != nil {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.argv0[pid]) > 0
}

// startedAs reports whether a PID was ever started under a name. The storm
// learns a PID only after the process is there, so a stranger gets a moment.
func (s *storm) startedAs(pid int, argv0 string) bool {
	for range 100 {
		s.mu.Lock()
		for _, name := range s.argv0[pid] {
			if name == argv0 {
				s.mu.Unlock()
				return true
			}
		}
		s.mu.Unlock()
		time.Sleep(10 * time.Millisecond)
	}
	return false
}

// A storm of processes that start and end during scans is no error, no gap, and
// never gives one process's command line to another's PID.
func TestStorm(t *testing.T) {
	testlock.Exclusive(t) // a load, and no gap may come from others
	need.Root(t)
	ctx, stop := context.WithCancel(t.Context())
	s := &storm{argv0: map[int][]string{}}
	ready := make(chan error)
	var done sync.WaitGroup
	done.Go(func() { s.run(ctx, ready) })
	defer done.Wait()
	defer stop()
	if err := <-ready; err != nil {
		t.Fatal(err)
	}
	h, err := host.Open("/")
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	seen := map[string]bool{}
	began := time.Now()
	for range 200 {
		snap := scanLive(t, Options{Host: h})
		for _, g := range snap.Gaps {
			if s.has(g.Path) {
				t.Errorf("gap %v", g)
			}
		}
		if n := snap.Find(s.inode); n != nil {
			s.check(t, h, n, seen)
		}
	}
	rate := float64(s.started.Load()) / time.Since(began).Seconds()
	t.Logf("%d processes seen of %d, %.0f a second", len(seen), s.started.Load(), rate)
	if len(seen) < 100 {
		t.Errorf("saw %d processes of the storm: too few to prove anything", len(seen))
	}
}

func (s *storm) check(t *testing.T, h *host.Host, n *ns.Namespace, seen map[string]bool) {
	t.Helper()
	if err := Describe(t.Context(), h, n); err != nil {
		t.Fatal(err)
	}
	own, err := os.ReadFile("/proc/self/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	for i := range n.Holders {
		p := n.Holders[i].Process
		switch {
		case n.Holders[i].Kind != ns.KindProcess: // the storm's own thread, and what looks at the namespace for a moment, as another nsinspect
		case len(p.Cmdline) == 0: // ending: its memory is gone
		case p.Comm == "sleep":
			if !s.startedAs(int(p.PID), p.Cmdline[0]) {
				t.Errorf("pid %d was never started as %q", p.PID, p.Cmdline)
			}
			seen[p.PID.String()+p.Cmdline[0]] = true
		case string(own[:len(p.Cmdline[0])]) != p.Cmdline[0]: // between fork and exec
			t.Errorf("pid %d is %q with the command line %q", p.PID, p.Comm, p.Cmdline)
		}
	}
}
