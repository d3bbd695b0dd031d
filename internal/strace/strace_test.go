// SPDX-License-Identifier: Apache-2.0

package strace

import (
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/pkg/trace"
)

func TestParse(t *testing.T) {
	for line, want := range map[string]string{
		"unshare(CLONE_NEWUSER|CLONE_NEWNET)     = 0":                                                     "unshare(CLONE_NEWNET|CLONE_NEWUSER) = 0",
		"setns(3, CLONE_NEWNET)                  = -1 EPERM (Operation not permitted)":                    "setns(3, CLONE_NEWNET) = -1 EPERM",
		"setns(-1, 0)                            = -1 EBADF (Bad file descriptor)":                        "setns(-1, 0) = -1 EBADF",
		"vfork()                                 = 2213":                                                  "",
		"clone(child_stack=NULL, flags=CLONE_CHILD_CLEARTID|SIGCHLD, child_tidptr=0x7fda8beafa10) = 2212": "",
		"clone(child_stack=NULL, flags=CLONE_NEWNET|CLONE_NEWIPC|SIGCHLD) = 7":                            "clone(CLONE_NEWIPC|CLONE_NEWNET) = 7",
		"clone3({flags=CLONE_VM|CLONE_NEWUTS, exit_signal=0, stack=NULL, stack_size=0}, 88) = 8":          "clone(CLONE_NEWUTS|CLONE_VM) = 8",
		"clone3({flags=CLONE_NEWNET, exit_signal=0} => {parent_tid=[0]}, 88) = 8":                         "clone(CLONE_NEWNET) = 8",
		"unshare(CLONE_NEWNET)                   = ?":                                                     "",
		"clone(child_stack=NULL, flags=CLONE_NEWPID|SIGCHLD) = ? ERESTARTNOINTR (To be restarted)":        "clone(CLONE_NEWPID) = -1 ERESTARTNOINTR",
		"unshare(0x1 /* CLONE_??? */)            = -1 EINVAL (Invalid argument)":                          "unshare(0x1) = -1 EINVAL",
		"???( <detached ...>":                    "",
		"[ Process PID=5 runs in 32 bit mode. ]": "",
	} {
		if got, err := parse(line); err != nil || got != want {
			t.Errorf("%q: %q, %v; want %q", line, got, err, want)
		}
	}
	if got, err := parse("unshare("); err == nil {
		t.Errorf("half a line is %q", got)
	}
}

// TestDifferences takes an event away, adds one, and changes each thing recorded.
func TestDifferences(t *testing.T) {
	dir := t.TempDir()
	for tid, text := range map[string]string{"5": "setns(3, CLONE_NEWNET) = 0\nunshare(CLONE_NEWNS) = -1 EPERM (no)\n", "6": ""} {
		if err := os.WriteFile(filepath.Join(dir, prefix+tid), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	calls, err := Read(dir)
	if err != nil || calls.Count() != 2 || !calls.Has("unshare(CLONE_NEWNS) = *") || calls.Has("clone*") {
		t.Fatalf("%v, %v", calls, err)
	}
	events := func() []trace.Event {
		return []trace.Event{
			{TID: 5, Call: trace.Setns, FD: 3, Flags: unix.CLONE_NEWNET},
			{TID: 7, Call: trace.Unshare}, // not strace's
			{TID: 5, Call: trace.Unshare, FD: -1, Flags: unix.CLONE_NEWNS, Ret: -1, Errno: unix.EPERM},
		}
	}
	if d := calls.Differences(events()); len(d) > 0 {
		t.Errorf("differences where there are none: %v", d)
	}
	for name, spoil := range map[string]func(e []trace.Event) []trace.Event{
		"missing": func(e []trace.Event) []trace.Event { return e[1:] },
		"more":    func(e []trace.Event) []trace.Event { return append(e, trace.Event{TID: 6, Call: trace.Unshare}) },
		"order":   func(e []trace.Event) []trace.Event { return []trace.Event{e[2], e[0]} },
		"thread":  func(e []trace.Event) []trace.Event { e[0].TID = 6; return e },
		"call":    func(e []trace.Event) []trace.Event { e[0].Call = trace.Unshare; return e },
		"fd":      func(e []trace.Event) []trace.Event { e[0].FD = 4; return e },
		"flags":   func(e []trace.Event) []trace.Event { e[0].Flags = 0; return e },
		"ret":     func(e []trace.Event) []trace.Event { e[0].Ret = 1; return e },
		"errno":   func(e []trace.Event) []trace.Event { e[2].Errno = unix.EINVAL; return e },
	} {
		if d := calls.Differences(spoil(events())); len(d) == 0 {
			t.Errorf("%s: no difference", name)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add("clone3({flags=CLONE_NEWNET, exit_signal=0} => {parent_tid=[0]}, 88) = 8")
	f.Add("setns(3, CLONE_NEWNET) = -1 EPERM (Operation not permitted)")
	f.Fuzz(func(t *testing.T, line string) {
		if call, err := parse(line); err != nil && call != "" {
			t.Errorf("%q and %v", call, err)
		}
	})
}
