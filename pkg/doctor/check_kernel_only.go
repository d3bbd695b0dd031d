// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"slices"
	"strconv"
	"strings"

	"github.com/nsinspect/nsinspect/internal/explain"
	"github.com/nsinspect/nsinspect/pkg/ns"
)

// findKernelOnly finds namespaces that live and that nothing visible explains.
func findKernelOnly(x *inspection) (all []Finding) {
	for _, n := range x.inState(heldByKernel) {
		f := x.about(n)
		x.write(&f, func(a *explain.Adviser) explain.Text { return a.KernelOnly(n) })
		x.addAge(&f)
		x.addLinks(&f)
		x.uncertain(&f, "process", "thread", "fd", "socket", "mmap", "inflight", "mount")
		if x.brief {
			all = append(all, f)
			continue
		}
		if !x.snap.MountsAll {
			f.Severity = Unknown
			f.NotCertain(explain.WhyMountNamespaces)
		}
		if why := x.closing(n); why != "" {
			f.Severity = Unknown
			f.NotCertain(why)
		}
		all = append(all, f)
	}
	return all
}

// closing returns why a namespace that nothing visible keeps may be kept for some
// minutes only, "" if nothing speaks for that: by TCP connections whose processes
// have ended and whose peers have not answered yet.
func (x *inspection) closing(n *ns.Namespace) string {
	found := 0
	for i := range n.Holders {
		if n.Holders[i].Closing() {
			found++
		}
	}
	if found > 0 {
		return explain.Closing(found, true)
	}
	if open, err := x.connections(n); err == nil && open > 0 {
		return explain.Closing(open, true)
	} else if err == nil {
		return ""
	}
	if open := x.orphans(); open > 0 {
		return explain.Closing(open, false)
	}
	return ""
}

// orphans returns how many TCP connections of all network namespaces no process
// has any more (net/ipv4/proc.c, sockstat_seq_show, 6.18).
func (x *inspection) orphans() int {
	n := x.snap.Find(x.snap.Initial[ns.Net])
	if n == nil || n.Leader == nil {
		return 0
	}
	text, err := x.host.ReadProc(n.Leader.PID, "net/sockstat", 4096)
	if err != nil {
		return 0
	}
	return orphans(string(text))
}

// orphans reads the number behind "orphan" of a sockstat file.
func orphans(sockstat string) int {
	words := strings.Fields(sockstat)
	i := slices.Index(words, "orphan")
	if i < 0 || i+1 == len(words) {
		return 0
	}
	n, err := strconv.Atoi(words[i+1])
	if err != nil || n < 0 {
		return 0
	}
	return n
}
