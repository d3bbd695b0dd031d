// SPDX-License-Identifier: Apache-2.0

package render

import (
	"bytes"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/nsinspect/nsinspect/internal/explain"
	"github.com/nsinspect/nsinspect/internal/need"
	"github.com/nsinspect/nsinspect/pkg/doctor"
	"github.com/nsinspect/nsinspect/pkg/ns"
)

// A script has the commands of the first way only, in comments until somebody wants them run,
// and nothing else that a shell runs.
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
	// As it is, nothing runs; without the # before commands, those do, and nothing else.
	scripts := map[string]string{
		out.String(): "",
		regexp.MustCompile(`(?m)^#([^ !])`).ReplaceAllString(out.String(), "$1"): strings.Repeat("first\nsecond\n", len(r.Findings)),
	}
	for _, shell := range [][]string{{"dash"}, {"bash"}, {"busybox", "sh"}} {
		need.Program(t, shell[0])
		for script, want := range scripts {
			dir := t.TempDir()
			for _, args := range [][]string{shell[1:], append(shell[1:len(shell):len(shell)], "-n")} {
				cmd := exec.Command(shell[0], args...)
				cmd.Dir, cmd.Stdin = dir, strings.NewReader(script)
				got, err := cmd.CombinedOutput()
				if len(args) == len(shell) { // only parsed
					want = ""
				}
				if err != nil || string(got) != want {
					t.Errorf("%s %s: %v: %q, want %q", shell[0], args, err, got, want)
				}
			}
			if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
				t.Errorf("%s left %v, %v", shell, left, err)
			}
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
