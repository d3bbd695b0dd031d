// SPDX-License-Identifier: Apache-2.0

//go:build amd64 || arm64

package trace

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/nsinspect/nsinspect/internal/need"
	"github.com/nsinspect/nsinspect/internal/procscan"
	"github.com/nsinspect/nsinspect/internal/testlock"
	"github.com/nsinspect/nsinspect/pkg/ns"
)

// Every tier that this machine can have reports that a process has gone to a new
// network namespace, and where that is.
func TestTiers(t *testing.T) {
	testlock.Exclusive(t) // every thread of the machine is compared
	need.Root(t)
	need.Program(t, "unshare")
	for _, tier := range Tiers() {
		t.Run(tier.Name, func(t *testing.T) {
			// It is there before the tracer, and moves once it is reported to.
			cmd := exec.Command("sh", "-c", "read go; exec unshare -n sleep 60")
			cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
			stdin, err := cmd.StdinPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			defer cmd.Wait()
			defer cmd.Process.Kill()
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			tracer, err := Open(ctx, Options{Tier: tier.Tier, Filter: Filter{PID: cmd.Process.Pid}})
			if err != nil {
				needTier(t, tier.Tier, err)
			}
			if tier.Tier == 2 {
				need.Fentry.Has(t)
			}
			defer func() {
				if err := tracer.Close(); err != nil {
					t.Errorf("close tracer: %v", err)
				}
			}()
			if _, err := stdin.Write([]byte("\n")); err != nil {
				t.Fatal(err)
			}
			e := await(t, tracer, cmd.Process.Pid)
			where := whereIs(cmd.Process.Pid)[ns.Net]
			if !where.is(e.To[ns.Net]) || e.From[ns.Net].is(where) || e.From[ns.Net].Inode == 0 {
				t.Errorf("moved from %v to %v, and is in %v", e.From[ns.Net], e.To[ns.Net], where)
			}
			if reported := e.Call == Unshare && e.Flags == FlagOf(ns.Net); reported != (tier.Tier < 4) {
				t.Errorf("%s with flags %v", e.Call, e.Flags)
			}
			if knows := e.To[ns.Net].Cookie != 0; knows && tier.Tier > 2 {
				t.Errorf("cookie %d", e.To[ns.Net].Cookie)
			}
			cancel()
			summary, err := tracer.Finish()
			if err != nil || len(summary.Disagreements) > 0 {
				t.Errorf("at the end: %+v, %v", summary, err)
			}
		})
	}
}

// Where programs can be preempted, tier 2 comes first, and then whatever loses calls by that
// declares it; elsewhere none does.
func TestOrderOfTiers(t *testing.T) {
	for preemptible, want := range map[bool][]Tier{false: {1, 2, 3, 4}, true: {2, 2, 1, 3, 4}} {
		var got []Tier
		for i, tier := range inOrder(preemptible) {
			got = append(got, tier.Tier)
			loses := preemptible && i > 0 && tier.Tier < 4
			if slices.Contains(tier.Limitations, LacksPreempted) != loses {
				t.Errorf("preemptible %v: the limitations of row %d, tier %d, are %v", preemptible, i, tier.Tier, tier.Limitations)
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("preemptible %v: %v, want %v", preemptible, got, want)
		}
	}
	if all := Tiers(); len(all) != len(tiers) {
		t.Errorf("%d tiers, want each once: %v", len(all), all)
	}
}

// await reads until a process has moved.
func await(t *testing.T, tracer *Tracer, pid int) Event {
	t.Helper()
	for end := time.Now().Add(time.Minute); time.Now().Before(end); {
		var e [1]Event
		n, err := tracer.ReadBatch(e[:])
		if err != nil {
			t.Fatal(err)
		}
		if n == 1 && e[0].PID == pid && e[0].Moved(ns.Net) {
			return e[0]
		}
	}
	t.Fatalf("no event of process %d", pid)
	return Event{}
}

// A tier that cannot do what is asked for refuses.
func TestTierRefuses(t *testing.T) {
	need.Root(t)
	for _, o := range []Options{
		{Tier: 3, Follow: true}, {Tier: 4, Follow: true}, {Tier: 4, Filter: Filter{Failed: true}}, {Tier: 9},
		{Buffer: 5000}, {Filter: Filter{Comm: "longer than any name"}},
	} {
		tracer, err := Open(t.Context(), o)
		if err == nil {
			t.Errorf("%+v: opened", o)
			tracer.Close()
		}
	}
}

// Where /proc is of another PID namespace, a tier that takes from it where threads are
// refuses: it would give events the namespaces of others.
func TestTierWithTheProcOfAnotherPIDNamespace(t *testing.T) {
	need.Root(t)
	if os.Getpid() != 1 {
		cmd := exec.Command("/proc/self/exe", "-test.run=^"+t.Name()+"$")
		cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWPID, Pdeathsig: syscall.SIGKILL}
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%v\n%s", err, out)
		}
		return
	}
	for _, tier := range []Tier{3, 4} {
		tracer, err := Open(t.Context(), Options{Tier: tier})
		if err == nil {
			tracer.Close()
		}
		if !errors.Is(err, procscan.ErrForeignTaskIDs) {
			t.Errorf("tier %d: %v, want %v", tier, err, procscan.ErrForeignTaskIDs)
		}
	}
}

func TestMatch(t *testing.T) {
	e := Event{
		Call: Setns, PID: 10, TID: 11, Comm: "ip", Flags: FlagOf(ns.Net),
		From: Set{ns.Net: {1, 100}}, To: Set{ns.Net: {2, 200}, ns.Mnt: {3, 0}},
	}
	for _, f := range []Filter{
		{}, {PID: 10}, {PID: 11}, {Comm: "ip"}, {Types: []ns.Type{ns.Mnt, ns.Net}},
		{NS: NS{1, 100}}, {NS: NS{2, 0}}, {NS: NS{3, 0}},
	} {
		if !f.match(&e) {
			t.Errorf("%+v leaves %+v out", f, e)
		}
	}
	for _, f := range []Filter{
		{PID: 12}, {Comm: "i"}, {Types: []ns.Type{ns.Mnt}}, {Failed: true}, {NS: NS{1, 101}}, {NS: NS{4, 0}},
	} {
		if f.match(&e) {
			t.Errorf("%+v lets %+v through", f, e)
		}
	}
}

func FuzzPerfRecord(f *testing.F) {
	f.Add(make([]byte, 144))
	f.Fuzz(func(t *testing.T, b []byte) {
		if r, ok := parsePerfRecord(b); ok && len(b) < 32 {
			t.Errorf("%d bytes gave %+v", len(b), r)
		}
	})
}

func TestParseCPUs(t *testing.T) {
	for list, want := range map[string]int{"0": 1, "0-3": 4, "0-1,5,7-8": 5} {
		if cpus, err := parseCPUs(list); err != nil || len(cpus) != want {
			t.Errorf("%q: %v, %v", list, cpus, err)
		}
	}
	for _, list := range []string{"", "a", "3-1", "0,", "99999999"} {
		if cpus, err := parseCPUs(list); err == nil {
			t.Errorf("%q: %v", list, cpus)
		}
	}
}
