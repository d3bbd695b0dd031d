// SPDX-License-Identifier: Apache-2.0

package scan

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nsinspect/nsinspect/bench/load"
	"github.com/nsinspect/nsinspect/internal/host"
	"github.com/nsinspect/nsinspect/internal/need"
	"github.com/nsinspect/nsinspect/internal/nstest"
	"github.com/nsinspect/nsinspect/internal/testlock"
	"github.com/nsinspect/nsinspect/pkg/ns"
)

// agree compares a scan with an oracle, until nobody has entered a namespace between
// the two.
func agree(t *testing.T, oracle, scan func() map[string]string) {
	t.Helper()
	nstest.Eventually(t, func() string {
		diff := cmp.Diff(oracle(), scan())
		if diff != "" {
			diff = "(-oracle +scan):\n" + diff
		}
		return diff
	})
}

func withLoad(t *testing.T, s load.Spec) *load.Load {
	t.Helper()
	need.Root(t)
	testlock.Shared(t)
	l, err := load.Start(s)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Errorf("end the load: %v", err)
		}
	})
	return l
}

func TestAgainstReadlink(t *testing.T) {
	ours := inodesOf(withLoad(t, load.Spec{Processes: 60, Threads: 3, Namespaces: 20}))
	ours[ns.FormatLink(ns.Net, nstest.Make(t, nstest.Thread).Inode)] = true
	oracle := func() map[string]string {
		links, err := filepath.Glob("/proc/[0-9]*/task/[0-9]*/ns/net")
		if err != nil || len(links) == 0 {
			t.Fatalf("glob: %v, %d links", err, len(links))
		}
		tasks := map[string]string{}
		for _, l := range links {
			if target, err := os.Readlink(l); err == nil && ours[target] {
				tasks[target] = strconv.Itoa(1 + atoi(tasks[target]))
			}
		}
		return tasks
	}
	agree(t, oracle, func() map[string]string {
		tasks := map[string]string{}
		for _, n := range scanLive(t, Options{}).Namespaces {
			if c := n.Processes() + n.Count(ns.KindThread) + n.Threads; c > 0 && ours[n.String()] {
				tasks[n.String()] = strconv.Itoa(c)
			}
		}
		return tasks
	})
}

// inodesOf is what a load made: only of its own namespaces can a test know that
// nothing comes and goes in them.
func inodesOf(l *load.Load) map[string]bool {
	names := map[string]bool{}
	for _, n := range l.Namespaces {
		names[ns.FormatLink(ns.Net, n.Inode)] = true
	}
	return names
}

func atoi(s string) int {
	n, err := strconv.Atoi(s)
	if err != nil {
		return 0
	}
	return n
}

// lsns runs lsns, which gives up when a process, anybody's, ends under its eyes.
func lsns(t *testing.T) []byte {
	t.Helper()
	const tries = 100
	for try := 1; ; try++ {
		out, err := exec.Command("lsns", "-t", "net", "-J", "-o", "NS,NPROCS").Output()
		if err == nil {
			return out
		}
		if try == tries {
			t.Fatalf("lsns failed %d times: %v", tries, err)
		}
	}
}

func TestAgainstLsns(t *testing.T) {
	need.Program(t, "lsns")
	ours := inodesOf(withLoad(t, load.Spec{Processes: 60, Namespaces: 20}))
	oracle := func() map[string]string {
		out := lsns(t)
		var list struct {
			Namespaces []struct{ NS, NProcs json.Number }
		}
		if err := json.Unmarshal(out, &list); err != nil {
			t.Fatal(err)
		}
		procs := map[string]string{}
		for _, n := range list.Namespaces {
			if name := "net:[" + n.NS.String() + "]"; ours[name] {
				procs[name] = n.NProcs.String()
			}
		}
		if len(procs) != len(ours) {
			t.Fatalf("lsns sees %d namespaces of the load's %d", len(procs), len(ours))
		}
		return procs
	}
	agree(t, oracle, func() map[string]string {
		procs := map[string]string{}
		for _, n := range scanLive(t, Options{}).Namespaces {
			if c := n.Processes(); ours[n.String()] {
				procs[n.String()] = strconv.Itoa(c)
			}
		}
		return procs
	})
}

