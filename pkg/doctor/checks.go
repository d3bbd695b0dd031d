// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"slices"

	"github.com/nsinspect/nsinspect/internal/explain"
)

// check is one thing that can be wrong. A new one is a file and a row.
type check struct {
	name   string
	about  string   // what it finds, for help and documentation
	needs  []string // sources without which finding nothing means nothing
	listed bool     // but the kernel's own list of namespaces is enough: what is wrong would be on it, unexplained or without a process
	find   func(*inspection) []Finding
}

// The names of the checks.
const (
	checkLeftoverFile  = "leftover-file"
	checkLivePin       = "live-pin"
	checkDanglingLink  = "dangling-link"
	checkReusedPID     = "reused-pid"
	checkDuplicateName = "duplicate-name"
	checkCoveredName   = "covered-name"
	checkNoProcess     = "no-process"
	checkDeadContainer = "dead-container"
	checkForeignMount  = "foreign-mount"
	checkHeldElsewhere = "held-elsewhere"
	checkSplitThread   = "split-thread"
	checkKernelOnly    = "kernel-only"
	checkStuckCleanup  = "stuck-cleanup"
	checkLimits        = "limits"
	checkUnusedUserNS  = "unused-userns"
)

// checks is the one table of checks, in the order in which they are reported. It is
// filled in init since the checks themselves look into it.
var checks []check

func init() {
	inside := []string{"process", "thread"}
	all := []string{"process", "thread", "fd", "socket", "mmap", "inflight", "kernel", "mount"}
	checks = []check{
		{checkStuckCleanup, explain.AboutStuckCleanup, nil, false, findStuckCleanup},
		{checkLimits, explain.AboutLimits, append(inside, "mount"), true, findLimits},
		{checkReusedPID, explain.AboutReusedPID, []string{"name"}, false, findReusedPID},
		{checkLivePin, explain.AboutLivePin, []string{"name", "mount"}, false, findLivePin},
		{checkLeftoverFile, explain.AboutLeftoverFile, []string{"name", "mount"}, false, findLeftoverFile},
		{checkDanglingLink, explain.AboutDanglingLink, []string{"name"}, false, findDanglingLink},
		{checkDuplicateName, explain.AboutDuplicateName, []string{"name"}, false, findDuplicateName},
		{checkCoveredName, explain.AboutCoveredName, []string{"mount"}, false, findCoveredName},
		{checkDeadContainer, explain.AboutDeadContainer, append(inside, "mount", "name"), true, findDeadContainer},
		{checkNoProcess, explain.AboutNoProcess, append(inside, "mount", "name"), true, findNoProcess},
		{checkForeignMount, explain.AboutForeignMount, append(inside, "mount"), true, findForeignMount},
		{checkHeldElsewhere, explain.AboutHeldElsewhere, all[:6], true, findHeldElsewhere},
		{checkSplitThread, explain.AboutSplitThread, inside, false, findSplitThread},
		{checkUnusedUserNS, explain.AboutUnusedUserNS, nil, false, findUnusedUserNS},
		{checkKernelOnly, explain.AboutKernelOnly, all, true, findKernelOnly},
	}
}

// order is where a check stands in the table.
func order(name string) int {
	return slices.IndexFunc(checks, func(c check) bool { return c.name == name })
}

// About describes a check for help and documentation.
type About struct{ Name, Text string }

// Checks returns every check, in order.
func Checks() []About {
	var all []About
	for _, c := range checks {
		all = append(all, About{c.name, c.about})
	}
	return all
}
