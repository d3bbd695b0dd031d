// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/nsinspect/nsinspect/internal/need"
	"github.com/nsinspect/nsinspect/internal/testreport"
)

// logOf returns what a boot showed of which every test passed that needs one of
// these features, and those of the others are skipped.
func logOf(has ...need.Feature) testreport.Summary {
	var b strings.Builder
	b.WriteString("@@begin pkg/a\n\x16=== RUN   TestPlain\n\x16--- PASS: TestPlain (0.00s)\n")
	for i, f := range need.Features {
		line, result := "this machine lacks "+string(f)+": why", "SKIP"
		if slices.Contains(has, f) {
			line, result = "this machine has "+string(f), "PASS"
		}
		fmt.Fprintf(&b, "\x16=== RUN   Test%d\n    a_test.go:1: %s\n\x16--- %s: Test%d (0.00s)\n", i, line, result, i)
	}
	b.WriteString("@@end pkg/a 0\n@@done\n")
	return newReport([]byte(b.String()), []suite{{dir: "pkg/a"}}).tests
}

// Each feature has to be proven by one kernel, which need not be the same.
func TestUnprovenFeature(t *testing.T) {
	first, rest := need.Features[0], need.Features[1:]
	var all []string
	for _, f := range need.Features {
		all = append(all, string(f))
	}
	for _, test := range []struct {
		shown []testreport.Summary
		want  []string
	}{
		{nil, all},
		{[]testreport.Summary{logOf(), logOf(rest...)}, all[:1]},
		{[]testreport.Summary{logOf(first), logOf()}, all[1:]},
		{[]testreport.Summary{logOf(first), logOf(rest...)}, nil},
		{[]testreport.Summary{logOf(need.Features...), logOf()}, nil},
	} {
		if got := notProven(test.shown); !slices.Equal(got, test.want) {
			t.Errorf("not proven: %q, want %q", got, test.want)
		}
	}
}
