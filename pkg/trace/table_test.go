// SPDX-License-Identifier: Apache-2.0

//go:build amd64 || arm64

package trace_test

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/internal/need"
	"github.com/nsinspect/nsinspect/pkg/trace"
)

const (
	tableFile = "testdata/calls.md"
	recorded  = "✔"
	restarted = "clone, interrupted"
)

// TestCallTable makes a call of every kind before every tier that this machine can have.
// A tier records it whole, or lacks what one of its limitations declares. What came of
// it is what the table has; UPDATE_GOLDEN=1 writes that. Other machines have other tiers:
// what did not run stays as it is.
func TestCallTable(t *testing.T) {
	need.Root(t)
	has32 := false
	t.Run("32-bit code", func(t *testing.T) {
		need.Compat32(t)
		has32 = true
	})
	table := readTable(t)
	for tier := trace.Tier(1); int(tier) <= len(trace.Tiers()); tier++ {
		t.Run(fmt.Sprintf("tier %d", tier), func(t *testing.T) {
			if tier == 1 {
				needsEveryEntry(t)
			}
			came := runTable(t, table, tier, has32)
			for _, row := range slices.Sorted(maps.Keys(came)) {
				got := came[row]
				if want := table.cells[cell{row, tier}]; got != want && !table.update {
					t.Errorf("%s, tier %d: %q, and the table has %q", row, tier, got, want)
				}
				table.cells[cell{row, tier}] = got
			}
		})
	}
	if table.update {
		for _, k := range append(kinds(t), &kind{name: restarted}) {
			table.rows = append(table.rows, k.name)
		}
		table.write(t)
	}
}

// runTable returns what came of each row before a tier. What a tier knows is less where something
// was lost, as by a burst of other processes or a thread that was preempted: where that may be why
// it is not what the table has, it looks again.
func runTable(t *testing.T, table *callTable, tier trace.Tier, has32 bool) map[string]string {
	t.Helper()
	for try := 1; ; try++ {
		came, lost, err := tryTable(t, tier, has32)
		if try < 5 && lost && (err != nil || table.differs(tier, came)) {
			t.Logf("try %d: something was lost; %v", try, err)
			continue
		}
		if err != nil {
			t.Error(err)
		}
		return came
	}
}

// differs reports whether what came of a tier is not what the table has.
func (c *callTable) differs(tier trace.Tier, came map[string]string) bool {
	for row, got := range came {
		if c.cells[cell{row, tier}] != got {
			return true
		}
	}
	return false
}

// tryTable is runTable, once. It reports whether something was lost, and all that is wrong.
func tryTable(t *testing.T, tier trace.Tier, has32 bool) (came map[string]string, lost bool, err error) {
	t.Helper()
	var all []*kind
	for _, k := range kinds(t) {
		if has32 || !k.old {
			all = append(all, k)
		}
	}
	for _, k := range all {
		if !k.late {
			k.start(t)
		}
	}
	s := openTier(t, tier)
	for _, k := range all {
		if k.late {
			k.start(t)
		}
		k.finish(t)
	}
	pid := interruptCalls(t)
	events, wrong := s.all(), []error(nil)
	came = map[string]string{}
	for _, k := range all {
		if errno := k.run.Errno(k.actor.acts[0].step); fmt.Sprint(errno != 0) != fmt.Sprint(k.fails()) {
			t.Fatalf("%s: %v", k.name, errno)
		}
		got, err := s.outcome(of(events, k.run.PID), k.expected())
		if err != nil {
			wrong = append(wrong, fmt.Errorf("%s: %w", k.name, err))
		}
		if k.over && err == nil && s.declares(trace.LacksShortLived) {
			got = string(trace.LacksShortLived) // and by chance more: it was seen before it ended, or not
		}
		came[k.name] = got
	}
	came[restarted], err = s.restartedOutcome(of(events, pid))
	wrong = append(wrong, err, s.notShown(came, has32))
	return came, s.hasLost(), errors.Join(wrong...)
}

