// SPDX-License-Identifier: Apache-2.0

package scan

import (
	"fmt"
	"path"
	"slices"
	"strings"
)

// Verdict answers in one sentence who keeps the namespace alive, how many they
// are, and what would free it. It claims no more than the snapshot shows; what
// the snapshot's sources do not look for is said in a second one.
func (n *Namespace) Verdict(s *Snapshot) string {
	subject := n.String()
	if name := n.bestName(); name != "" {
		subject += " (" + name + ")"
	}
	if n.Initial {
		return fmt.Sprintf("%s is the host's own: the kernel keeps it for as long as it runs; %s in it.",
			subject, are(n.Processes(), KindProcess))
	}
	least := ""
	if !s.Complete() {
		least = "at least "
	}
	verdict := fmt.Sprintf("Nothing that was looked at keeps %s alive, and yet it is.", subject)
	if len(n.Holders) > 0 {
		verdict = fmt.Sprintf("%s is kept alive by %s%s; to free it, %s.", subject, least, n.tally(), n.release())
	}
	return verdict + " Not looked at: " + strings.Join(s.unread(), ", ") + "."
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

// tally counts the holders by kind: "2 processes and 1 mount".
func (n *Namespace) tally() string {
	var parts []string
	for _, k := range Kinds() {
		if c := n.Count(k); c > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", c, k.Plural(c)))
		}
	}
	return andJoin(parts)
}

// release says what to do to free the namespace: every holder must go.
func (n *Namespace) release() string {
	tasks := n.listed(KindProcess, 3, func(h *Holder) string { return fmt.Sprintf("%s (pid %d)", h.comm(), h.PID) })
	tasks = append(tasks, n.listed(KindThread, 3, func(h *Holder) string {
		return fmt.Sprintf("thread %d of %s (pid %d)", h.TID, h.comm(), h.PID)
	})...)
	var steps []string
	if len(tasks) > 0 {
		steps = append(steps, "end "+andJoin(tasks))
	}
	return andJoin(append(steps, n.listed(KindMount, 3, unmount)...))
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

func unmount(h *Holder) string {
	if h.Covered {
		return "unmount " + h.Path + " below the mount that covers it"
	}
	if path.Dir(h.Path) == "/run/netns" {
		return "run `ip netns del " + path.Base(h.Path) + "`"
	}
	return "unmount " + h.Path
}

func (h *Holder) comm() string {
	if h.Process == nil {
		return "process"
	}
	return h.Process.Comm
}

// unread names the holders that no source of the snapshot looks for.
func (s *Snapshot) unread() []string {
	looked := map[Kind]string{KindProcess: "process", KindThread: "thread", KindMount: "mount"}
	words := map[Kind]string{KindProcess: "processes", KindThread: "threads", KindMount: "mounts"}
	var unread []string
	for k, source := range looked {
		if !slices.Contains(s.Sources, source) {
			unread = append(unread, words[k])
		}
	}
	slices.Sort(unread)
	return append(unread, "open files", "sockets", "mounts in other mount namespaces")
}

func andJoin(parts []string) string {
	if len(parts) < 2 {
		return strings.Join(parts, "")
	}
	last := len(parts) - 1
	return strings.Join(parts[:last], ", ") + " and " + parts[last]
}
