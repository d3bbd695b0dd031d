// SPDX-License-Identifier: Apache-2.0

package testreport

import (
	"regexp"
	"slices"
	"strings"

	"github.com/nsinspect/nsinspect/internal/need"
)

// Test names a test, or a package as a whole.
type Test struct{ Package, Name string }

func (t Test) String() string { return strings.TrimSpace(t.Package + " " + t.Name) }

const module = "github.com/nsinspect/nsinspect/"

func short(path string) string { return strings.TrimPrefix(path, module) }

// Skip is a test that was skipped.
type Skip struct {
	Test   Test
	Reason string
}

// Proof is what a test showed of a feature.
type Proof struct {
	Feature need.Feature
	Has     bool
	Reason  string // why the machine lacks it
}

// Summary is what a suite showed. Subtests count as tests.
type Summary struct {
	Suite   string
	Passed  int
	Failed  []Test
	Skipped []Skip
	Proofs  []Proof // each once
}

// Add counts a test that ended with "pass", "fail" or "skip" and printed this.
func (s *Summary) Add(t Test, action, output string) {
	switch action {
	case "pass":
		s.Passed++
	case "skip":
		s.Skipped = append(s.Skipped, Skip{t, Reason(output)})
	default:
		s.Failed = append(s.Failed, t)
		return // it proves nothing
	}
	for line := range strings.Lines(output) {
		f, has, ok := need.ParseLog(line)
		if !ok || has && action != "pass" {
			continue
		}
		p := Proof{Feature: f, Has: has}
		if !has {
			p.Reason = Reason(output)
		}
		if !slices.Contains(s.Proofs, p) {
			s.Proofs = append(s.Proofs, p)
		}
	}
}

// Proven reports whether a test that needs the feature passed.
func (s *Summary) Proven(f need.Feature) bool {
	return slices.ContainsFunc(s.Proofs, func(p Proof) bool { return p.Feature == f && p.Has })
}

var (
	logged  = regexp.MustCompile(`^[a-zA-Z0-9_]+\.go:\d+: (.*)`)
	framing = regexp.MustCompile(`^(=== (RUN|PAUSE|CONT|NAME)\b|--- (PASS|FAIL|SKIP): )`)
)

// Reason returns why a test was skipped: the last line that it logged. A script's is
// the line that skips it.
func Reason(output string) string {
	for _, line := range slices.Backward(strings.Split(output, "\n")) {
		line = strings.TrimSpace(line)
		if line == "" || framing.MatchString(line) {
			continue
		}
		if m := logged.FindStringSubmatch(line); m != nil {
			return m[1]
		}
		return line
	}
	return "no reason given"
}

// merge adds what another run of the same suite showed.
func (s *Summary) merge(o Summary) {
	s.Passed += o.Passed
	s.Failed = append(s.Failed, o.Failed...)
	s.Skipped = append(s.Skipped, o.Skipped...)
	for _, p := range o.Proofs {
		if !slices.Contains(s.Proofs, p) {
			s.Proofs = append(s.Proofs, p)
		}
	}
}
