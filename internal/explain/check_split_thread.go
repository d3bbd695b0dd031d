// SPDX-License-Identifier: Apache-2.0

package explain

import (
	"fmt"

	"github.com/nsinspect/nsinspect/pkg/ns"
)

// AboutSplitThread is what the check finds.
const AboutSplitThread = "a thread is in another namespace than its process"

// SplitThread writes about threads of a process that are in n, while the process is in home.
// about is the one that the finding is about.
func (a *Adviser) SplitThread(n, home, about *ns.Namespace, threads []*ns.Holder) (t Text) {
	pid := threads[0].PID
	switch {
	case n.Initial: // it is the first thread that has left: the process is where that is
		t.Summary = fmt.Sprintf("the first thread of %s is in it, and others are in %s: %d of them", a.Who(pid), named(n), len(threads))
	case len(threads) > 1:
		t.Summary = fmt.Sprintf("%d threads of %s are in it, and the process is in %s", len(threads), a.Who(pid), named(home))
	default:
		t.Summary = fmt.Sprintf("a thread of %s is in it, and the process is in %s", a.Who(pid), named(home))
	}
	for _, h := range threads {
		text := fmt.Sprintf("thread %d", h.TID)
		if h.Process != nil {
			text += fmt.Sprintf(" (%s), started %s", h.Process.Comm, Stamp(h.Process.Started))
		}
		t.See(text)
	}
	if about.Processes() == 0 && about.Count(ns.KindMount) == 0 {
		t.See("no process is in it, and it has no name")
	}
	wrong := "network"
	if n.Type != ns.Net {
		wrong = n.Type.String() + " namespace"
	}
	t.Meaning = "The program moved a thread with setns or unshare and did not move it back. In Go any goroutine may run on that thread next " +
		"and use the wrong " + wrong + "; the thread also keeps the namespace alive. A program that means to keep a thread there looks the same."
	t.fix(a.restart(n, threads[0], a.maker(n).And(a.maker(home))))
	return t
}

// named names a namespace in a sentence.
func named(n *ns.Namespace) string {
	if n.Initial {
		return n.String() + ", the host's"
	}
	return n.String()
}
