// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/nsinspect/nsinspect/internal/need"
	"github.com/nsinspect/nsinspect/internal/testreport"
)

// step is one step of CI.
type step struct {
	name   string
	took   time.Duration
	status int // 0: it passed
}

// parseSteps parses lines of a name, seconds and an exit status, divided by tabs.
func parseSteps(text string) ([]step, error) {
	var all []step
	for line := range strings.Lines(text) {
		fields := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		if len(fields) != 3 {
			return nil, fmt.Errorf("parse a step: %q has %d fields, want 3", line, len(fields))
		}
		seconds, err := strconv.Atoi(fields[1])
		if err != nil {
			return nil, fmt.Errorf("parse a step's seconds: %w", err)
		}
		status, err := strconv.Atoi(fields[2])
		if err != nil {
			return nil, fmt.Errorf("parse a step's status: %w", err)
		}
		all = append(all, step{fields[0], time.Duration(seconds) * time.Second, status})
	}
	return all, nil
}

// write prints the steps with what their tests showed, why tests were skipped, what
// this machine has and lacks, and which tests failed.
func write(w io.Writer, steps []step, suites []testreport.Summary) error {
	var b strings.Builder
	passed, failed, skipped := writeSteps(&b, steps, suites)
	writeSkips(&b, suites)
	writeFeatures(&b, suites)
	for _, s := range suites {
		for _, t := range s.Failed {
			fmt.Fprintf(&b, "failed: %s: %s\n", s.Suite, t)
		}
	}
	fmt.Fprintf(&b, "\n%d passed, %d failed, %d skipped\n", passed, failed, skipped)
	_, err := io.WriteString(w, b.String())
	return err
}

// writeSteps prints a line a step, and one a suite of a step that has several, as
// one a kernel. It returns the sums: a step without tests counts as one, and so does
// one that failed though no test did.
func writeSteps(b *strings.Builder, steps []step, suites []testreport.Summary) (passed, failed, skipped int) {
	table := tabwriter.NewWriter(b, 0, 0, 2, ' ', 0)
	fmt.Fprintf(table, "STEP\tRESULT\tTIME\tPASSED\tFAILED\tSKIPPED\n")
	line := func(name, result, took string, p, f, s int) {
		fmt.Fprintf(table, "%s\t%s\t%s\t%d\t%d\t%d\n", name, result, took, p, f, s)
	}
	for _, st := range steps {
		own := of(st.name, suites)
		var p, f, s int
		for _, suite := range own {
			p, f, s = p+suite.Passed, f+len(suite.Failed), s+len(suite.Skipped)
		}
		result := "passed"
		if st.status != 0 {
			result, f = "FAILED", max(f, 1)
		} else if len(own) == 0 {
			p = 1
		}
		line(st.name, result, st.took.String(), p, f, s)
		for _, suite := range own {
			if name, ok := strings.CutPrefix(suite.Suite, st.name+": "); ok {
				line("  "+name, "", "", suite.Passed, len(suite.Failed), len(suite.Skipped))
			}
		}
		passed, failed, skipped = passed+p, failed+f, skipped+s
	}
	table.Flush() // cannot fail: into memory
	return passed, failed, skipped
}

// of returns the suites of a step: its own, and those called "STEP: PART".
func of(step string, suites []testreport.Summary) []testreport.Summary {
	var own []testreport.Summary
	for _, s := range suites {
		if s.Suite == step || strings.HasPrefix(s.Suite, step+": ") {
			own = append(own, s)
		}
	}
	return own
}

// writeSkips prints how many tests were skipped for each reason, by suite.
func writeSkips(b *strings.Builder, suites []testreport.Summary) {
	table := tabwriter.NewWriter(b, 0, 0, 2, ' ', 0)
	head := "\nSKIPPED\tIN\tBECAUSE\n"
	for _, s := range suites {
		count := map[string]int{}
		var reasons []string
		for _, skip := range s.Skipped {
			if count[skip.Reason]++; count[skip.Reason] == 1 {
				reasons = append(reasons, skip.Reason)
			}
		}
		slices.Sort(reasons)
		for _, reason := range reasons {
			fmt.Fprintf(table, "%s%d\t%s\t%s\n", head, count[reason], s.Suite, reason)
			head = ""
		}
	}
	table.Flush() // cannot fail: into memory
}

// writeFeatures prints where each feature that a machine may lack was proven, and
// where it is missing.
func writeFeatures(b *strings.Builder, suites []testreport.Summary) {
	table := tabwriter.NewWriter(b, 0, 0, 2, ' ', 0)
	fmt.Fprintf(table, "\nFEATURE\tIN\t\n")
	for _, f := range need.Features {
		for _, s := range suites {
			for _, p := range s.Proofs {
				switch {
				case p.Feature == f && p.Has:
					fmt.Fprintf(table, "%s\t%s\tpassed\n", f, s.Suite)
				case p.Feature == f:
					fmt.Fprintf(table, "%s\t%s\t%s\n", f, s.Suite, p.Reason)
				}
			}
		}
		if !slices.ContainsFunc(suites, func(s testreport.Summary) bool { return s.Proven(f) }) {
			fmt.Fprintf(table, "%s\t\tnot proven on any machine\n", f)
		}
	}
	table.Flush() // cannot fail: into memory
}
