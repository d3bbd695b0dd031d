// SPDX-License-Identifier: Apache-2.0

package render

import (
	"bytes"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/nsinspect/nsinspect/internal/explain"
	"github.com/nsinspect/nsinspect/internal/need"
	"github.com/nsinspect/nsinspect/pkg/doctor"
	"github.com/nsinspect/nsinspect/pkg/ns"
)

// A script has the commands of the first way only, and nothing else that a shell runs.
func TestScript(t *testing.T) {
	r := &doctor.Report{Snapshot: &ns.Snapshot{Namespaces: make([]ns.Namespace, 3)}}
	for _, hostile := range []string{
		"a\ntouch pwned", "a\r\ntouch pwned\n", "$(touch pwned)", "`touch pwned`", "'; touch pwned; '", "\u2028touch pwned", "größe\x01\xff", `\`, "end\\",
	} {
		r.Findings = append(r.Findings, doctor.Finding{
			Check: "leftover-file", Severity: doctor.Warning, Subject: hostile,
			Text: explain.Text{
				Summary: hostile, Evidence: []string{hostile}, Meaning: hostile,
				Fix: []string{"echo first", "echo second"}, Alternative: []string{"echo other"}, Advice: []string{hostile, "Run `touch pwned`."},
			},
		})
	}
	r.Undecided = []doctor.Undecided{{Check: "live-pin", Why: "a\ntouch pwned"}}
	var out bytes.Buffer
	if err := Doctor(&out, r, Script, Style{}); err != nil {
		t.Fatal(err)
	}
	if bad := strings.Trim(out.String(), "\n"); strings.ContainsFunc(bad, func(c rune) bool { return c != '\n' && (c < ' ' || c > '~') }) {
		t.Errorf("script %q, want printable ASCII", bad)
	}
	want := strings.Repeat("first\nsecond\n", len(r.Findings))
	for _, shell := range [][]string{{"dash"}, {"bash"}, {"busybox", "sh"}} {
		need.Program(t, shell[0])
		dir := t.TempDir()
		cmd := exec.Command(shell[0], shell[1:]...)
		cmd.Dir, cmd.Stdin = dir, bytes.NewReader(out.Bytes())
		got, err := cmd.CombinedOutput()
		if err != nil || string(got) != want {
			t.Errorf("%s: %v: %q, want %q", shell, err, got, want)
		}
		if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
			t.Errorf("%s left %v, %v", shell, left, err)
		}
	}
	// Of a line that a shell without comments runs, it expands nothing.
	for line := range strings.Lines(out.String()) {
		text, ok := strings.CutPrefix(strings.TrimSpace(line), "# ")
		if quoted := strings.HasPrefix(text, "'") && strings.HasSuffix(text, "'") && strings.Count(text, "'") == 2; ok && !quoted && strings.ContainsAny(text, "$`;&|<>()*?[]~!\\\"'#") {
			t.Errorf("comment %q", line)
		}
	}
}
