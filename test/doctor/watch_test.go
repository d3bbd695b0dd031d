// SPDX-License-Identifier: Apache-2.0

//go:build amd64 || arm64

package doctor

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
)

// bystanders is a script that makes what has nothing to do with the namespace in question:
// processes in namespaces of their own and beside them, files, and mounts of namespaces.
const bystanders = `mkdir /run/by; touch /run/by/file /run/by/uts /run/by/net; unshare --uts=/run/by/uts true; unshare --net=/run/by/net true
ip netns add bystander; mount --bind /run/by /run/by
sleep 601 & sleep 602 7</run/by/uts & unshare -u -i -m sleep 603 & unshare -n sleep 604 &
for p in $(jobs -p); do until [ "$(cat /proc/$p/comm)" = sleep ]; do sleep .02; done; done
`

// watched is what a host has: its processes, by PID and start time, its mounts and the files
// of its /run.
type watched map[string]bool

// watch returns what the host has now. Processes are those that the broken host has
// started: others come and go.
func (h *brokenHost) watch(t *testing.T) watched {
	t.Helper()
	w := watched{}
	h.addProcesses(w, h.pid)
	for what, command := range map[string][]string{
		"file":  {"find", "/run", "-type", "d", "-printf", "%p %i %m %U\\n", "-o", "-printf", "%p %y %i %m %U %s\\n"},
		"mount": {"cat", "/proc/self/mountinfo"},
	} {
		out, err := h.command(command[0], command[1:]...).Output()
		if err != nil {
			t.Fatalf("%q: %v", command, err)
		}
		for line := range strings.Lines(string(out)) {
			w[what+" "+strings.TrimSpace(line)] = true
		}
	}
	return w
}

// addProcesses adds a process and its children. Their names do not count: a shell becomes
// what it executes.
func (h *brokenHost) addProcesses(w watched, pid int) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return // it has ended
	}
	_, rest, _ := strings.Cut(string(stat), ") ")
	if fields := strings.Fields(rest); fields[0] == "Z" {
		return
	} else if pid != h.pid {
		w[fmt.Sprintf("process %d %s", pid, fields[19])] = true
	}
	children, err := os.ReadFile(fmt.Sprintf("/proc/%[1]d/task/%[1]d/children", pid))
	if err != nil {
		return
	}
	for _, text := range strings.Fields(string(children)) {
		var child int
		if _, err := fmt.Sscan(text, &child); err == nil {
			h.addProcesses(w, child)
		}
	}
}

// untouched fails the test if anything is gone or changed but processes that hold the
// namespace and mounts of it, which the text of who-uses about it has, or if anything is new.
// The file that a mount was on may be gone with it.
func (h *brokenHost) untouched(t *testing.T, before watched, uses string) {
	t.Helper()
	after := h.watch(t)
	for what := range after {
		if !before[what] && !concerns(what, uses) {
			t.Errorf("new: %s", what)
		}
	}
	for what := range before {
		if !after[what] && !concerns(what, uses) {
			t.Errorf("gone: %s", what)
		}
	}
}

// concerns reports whether what who-uses has printed about a namespace has a process or path.
func concerns(what, uses string) bool {
	fields := strings.Fields(what)
	if fields[0] == "process" {
		return regexp.MustCompile(`"(pid|seen_by_pid)": ` + fields[1] + `\b`).MatchString(uses)
	}
	path := fields[1]
	if fields[0] == "mount" {
		path = fields[5]
	}
	return strings.Contains(uses, `"path": "`+path+`"`)
}