func TestAgainstIPNetnsPids(t *testing.T) {
	need.Program(t, "ip")
	dir := nstest.NewRunNames(t)
	process := nstest.Make(t, nstest.Process)
	dir.Bind("pids", process)
	name := filepath.Base(dir.Path("pids"))
	oracle := func() map[string]string {
		out, err := exec.Command("ip", "netns", "pids", name).Output()
		if err != nil {
			t.Fatal(err)
		}
		return map[string]string{name: fmt.Sprint(strings.Fields(string(out)))}
	}
	if got := oracle()[name]; got == "[]" {
		t.Fatal("ip netns pids sees nobody: the test would prove nothing")
	}
	agree(t, oracle, func() map[string]string {
		snap := scanLive(t, Options{})
		i := slices.IndexFunc(snap.Namespaces, func(n ns.Namespace) bool {
			return slices.ContainsFunc(n.Names, func(f ns.Name) bool { return f.Name == name })
		})
		if i < 0 {
			t.Fatalf("no namespace named %s", name)
		}
		var pids []string
		for _, h := range snap.Namespaces[i].Holders {
			if h.Kind == ns.KindProcess {
				pids = append(pids, h.PID.String())
			}
		}
		return map[string]string{name: fmt.Sprint(pids)}
	})
}

func TestManyNamespaces(t *testing.T) {
	testlock.Exclusive(t) // a load
	const many = 2000
	l := withLoad(t, load.Spec{Processes: many, Namespaces: many})
	dir := nstest.NewNames(t)
	for _, pid := range l.PIDs {
		dir.Symlink(fmt.Sprintf("ns-%d", pid), fmt.Sprintf("/proc/%d/ns/net", pid))
	}
	snap := scanLive(t, Options{NamesDirs: []string{dir.Dir}})
	found := map[int]bool{}
	for _, n := range snap.Namespaces {
		if n.Leader != nil && len(n.Names) == 1 && n.Names[0].Name == fmt.Sprintf("ns-%d", n.Leader.PID) {
			found[int(n.Leader.PID)] = true
		}
	}
	for _, pid := range l.PIDs {
		if !found[pid] {
			t.Errorf("namespace of process %d not found under its name", pid)
		}
	}
}

// The leader is the oldest process, whatever the order of PIDs.
func TestLeaderIsTheOldest(t *testing.T) {
	l := withLoad(t, load.Spec{Processes: 200, Namespaces: 4})
	s, err := newScanner(Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.host.Close()
	snap := scanLive(t, Options{})
	for _, made := range l.Namespaces { // others' processes may end and their PIDs be given again
		n := snap.Find(made.Inode)
		if n == nil || n.Leader == nil {
			t.Fatalf("namespace %d: %+v", made.Inode, n)
		}
		wrapped := s.oldest(n, false)
		for _, h := range n.Holders {
			st, leader := mustStat(t, s.host, int(h.PID)), mustStat(t, s.host, int(n.Leader.PID))
			if st.Start < leader.Start {
				t.Errorf("%s: leader %d is younger than %d", n, n.Leader.PID, h.PID)
			}
		}
		if got := n.Holders[wrapped].PID; got != n.Leader.PID {
			t.Errorf("%s: leader by PID order is %d, by start time %d", n, n.Leader.PID, got)
		}
	}
}

func mustStat(t *testing.T, h *host.Host, pid int) host.Stat {
	t.Helper()
	st, err := h.ReadStat(strconv.Itoa(pid))
	if err != nil {
		t.Fatal(err)
	}
	return st
}
