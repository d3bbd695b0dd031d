// SPDX-License-Identifier: Apache-2.0

package scan

import (
	"fmt"
	"slices"
	"strings"
)

// Verdict answers in one sentence who keeps the namespace alive, how many they
// are, and what would free it. It claims no more than the snapshot shows; what
// the snapshot's sources do not look for is said in a second one.
func (n *Namespace) Verdict(s *Snapshot) string {
	subject := n.Title()
	if n.Initial {
		least := s.least(func(source string) bool { return source == "process" })
		return fmt.Sprintf("%s is the host's own: the kernel keeps it for as long as it runs; %s%s in it.",
			subject, least, are(n.Processes(), KindProcess))
	}
	least := s.least(func(source string) bool { return source != SourceLink }) // links hold nothing
	verdict := fmt.Sprintf("Nothing that was looked at keeps %s alive, and yet it is.", subject)
	if len(n.Holders) > 0 {
		verdict = fmt.Sprintf("%s is kept alive by %s%s; to free it, %s%s.", subject, least, andJoin(n.Tally()), least, n.release(s))
	}
	if unread := s.unread(); len(unread) > 0 {
		verdict += " Not looked at: " + strings.Join(unread, ", ") + "."
	}
	return verdict
}

// least is what to say before a number that gaps of some sources may have made too
// small.
func (s *Snapshot) least(counts func(source string) bool) string {
	if slices.ContainsFunc(s.Gaps, func(g Gap) bool { return counts(g.Source) }) {
		return "at least "
	}
	return ""
}

// Title is the namespace as a sentence names it: "net:[4026532177] (blue)".
func (n *Namespace) Title() string {
	if name := n.bestName(); name != "" {
		return n.String() + " (" + name + ")"
	}
	return n.String()
}

// bestName is a name that keeps the namespace alive or, failing that, any.
func (n *Namespace) bestName() string {
	for _, name := range n.Names {
		if name.Kind == NameMount {
			return name.Name
		}
	}
	if len(n.Names) > 0 {
		return n.Names[0].Name
	}
	return ""
}

func are(n int, k Kind) string {
	if n == 1 {
		return fmt.Sprintf("1 %s is", k)
	}
	return fmt.Sprintf("%d %s are", n, k.Plural(n))
}

// Tally counts the holders by kind, in words: "2 processes", "1 mount".
func (n *Namespace) Tally() []string {
	var parts []string
	for i, c := range n.Counts() {
		if c > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", c, Kind(i).Plural(c)))
		}
	}
	return parts
}

// listed names up to most holders of a kind and counts the others.
func (n *Namespace) listed(k Kind, most int, name func(*Holder) string) []string {
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

// LookedFor reports whether a source of the snapshot looks for a kind of holder.
func (s *Snapshot) LookedFor(k Kind) bool {
	return slices.Contains(s.Sources, sourceOf(k))
}

// LookingAt says in a user's words what a source looks at.
func LookingAt(name string) string {
	for _, src := range sources {
		if src.name == name && len(src.kinds) > 0 {
			var where []string
			for _, k := range src.kinds {
				where = append(where, kinds[k].where)
			}
			return strings.Join(where, ", ")
		}
	}
	return name
}

// sourceOf returns the name of the source that finds a kind of holder.
func sourceOf(k Kind) string {
	i := slices.IndexFunc(sources, func(src source) bool { return slices.Contains(src.kinds, k) })
	return sources[i].name
}

// unread names the holders that no source of the snapshot looks for.
func (s *Snapshot) unread() []string {
	var unread []string
	for _, k := range Kinds() {
		if !s.LookedFor(k) {
			unread = append(unread, kinds[k].where)
		}
	}
	if slices.Contains(s.Sources, "mount") {
		if !s.MountsAll {
			unread = append(unread, "mount namespaces that no process is in")
		}
		if !s.LoneMounts {
			unread = append(unread, "detached mounts")
		}
	}
	return unread
}

func andJoin(parts []string) string {
	if len(parts) < 2 {
		return strings.Join(parts, "")
	}
	last := len(parts) - 1
	return strings.Join(parts[:last], ", ") + " and " + parts[last]
}
