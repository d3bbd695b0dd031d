// SPDX-License-Identifier: Apache-2.0

package render

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/nsinspect/nsinspect/internal/explain"
	"github.com/nsinspect/nsinspect/pkg/doctor"
	"github.com/nsinspect/nsinspect/pkg/ns"
)

// Of many findings of one check a terminal shows the first few, and every other finding whole.
func TestFewFindings(t *testing.T) {
	many := func(n int) *doctor.Report {
		r := doctor.Report{Snapshot: &ns.Snapshot{}}
		for i := range n {
			r.Findings = append(r.Findings, doctor.Finding{Check: "foreign-mount", Severity: doctor.Warning, Subject: fmt.Sprintf("net:[%d]", i), Text: explain.Text{Summary: "kept"}})
		}
		r.Findings = append(r.Findings, doctor.Finding{Check: "no-process", Severity: doctor.Warning, Subject: "net:[4000] (blue)", Text: explain.Text{Summary: "a name keeps it"}})
		return &r
	}
	printed := func(r *doctor.Report, style Style) string {
		t.Helper()
		var out bytes.Buffer
		if err := Doctor(&out, r, Table, style); err != nil {
			t.Fatal(err)
		}
		return out.String()
	}
	for _, c := range []struct {
		findings int
		style    Style
		shown    int
		line     string
	}{
		{2000, Style{}, 2000, ""},
		{2000, Style{Height: 24}, 3, "\n… 1,997 more foreign-mount: net:[3], net:[4] and 1,995 others (--all shows them)\n"},
		{2000, Style{Height: 24, ASCII: true}, 3, "\n... 1,997 more foreign-mount: net:[3], net:[4] and 1,995 others (--all shows them)\n"},
		{6, Style{Height: 10}, 3, "\n… 3 more foreign-mount: net:[3], net:[4] and 1 other (--all shows them)\n"},
		{5, Style{Height: 10}, 3, "\n… 2 more foreign-mount: net:[3], net:[4] (--all shows them)\n"},
		{4, Style{Height: 10}, 4, ""},
		{6, Style{Height: 100}, 6, ""},
	} {
		got := printed(many(c.findings), c.style)
		if n := strings.Count(got, "warning: foreign-mount: "); n != c.shown || !strings.Contains(got, c.line) || strings.Contains(got, " more ") != (c.line != "") {
			t.Errorf("%d findings, %+v: %d shown, want %d with %q:\n%.600s", c.findings, c.style, n, c.shown, c.line, got)
		}
		if !strings.Contains(got, "no-process: net:[4000] (blue)\n  what   a name keeps it\n") {
			t.Errorf("%d findings, %+v: the other one is not there", c.findings, c.style)
		}
	}
}
