// SPDX-License-Identifier: Apache-2.0

package explain

import (
	"cmp"
	"fmt"
	"iter"
	"slices"
	"strings"

	"github.com/nsinspect/nsinspect/internal/text"
	"github.com/nsinspect/nsinspect/pkg/ns"
)

// Verdict is that of an adviser who has the snapshot only.
func Verdict(n *ns.Namespace, s *ns.Snapshot) string {
	a := Adviser{Snapshot: s}
	return a.Verdict(n, a.Free(n))
}

// Verdict answers in one sentence who keeps the namespace alive, how many they
// are, and what would free it, which is what Free returned. It claims no more than the
// snapshot shows; what the snapshot's sources do not look for is in a second one.
func (a *Adviser) Verdict(n *ns.Namespace, free iter.Seq[Fix]) string {
	s, subject := a.Snapshot, text.Title(n)
	if n.Initial {
		least := least(s, func(source string) bool { return source == "process" })
		return fmt.Sprintf("%s is the host's own: the kernel keeps it for as long as it runs; %s%s in it.",
			subject, least, are(n.Processes(), ns.KindProcess))
	}
	steps := steps(free)
	least := least(s, holds)
	verdict := fmt.Sprintf("Nothing that was looked at keeps %s alive, and yet it is.", subject)
	if r := n.References; r != nil && r.Explained > r.Total { // something was closed meanwhile
		least = "at least "
	}
	if len(n.Holders) > 0 {
		kept, hidden := least+andJoin(visible(n)), unexplained(n)
		switch {
		case hidden != "" && len(visible(n)) == 0:
			kept = least + hidden
		case hidden != "":
			least = "at least "
			kept = least + andJoin(visible(n)) + ", and " + hidden
		}
		verdict = fmt.Sprintf("%s is kept alive by %s; to free it, %s%s.", subject, kept, least, andJoin(steps))
	}
	if unread := s.Unread(); len(unread) > 0 {
		verdict += " Not looked at: " + strings.Join(unread, ", ") + "."
	}
	return verdict
}

// visible returns the tally without the references that nothing explains.
func visible(n *ns.Namespace) (all []string) {
	for i, count := range n.Counts() {
		if k := ns.Kind(i); count > 0 && k != ns.KindKernel {
			all = append(all, fmt.Sprintf("%d %s", count, k.Plural(count)))
		}
	}
	return all
}

// unexplained returns in words the references that nothing visible explains, "" if there
// are none.
func unexplained(n *ns.Namespace) string {
	const by = " that no visible holder explains"
	switch refs := n.Unexplained(); {
	case refs > 0:
		return References(refs) + by
	case n.Count(ns.KindKernel) > 0:
		return "something" + by
	}
	return ""
}

// References returns a number of references in words.
func References(n int) string {
	if n == 1 {
		return "1 reference"
	}
	return fmt.Sprintf("%d references", n)
}

// holds reports whether a source finds holders: names, owners and links hold nothing.
func holds(source string) bool {
	return slices.ContainsFunc(ns.Kinds(), func(k ns.Kind) bool { return k.Source() == source })
}

// least is what to say before a number that gaps of some sources may have made too
// small.
func least(s *ns.Snapshot, counts func(source string) bool) string {
	if slices.ContainsFunc(s.Gaps, func(g ns.Gap) bool { return slices.ContainsFunc(g.Sources, counts) }) {
		return "at least "
	}
	return ""
}

func are(n int, k ns.Kind) string {
	if n == 1 {
		return fmt.Sprintf("1 %s is", k)
	}
	return fmt.Sprintf("%d %s are", n, k.Plural(n))
}

// LookingAt returns in a user's words what a source reads.
func LookingAt(source string) string {
	var where []string
	for _, k := range ns.Kinds() {
		if k.Source() == source {
			where = append(where, k.Where())
		}
	}
	return cmp.Or(strings.Join(where, ", "), source)
}

func andJoin(parts []string) string {
	if len(parts) < 2 {
		return strings.Join(parts, "")
	}
	last := len(parts) - 1
	return strings.Join(parts[:last], ", ") + " and " + parts[last]
}
