// SPDX-License-Identifier: Apache-2.0

package doctor

import "slices"

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
)

// checks is the one table of checks, in the order in which they are reported. It is
// filled in init since the checks themselves look into it.
var checks []check

func init() {
	inside := []string{"process", "thread"}
	all := []string{"process", "thread", "fd", "socket", "mmap", "inflight", "kernel", "mount"}
	checks = []check{
		{checkStuckCleanup, "the kernel worker that frees namespaces is stuck", nil, false, findStuckCleanup},
		{checkReusedPID, "a symlink to /proc/PID leads to another process that got the PID later", []string{"name"}, false, findReusedPID},
		{checkLivePin, "a regular file here is the mount point of a namespace in another mount namespace", []string{"name", "mount"}, false, findLivePin},
		{checkLeftoverFile, "a regular file is left over in a names directory", []string{"name", "mount"}, false, findLeftoverFile},
		{checkDanglingLink, "a symlink in a names directory leads to no namespace", []string{"name"}, false, findDanglingLink},
		{checkDuplicateName, "two namespaces have the same name", []string{"name"}, false, findDuplicateName},
		{checkCoveredName, "a mounted name is covered by another mount", []string{"mount"}, false, findCoveredName},
		{checkDeadContainer, "a namespace outlives its container", append(inside, "mount", "name"), true, findDeadContainer},
		{checkNoProcess, "a namespace has a name and no process", append(inside, "mount", "name"), true, findNoProcess},
		{checkForeignMount, "a namespace without processes is mounted in another mount namespace only", append(inside, "mount"), true, findForeignMount},
		{checkHeldElsewhere, "a namespace is kept only by descriptors of processes outside of it", all[:6], true, findHeldElsewhere},
		{checkSplitThread, "a thread is in another namespace than its process", inside, false, findSplitThread},
		{checkKernelOnly, "a namespace is alive, and nothing visible holds it", all, true, findKernelOnly},
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
