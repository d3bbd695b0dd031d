// SPDX-License-Identifier: Apache-2.0

package snapshot

import (
	"strings"

	"github.com/nsinspect/nsinspect/internal/text"
	"github.com/nsinspect/nsinspect/pkg/doctor"
)

// command is a command in a sentence, which may have no end.
var command = text.Pattern{Text: "`[^`]*(?:`|$)"}

// Distrust takes every command, and all advice, out of a file that somebody could have written whom
// the reader does not trust.
func (f *File) Distrust() {
	for inode, a := range f.Answers {
		verdict, _, advised := strings.Cut(a.Verdict, "; to free it,")
		if advised {
			verdict += "."
		}
		a.Verdict, a.Fix, a.Advice = without(verdict), []string{}, []string{}
		f.Answers[inode] = a
	}
	if f.Report == nil {
		return
	}
	for i := range f.Report.Findings {
		distrust(&f.Report.Findings[i])
	}
}

func distrust(f *doctor.Finding) {
	f.Fix, f.Alternative, f.Advice = []string{}, nil, []string{}
	f.Summary, f.Meaning = without(f.Summary), without(f.Meaning)
	for i := range f.Evidence {
		f.Evidence[i] = without(f.Evidence[i])
	}
}

func without(sentence string) string {
	return command.Compiled().ReplaceAllLiteralString(sentence, "a command that is left out")
}
