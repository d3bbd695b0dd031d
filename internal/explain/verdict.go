// SPDX-License-Identifier: Apache-2.0

// Package explain writes the verdict on a namespace and the advice how to free it.
package explain

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/nsinspect/nsinspect/internal/text"
	"github.com/nsinspect/nsinspect/pkg/ns"
)

// Verdict answers in one sentence who keeps the namespace alive, how many they
// are, and what would free it. It claims no more than the snapshot shows; what
// the snapshot's sources do not look for is in a second one.
func Verdict(n *ns.Namespace, s *ns.Snapshot) string {
	subject := text.Title(n)
	if n.Initial {
		least := least(s, func(source string) bool { return source == "process" })
		return fmt.Sprintf("%s is the host's own: the kernel keeps it for as long as it runs; %s%s in it.",
			subject, least, are(n.Processes(), ns.KindProcess))
	}
	least := least(s, func(source string) bool { return source != ns.SourceLink }) // links hold nothing
	verdict := fmt.Sprintf("Nothing that was looked at keeps %s alive, and yet it is.", subject)
	if len(n.Holders) > 0 {
		verdict = fmt.Sprintf("%s is kept alive by %s%s; to free it, %s%s.", subject, least, andJoin(n.Tally()), least, release(n, s))
	}
	if unread := s.Unread(); len(unread) > 0 {
		verdict += " Not looked at: " + strings.Join(unread, ", ") + "."
	}
	return verdict
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

// listed names up to most holders of a kind and counts the others.
func listed(n *ns.Namespace, k ns.Kind, most int, name func(*ns.Holder) string) []string {
	var parts []string
	more := 0
	for i := range n.Holders {
		if h := &n.Holders[i]; h.Kind != k {
			continue
		} else if len(parts) < most {
			parts = append(parts, name(h))
		} else {
			more++
		}
	}
	if more > 0 {
		parts = append(parts, fmt.Sprintf("%d more %s", more, k.Plural(more)))
	}
	return parts
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
