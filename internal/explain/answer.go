// SPDX-License-Identifier: Apache-2.0

package explain

import "github.com/nsinspect/nsinspect/pkg/ns"

// Answer is what is written of one namespace.
type Answer struct {
	Verdict string
	Fix     []string // shell commands that free it, in order
	Advice  []string // what else to do, or what to do where there is no safe command, a sentence each
}

// Answer answers who keeps a namespace alive and what frees it.
func (a *Adviser) Answer(n *ns.Namespace) Answer {
	if recorded, ok := a.Answers[n.Inode]; ok {
		return recorded
	}
	free := a.Free(n)
	return Answer{a.Verdict(n, free), Commands(free), Advice(free)}
}
