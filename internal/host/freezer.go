// SPDX-License-Identifier: Apache-2.0

package host

import (
	"path"
	"slices"
	"strings"
)

// Freezer is what keeps a process from running by its cgroups; the zero value is nothing.
type Freezer struct {
	// V2 is true if a cgroup of cgroup v2 is frozen. SIGKILL ends the process all the same, and
	// a signal that it catches waits (kernel/signal.c, get_signal, and do_freezer_trap, 6.18).
	V2 bool

	// V1 are the files that freeze the process, where THAWED is to be written, in cgroup v1. No
	// signal ends it before (kernel/freezer.c, __refrigerator, 6.18).
	V1 []string
}

// Frozen reports whether something keeps the process from running.
func (f Freezer) Frozen() bool { return f.V2 || f.V1 != nil }

// The directories in which all machines have the cgroups that freeze.
const (
	freezerV1  = "/sys/fs/cgroup/freezer"
	unified    = "/sys/fs/cgroup"
	unifiedToo = "/sys/fs/cgroup/unified" // beside those of cgroup v1
)

// FreezerOf returns what freezes a process whose cgroup file has that text. What it cannot read
// it takes for nothing.
func (h *Host) FreezerOf(cgroups string) (f Freezer) {
	for c := range Cgroups(cgroups) {
		switch {
		case strings.HasPrefix(c.Path, "/.."): // outside of our cgroup namespace, and not mounted
		case c.Hierarchy == "0":
			f.V2 = f.V2 || h.reads(unified, c.Path, "cgroup.events", "frozen 1") || h.reads(unifiedToo, c.Path, "cgroup.events", "frozen 1")
		case slices.Contains(strings.Split(c.Controllers, ","), "freezer"):
			f.V1 = h.frozenAbove(c.Path)
		}
	}
	return f
}

// frozenAbove returns the files that freeze a cgroup of cgroup v1: its own and that of each
// around it which was written to.
func (h *Host) frozenAbove(cgroup string) (files []string) {
	if !h.reads(freezerV1, cgroup, "freezer.state", "FROZEN") {
		return nil
	}
	for ; len(cgroup) > 1; cgroup = path.Dir(cgroup) {
		if h.reads(freezerV1, cgroup, "freezer.self_freezing", "1") {
			files = append(files, path.Join(freezerV1, cgroup, "freezer.state"))
		}
	}
	return files
}

// reads reports whether a file of a cgroup has a line.
func (h *Host) reads(root, cgroup, file, line string) bool {
	const most = 4096
	t, err := h.OpenTree(root)
	if err != nil {
		return false
	}
	defer t.Close()
	text, _, err := t.ReadFile(strings.TrimPrefix(path.Join(cgroup, file), "/"), most)
	return err == nil && slices.Contains(strings.Split(string(text), "\n"), line)
}
