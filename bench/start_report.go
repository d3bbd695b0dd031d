// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// The commands that have targets.
const (
	startVersion = "version"
	startList    = "list"
	startProc    = "list --engine proc"
	startTrace   = "trace --syscalls -o json"

	helloName = "hello world in Go"
)

// The targets of a start: of time from exec to exit, and of page faults.
const (
	targetListLsns      = 2.5 // times lsns -t net, at most
	targetProcLsns      = 1.5
	targetListHello     = 25 * time.Millisecond // more than hello world, at most
	targetVersionHello  = 4 * time.Millisecond
	targetTraceReady    = 60 * time.Millisecond
	targetListFaults    = 1400 // at most
	targetVersionFaults = 330
)

// nameOf returns what a row of one of our commands is called.
func nameOf(command string) string {
	if command == startTrace {
		return "nsinspect " + command + ", until it records"
	}
	return "nsinspect " + command
}

// startReport is what was found of short commands.
type startReport struct {
	Machine   machine
	Processes int // of the machine
	Runs      int
	Compared  bool // with an older nsinspect
	Starters  []*starter
}

// countProcesses counts those that /proc shows.
func countProcesses() (n int, err error) {
	entries, err := os.ReadDir("/proc")
	for _, e := range entries {
		if _, err := strconv.Atoi(e.Name()); err == nil {
			n++
		}
	}
	return n, err
}

func faultsIn(s sample) int64 { return s.Faults }

// taken returns the median of what a starter took; 0 if it took no part.
func taken[T ~int64](r startReport, name string, field func(sample) T) T {
	for _, s := range r.Starters {
		if s.name == name {
			return medianBy(s.samples, field)
		}
	}
	return 0
}

func (r startReport) targets() []target {
	lsns, hello := taken(r, lsnsNet, wall), taken(r, helloName, wall)
	timesLsns := func(command string, most float64) target {
		found := ratio(taken(r, nameOf(command), wall), lsns)
		return target{fmt.Sprintf("%s: at most %.1f × lsns -t net", command, most), times(found) + " ×",
			verdict(found > 0, false, found <= most)}
	}
	beyondHello := func(command string, most time.Duration) target {
		found := taken(r, nameOf(command), wall) - hello
		return target{fmt.Sprintf("%s: at most %d ms more than hello world", command, most.Milliseconds()),
			milliseconds(found) + " ms", verdict(hello > 0, false, found <= most)}
	}
	faults := func(command string, most int64) target {
		found := taken(r, nameOf(command), faultsIn)
		return target{fmt.Sprintf("%s: at most %d minor page faults", command, most), strconv.FormatInt(found, 10),
			verdict(found > 0, false, found <= most)}
	}
	ready := taken(r, nameOf(startTrace), wall)
	return []target{
		timesLsns(startList, targetListLsns),
		beyondHello(startList, targetListHello),
		faults(startList, targetListFaults),
		timesLsns(startProc, targetProcLsns),
		beyondHello(startVersion, targetVersionHello),
		faults(startVersion, targetVersionFaults),
		{fmt.Sprintf("trace: records within %d ms of exec", targetTraceReady.Milliseconds()), milliseconds(ready) + " ms",
			verdict(ready > 0, false, ready <= targetTraceReady)},
	}
}

// markdown is what goes into the page.
func (r startReport) markdown() string {
	var b strings.Builder
	older := ""
	if r.Compared {
		older = " -before OLDER"
	}
	fmt.Fprintf(&b, "Machine: %s.\n\n```\ngo run ./bench start -runs %d%s\n```\n\n", r.Machine, r.Runs, older)
	fmt.Fprintf(&b, "On the machine as it is, with %d processes, medians of %d rounds in which all run in turn, from exec to exit, output to a file. CPU is user and system time.\n", r.Processes, r.Runs)
	if r.Compared {
		b.WriteString("\"Before\" is an older nsinspect.\n")
	}
	b.WriteByte('\n')
	t := table{{"target on a small host", "found", ""}}
	for _, x := range r.targets() {
		t = append(t, []string{x.Promise, x.Found, x.Met})
	}
	t.markdown(&b)
	b.WriteByte('\n')
	t = table{{"", "wall ms", "× lsns", "CPU ms", "× lsns", "minor page faults"}}
	lsnsWall, lsnsCPU := taken(r, lsnsNet, wall), taken(r, lsnsNet, cpu)
	for _, s := range r.Starters {
		took, used := medianBy(s.samples, wall), medianBy(s.samples, cpu)
		t = append(t, []string{s.name, milliseconds(took), times(ratio(took, lsnsWall)), milliseconds(used), times(ratio(used, lsnsCPU)),
			strconv.FormatInt(medianBy(s.samples, faultsIn), 10)})
	}
	t.markdown(&b)
	return b.String()
}
