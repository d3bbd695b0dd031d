// SPDX-License-Identifier: Apache-2.0

//go:build amd64 || arm64

package trace_test

import (
	"fmt"
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/internal/callscript"
	"github.com/nsinspect/nsinspect/pkg/ns"
	"github.com/nsinspect/nsinspect/pkg/trace"
)

// TestPerfComm has tier 4 report, and filter by, the name that a thread had when it
// moved, though it has another one by the time that the event is read, or has ended. What
// is unknown of a call is not made up.
func TestPerfComm(t *testing.T) {
	first, second := fmt.Sprintf("1st%d", os.Getpid()), fmt.Sprintf("2nd%d", os.Getpid())
	for name, test := range map[string]struct {
		filter string
		want   []string
	}{
		"all":       {"", []string{first, second, second, second}},
		"by name":   {second, []string{second, second, second}},
		"by no one": {"2nd", nil},
	} {
		t.Run(name, func(t *testing.T) {
			old := newActor() // it is there, by its first name, before the tracer
			old.Pause()
			old.unshare(unix.CLONE_NEWNET)
			old.Call(unix.SYS_PRCTL, unix.PR_SET_NAME, second)
			old.unshare(unix.CLONE_NEWNET)
			old.clone(unix.CLONE_NEWIPC|sigchld, func() { old.unshare(unix.CLONE_NEWUTS) })
			old.Call(unix.SYS_PRCTL, unix.PR_SET_NAME, "last")
			run := old.Start(t, callscript.Options{Name: first})
			run.Paused()
			s := open(t, trace.Options{Tier: 4, Filter: trace.Filter{Comm: test.filter}})
			run.Go()
			if err := run.Wait(); err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, e := range s.all() {
				if e.PID != run.PID && e.PPID != run.PID && e.Comm != second {
					continue // others on this machine
				}
				got = append(got, e.Comm)
				if e.HasCall() || e.Flags != 0 || e.Duration != 0 || e.Ret != 0 || e.UID != -1 {
					t.Errorf("it knows more than it can: %s", describe(e))
				}
				if e.Call == trace.Clone && (e.Child == 0 || !e.Moved(ns.IPC)) {
					t.Errorf("no child, or none that is elsewhere: %s", describe(e))
				}
			}
			if fmt.Sprint(got) != fmt.Sprint(test.want) {
				t.Errorf("moved by %q, want %q", got, test.want)
			}
		})
	}
}