// restartedOutcome is outcome for one of the calls that signals interrupted.
func (s *session) restartedOutcome(events []trace.Event) (string, error) {
	for _, e := range events {
		if !strings.HasPrefix(e.Interrupted(), "ERESTART") {
			continue
		}
		want := e
		want.PPID, want.Comm = os.Getpid(), interruptedBy
		want.Call, want.Flags, want.FD, want.Ret, want.Child = trace.Clone, unix.CLONE_VM|unix.CLONE_NEWUTS, -1, -1, 0
		got, err := s.outcome([]trace.Event{e}, want)
		if err != nil {
			err = fmt.Errorf("%s: %w", restarted, err)
		}
		return got, err
	}
	if !s.declares(trace.LacksFailures) {
		return "", errors.New("no call was interrupted")
	}
	return string(trace.LacksFailures), nil
}

// shownElsewhere are limitations that are none of a kind of call.
var shownElsewhere = []trace.Limitation{trace.LacksPreempted, trace.LacksPtraced, trace.LacksNested}

// notShown is an error unless a row shows each limitation that the tier declares: what it does
// not lack it is not to declare. One takes two threads on a kernel that preempts them.
func (s *session) notShown(came map[string]string, has32 bool) error {
	var missing []error
	for _, l := range s.Tier().Limitations {
		shown := slices.Contains(shownElsewhere, l) || l == trace.LacksCompat32 && !has32
		for _, got := range came {
			shown = shown || slices.Contains(strings.Split(got, ", "), string(l))
		}
		if !shown {
			missing = append(missing, fmt.Errorf("no row shows that the tier lacks %s", l))
		}
	}
	return errors.Join(missing...)
}

// openTier is open for a tier that the machine may lack.
func openTier(t *testing.T, tier trace.Tier) *session {
	t.Helper()
	if tier == 2 {
		probe, err := trace.Open(t.Context(), trace.Options{Tier: tier})
		if err != nil {
			need.Fentry.Lacks(t, err.Error())
		}
		need.Fentry.Has(t)
		if err := probe.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return open(t, trace.Options{Tier: tier})
}

// interruptCalls makes calls that signals interrupt, and returns the PID they had.
func interruptCalls(t *testing.T) int {
	t.Helper()
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), interruptedEnv+"=1")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return cmd.Process.Pid
}

// cell is a place of the table.
type cell struct {
	row  string
	tier trace.Tier
}

// callTable is the table in tableFile.
type callTable struct {
	cells  map[cell]string
	rows   []string // in order
	update bool
}

func readTable(t *testing.T) *callTable {
	t.Helper()
	table := &callTable{cells: map[cell]string{}, update: os.Getenv("UPDATE_GOLDEN") != ""}
	text, err := os.ReadFile(tableFile)
	if err != nil && !table.update {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		columns := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		for i, text := range columns[1:] {
			table.cells[cell{strings.TrimSpace(columns[0]), trace.Tier(i + 1)}] = strings.TrimSpace(text)
		}
	}
	return table
}

func (c *callTable) write(t *testing.T) {
	t.Helper()
	var out strings.Builder
	out.WriteString("| call |")
	tiers := trace.Tier(len(trace.Tiers()))
	for tier := trace.Tier(1); tier <= tiers; tier++ {
		fmt.Fprintf(&out, " tier %d |", tier)
	}
	out.WriteString("\n|---|" + strings.Repeat("---|", int(tiers)) + "\n")
	for _, row := range c.rows {
		fmt.Fprintf(&out, "| %s |", row)
		for tier := trace.Tier(1); tier <= tiers; tier++ {
			fmt.Fprintf(&out, " %s |", c.cells[cell{row, tier}])
		}
		out.WriteByte('\n')
	}
	if err := os.WriteFile(tableFile, []byte(out.String()), 0o644); err != nil {
		t.Fatal(err)
	}
}
