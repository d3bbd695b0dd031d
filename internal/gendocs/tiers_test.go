// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/nsinspect/nsinspect/internal/explain"
	"github.com/nsinspect/nsinspect/pkg/trace"
)

// TestTiersPage demands that docs/tiers.md has the table of pkg/trace, which its
// TestCallTable writes, and every limitation. UPDATE_GOLDEN=1 puts them there.
func TestTiersPage(t *testing.T) {
	const page = "../../docs/tiers.md"
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	table, err := os.ReadFile("../../pkg/trace/testdata/calls.md")
	if err != nil {
		t.Fatal(err)
	}
	want := between(t, string(text), "table", string(table))
	want = between(t, want, "words", limitationTable())
	if want == string(text) {
		return
	}
	if os.Getenv("UPDATE_GOLDEN") == "" {
		t.Fatalf("%s has another table; UPDATE_GOLDEN=1 writes it", page)
	}
	if err := os.WriteFile(page, []byte(want), 0o644); err != nil {
		t.Fatal(err)
	}
}

// limitationTable has each limitation that a tier declares, and what it does not record.
func limitationTable() string {
	all := []trace.Limitation{trace.LacksPreempted}
	for _, tier := range trace.Tiers() {
		all = append(all, tier.Limitations...)
	}
	slices.Sort(all)
	var out strings.Builder
	out.WriteString("| word | what is not recorded |\n|---|---|\n")
	for _, l := range slices.Compact(all) {
		sentence := explain.Limitations(trace.TierInfo{Limitations: []trace.Limitation{l}})
		fmt.Fprintf(&out, "| %s | %s |\n", l, strings.Join(sentence, ""))
	}
	return out.String()
}

// between returns a page with other text between a mark and the next end.
func between(t *testing.T, page, mark, text string) string {
	t.Helper()
	before, rest, found := strings.Cut(page, "<!-- "+mark+" -->\n")
	_, after, ended := strings.Cut(rest, "<!-- end -->")
	if !found || !ended {
		t.Fatalf("the page has no %s", mark)
	}
	return before + "<!-- " + mark + " -->\n" + text + "<!-- end -->" + after
}
