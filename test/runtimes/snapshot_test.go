// SPDX-License-Identifier: Apache-2.0

package runtimes

import (
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nsinspect/nsinspect/internal/nstest"
)

// TestSnapshot has containers of every runtime answered for from a file as they are live.
func TestSnapshot(t *testing.T) {
	needDocker(t)
	needPodman(t)
	needLXC(t)
	startDocker(t).run(t, "web")
	startPodman(t).run(t, "db")
	lxc := newLXC(t).run(t, "box")
	n := newInspect(t)
	refs := []string{"docker:web", "podman:db", "lxc:" + lxc.name}
	file := filepath.Join(t.TempDir(), "snapshot.json.gz")
	nstest.Eventually(t, func() string {
		var live []string
		var commands [][]string
		for _, format := range []string{"table", "wide", "json"} {
			commands = append(commands, append([]string{"who-uses", "-o", format}, refs...), append([]string{"list", "-o", format}, refs...))
		}
		for _, c := range commands {
			live = append(live, answered(t, n, c...))
		}
		if _, stderr, status := n.run(t, "snapshot", "-o", file); status != 0 {
			return stderr
		}
		for i, c := range commands {
			if diff := cmp.Diff(live[i], answered(t, n, append(c, "--from", file)...)); diff != "" {
				return strings.Join(c, " ") + " from a file (-live +file):\n" + diff
			}
		}
		return ""
	})
}

// ages are what is different at another time.
var ages = regexp.MustCompile(`(?m)^as of .*\n|"taken": ".*"|\b([0-9]+[dhms])+( old)? by [a-z]+\b| +$`)

// answered returns what a command prints, but for times and the widths of columns.
func answered(t *testing.T, n nsinspect, args ...string) string {
	t.Helper()
	stdout, stderr, status := n.run(t, args...)
	if status != 0 {
		t.Fatalf("%v: exit status %d: %s", args, status, stderr)
	}
	return regexp.MustCompile(`  +`).ReplaceAllString(ages.ReplaceAllString(stdout, ""), "  ")
}
