// SPDX-License-Identifier: Apache-2.0

package explain

import (
	"github.com/nsinspect/nsinspect/internal/text"
	"github.com/nsinspect/nsinspect/pkg/ns"
)

// Answer is what is written of one namespace.
type Answer struct {
	Verdict string
	Fix     []string // shell commands that free it, in order
	Advice  []string // what else to do, or what to do where there is no safe command, a sentence each
}

// Lists is an Answer of which there may be much.
type Lists struct {
	Verdict     string
	Fix, Advice text.List
}

// Answer answers who keeps a namespace alive and what frees it.
func (a *Adviser) Answer(n *ns.Namespace) Answer {
	if recorded, ok := a.Answers[n.Inode]; ok {
		return recorded
	}
	l := a.Lists(n)
	return l.Whole()
}

// Whole returns the answer.
func (l *Lists) Whole() Answer {
	return Answer{l.Verdict, l.Fix.Unpack(), l.Advice.Unpack()}
}

// Lists returns the lists of an answer.
func (a *Answer) Lists() *Lists {
	l := Lists{Verdict: a.Verdict}
	l.Fix.Add(a.Fix...)
	l.Advice.Add(a.Advice...)
	return &l
}

// Lists is Answer for a namespace of a snapshot that is from no file.
func (a *Adviser) Lists(n *ns.Namespace) Lists {
	var all collected
	verdict := a.Verdict(n, func(yield func(Fix) bool) {
		for f := range a.Free(n) {
			if all.add(&f); !yield(f) {
				return
			}
		}
	})
	return Lists{verdict, all.commands.List, all.advice.List}
}
