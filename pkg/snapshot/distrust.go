// SPDX-License-Identifier: Apache-2.0

package snapshot

import (
	"github.com/nsinspect/nsinspect/internal/text"
	"github.com/nsinspect/nsinspect/pkg/doctor"
)

// command is a command in a sentence.
var command = text.Pattern{Text: "`[^`]*`"}

// Distrust takes every command out of a file that somebody could have written whom the reader
// does not trust.
func (f *File) Distrust() {
	for inode, a := range f.Answers {
		a.Verdict, a.Fix, a.Advice = without(a.Verdict), []string{}, withoutAll(a.Advice)
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
	f.Fix, f.Alternative = []string{}, nil
	f.Summary, f.Meaning = without(f.Summary), without(f.Meaning)
	f.Evidence, f.Advice = withoutAll(f.Evidence), withoutAll(f.Advice)
}

func without(sentence string) string {
	return command.Compiled().ReplaceAllLiteralString(sentence, "a command that is left out")
}

func withoutAll(all []string) []string {
	out := []string{}
	for _, s := range all {
		out = append(out, without(s))
	}
	return out
}
