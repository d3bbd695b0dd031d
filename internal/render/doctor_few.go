// SPDX-License-Identifier: Apache-2.0

package render

import (
	"bytes"
	"fmt"
	"io"
	"strings"

	"github.com/nsinspect/nsinspect/internal/text"
	"github.com/nsinspect/nsinspect/pkg/doctor"
)

// fewFindings is how many findings of one check are written in full where all of them would fill
// more than a screen.
const fewFindings = 3

// writeFindings writes the findings; of many of one check the first few alone, where they are
// more lines than a screen has room for.
func writeFindings(w io.Writer, all []doctor.Finding, style Style) {
	var out bytes.Buffer
	for i := range all {
		writeFinding(&out, &all[i], style)
		if style.Height > 0 && bytes.Count(out.Bytes(), []byte{'\n'}) >= style.Height {
			writeFewFindings(w, all, style)
			return
		}
	}
	_, _ = w.Write(out.Bytes()) // a buffer takes all
}

func writeFewFindings(w io.Writer, all []doctor.Finding, style Style) {
	hint := " (--all shows them)"
	for len(all) > 0 {
		n := 1
		for n < len(all) && all[n].Check == all[0].Check && all[n].Severity == all[0].Severity {
			n++
		}
		shown := n
		if n > fewFindings+1 {
			shown = fewFindings
		}
		for i := range all[:shown] {
			writeFinding(w, &all[i], style)
		}
		if shown < n {
			fmt.Fprintf(w, "\n%s%s\n", paint(Escape(moreFindings(all[shown:n], style)), severityColor(all[0].Severity), style), hint)
			hint = ""
		}
		all = all[n:]
	}
}

// moreFindings names findings of one check: "… 1,997 more foreign-mount: net:[4026532385],
// net:[4026532454] and 1,995 others".
func moreFindings(all []doctor.Finding, style Style) string {
	lead := "… "
	if style.ASCII {
		lead = "... "
	}
	const named = 2
	var names []string
	for i := range all[:min(named, len(all))] {
		names = append(names, all[i].Subject)
	}
	more := fmt.Sprintf("%s%s more %s: %s", lead, text.Count(len(all)), all[0].Check, strings.Join(names, ", "))
	if left := len(all) - named; left > 0 {
		more += fmt.Sprintf(" and %s others", text.Count(left))
		if left == 1 {
			more = strings.TrimSuffix(more, "s")
		}
	}
	return more
}
