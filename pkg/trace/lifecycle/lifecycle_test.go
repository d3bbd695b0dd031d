// SPDX-License-Identifier: Apache-2.0

//go:build amd64 || arm64

package lifecycle

import (
	"fmt"
	"os/exec"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/nsinspect/nsinspect/internal/need"
	"github.com/nsinspect/nsinspect/internal/testlock"
	"github.com/nsinspect/nsinspect/pkg/ns"
	"github.com/nsinspect/nsinspect/pkg/trace"
)

// A namespace is created, gets a name, loses it, and is freed when its process
// ends; and each is reported once.
func TestWatcher(t *testing.T) {
	need.Root(t)
	testlock.Shared(t)
	need.Program(t, "unshare")
	named := map[trace.NS][]string{}
	watcher, err := Open(func(n trace.NS) []string { return named[n] })
	if err != nil {
		need.Missing(t, "needs the kernel's list of namespaces: "+err.Error())
	}
	defer watcher.Close()
	cmd := exec.Command("unshare", "-n", "sh", "-c", "echo; read end")
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := stdout.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	var st syscall.Stat_t
	if err := syscall.Stat(fmt.Sprintf("/proc/%d/ns/net", cmd.Process.Pid), &st); err != nil {
		t.Fatal(err)
	}
	inode := st.Ino
	var made trace.NS
	var reported []Kind
	look := func(until Kind) Event {
		t.Helper()
		for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
			all, err := watcher.Poll()
			if err != nil {
				t.Fatal(err)
			}
			for _, l := range all {
				if l.NS.Inode != inode || made.Inode != 0 && l.NS != made {
					continue
				}
				reported = append(reported, l.Kind)
				if l.Kind == until {
					return l
				}
			}
		}
		t.Fatalf("no %s of net:[%d]; reported %v", until, inode, reported)
		return Event{}
	}
	made = look(Created).NS
	named[made] = []string{"blue"}
	if l := look(Named); !slices.Equal(l.Names, []string{"blue"}) {
		t.Errorf("%+v", l)
	}
	delete(named, made)
	look(Unnamed)
	stdin.Close()
	if err := cmd.Wait(); err == nil {
		t.Error("read did not see the end")
	}
	if l := look(Freed); l.Lived <= 0 || l.Within <= 0 {
		t.Errorf("%+v", l)
	}
	if want := []Kind{Created, Named, Unnamed, Freed}; !slices.Equal(reported, want) {
		t.Errorf("reported %v", reported)
	}
}

// A namespace whose creation was recorded is reported with its creator, and not again when
// it is on the list.
func TestObserve(t *testing.T) {
	l := &Watcher{names: func(trace.NS) []string { return nil }, alive: map[trace.NS]*state{}}
	e := trace.Event{Call: trace.Unshare, PID: 42, Flags: trace.FlagOf(ns.Net), To: trace.Set{ns.Net: {Inode: 5, Cookie: 6}}, Time: time.Now()}
	failed, other := e, e
	failed.Errno, other.Flags = 1, trace.FlagOf(ns.Mnt)
	if reported := l.Observe([]trace.Event{failed, other}); len(reported) > 0 {
		t.Errorf("%+v", reported)
	}
	reported := l.Observe([]trace.Event{e, e})
	if len(reported) != 1 || reported[0].By == nil || reported[0].By.PID != 42 {
		t.Errorf("%+v", reported)
	}
}
