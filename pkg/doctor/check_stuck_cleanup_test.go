// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"fmt"
	"strings"
	"testing"

	"github.com/nsinspect/nsinspect/internal/host"
	"github.com/nsinspect/nsinspect/internal/hosttest"
	"github.com/nsinspect/nsinspect/pkg/ns"
)

const stackOf = "[<0>] netdev_wait_allrefs_any+0x1a/0x20\n[<0>] netdev_run_todo+0x1/0x2\n[<0>] cleanup_net+0x1/0x2\n"

// worker77 replaces what the kernel's worker does.
func worker77(comm, state, switches, stack string) string {
	text := fmt.Sprintf("-- proc/77/stat --\n77 (%s) %s 2 0 0 0 -1 2097152 0 0 0 0 0 0 0 0 20 0 1 0 3 0 0 0\n", comm, state) +
		fmt.Sprintf("-- proc/77/status --\nName:\t%s\nUid:\t0\t0\t0\t0\nvoluntary_ctxt_switches:\t%s\nnonvoluntary_ctxt_switches:\t1\n", comm, switches)
	if stack != "" {
		text += "-- proc/77/stack --\n" + stack
	}
	return text
}

func TestStuckCleanup(t *testing.T) {
	r := examineFake(t, worker77("kworker/u8:1+netns", "D", "7", stackOf))
	expect(t, r, "stuck-cleanup critical")
	if text := strings.Join(r.Findings[0].Evidence, "\n"); !strings.Contains(text, "netdev_wait_allrefs_any, netdev_run_todo, cleanup_net") {
		t.Errorf("evidence %q", text)
	}
	if r.Status() != Critical || r.Headline() != "CRITICAL: 1 stuck-cleanup in 1 network namespace" {
		t.Errorf("headline %q", r.Headline())
	}
	expect(t, examineFake(t, worker77("kworker/u8:1+netns", "D", "7", "")), "stuck-cleanup critical") // as an ordinary user

	for name, machine := range map[string]string{
		"at other work":    worker77("kworker/u8:1+events", "D", "7", ""),
		"by its stack":     worker77("kworker/u8:1+netns", "D", "7", "[<0>] flush_work+0x1/0x2\n"),
		"at rest":          worker77("kworker/u8:1-netns", "I", "7", ""),
		"running":          worker77("kworker/u8:1+netns", "R", "7", stackOf),
		"behind a closing": worker77("kworker) D (+netns", "S", "7", ""),
	} {
		t.Run(name, func(t *testing.T) { expect(t, examineFake(t, machine)) })
	}
}

// A user's process with the name of a worker, an empty command line and a vfork that does not
// return is none, where the kernel does not list its own.
func TestForgedWorker(t *testing.T) {
	machine := strings.Replace(healthy, "-- proc/2/task/2/children --\n77 \n", "", 1)
	for flags, want := range map[string]int{"2097152": 1, "4194304": 0} {
		text := strings.Replace(worker77("kworker/0+netns", "D", "7", ""), "2097152", flags, 1)
		h, err := host.Open(hosttest.New(t, machine+"-- proc/77/cmdline --\n"+text))
		if err != nil {
			t.Fatal(err)
		}
		defer h.Close()
		x := inspection{host: h, homes: map[ns.TaskID]uint64{77: 1}}
		if got := x.workers(); len(got) != want {
			t.Errorf("with the flags %s: %v are the kernel's threads, want %d", flags, got, want)
		}
	}
}

func TestWorkerMakesProgress(t *testing.T) {
	at := func(switches, stack string) worker { return worker{switches: switches, stack: stack} }
	for _, c := range []struct {
		before, now worker
		same        bool
	}{
		{at("7 1", ""), at("7 1", ""), true},
		{at("7 1", ""), at("8 1", ""), false},
		{at("7 1", stackOf), at("8 1", stackOf), true},
		{at("7 1", stackOf), at("8 1", "[<0>] rtnl_lock+0x1/0x2\n[<0>] cleanup_net+0x1/0x2\n"), false},
		{at("7 1", "[<0>] cleanup_net+0x1/0x2\n"), at("8 1", stackOf), false},
	} {
		if got := c.now.as(c.before); got != c.same {
			t.Errorf("%+v after %+v: stuck is %v, want %v", c.now, c.before, got, c.same)
		}
	}
}

// In a container without the host's processes nobody knows what its kernel does.
func TestNoKernelThreads(t *testing.T) {
	r := examineFake(t, "-- proc/2/comm --\nsh\n")
	if len(r.Findings) != 0 || r.Status() != Unknown || len(r.Undecided) != 1 || r.Undecided[0].Check != checkStuckCleanup {
		t.Errorf("status %v, findings %+v, blind %+v", r.Status(), r.Findings, r.Undecided)
	}
	if want := "UNKNOWN: nothing wrong seen in 1 network namespace, but not all was read"; r.Headline() != want {
		t.Errorf("headline %q, want %q", r.Headline(), want)
	}
}

func TestOrphans(t *testing.T) {
	const sockstat = "sockets: used 26\nTCP: inuse 1 orphan 3 tw 0 alloc 1 mem 0\nUDP: inuse 0 mem 0\n"
	if n := orphans(sockstat); n != 3 {
		t.Errorf("%d orphans, want 3", n)
	}
	for _, odd := range []string{"", "orphan", "TCP: orphan x", "TCP: orphan -4"} {
		if n := orphans(odd); n != 0 {
			t.Errorf("%d orphans in %q", n, odd)
		}
	}
}

// FuzzProc feeds the parsers of /proc files: none may panic, whatever they read.
func FuzzProc(f *testing.F) {
	f.Add("77 (kworker/u8:1+netns) D 2 0")
	f.Add("voluntary_ctxt_switches:\t7\nnonvoluntary_ctxt_switches:\t1\n")
	f.Add(stackOf)
	f.Add("TCP: inuse 1 orphan 3")
	f.Add(") (")
	f.Fuzz(func(t *testing.T, text string) {
		if comm, state := parseState(text); state != 0 && !strings.Contains(text, comm) {
			t.Errorf("name %q, which is not in %q", comm, text)
		}
		if orphans(text) < 0 || strings.Contains(switches(text), "\n") {
			t.Errorf("odd answers of %q", text)
		}
		for _, name := range functions(text) {
			if name == "" || !strings.Contains(text, name) {
				t.Errorf("function %q in %q", name, text)
			}
		}
		if pid := ns.PIDOf("/run/netns/x", text); pid < 0 {
			t.Errorf("PID %d of %q", pid, text)
		}
	})
}
