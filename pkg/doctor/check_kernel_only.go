// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/nsinspect/nsinspect/pkg/scan"
)

// findKernelOnly finds namespaces that live and that nothing visible explains.
func findKernelOnly(x *exam) (all []Finding) {
	for _, n := range x.inState(kernel) {
		refs := 0
		for i := range n.Holders {
			refs += n.Holders[i].Refs
		}
		f := x.about(n)
		f.Summary = "nothing visible keeps it, and yet it lives"
		f.Evidence = append(f.Evidence, fmt.Sprintf("the kernel counts %d references to it", refs))
		f.Meaning = "Something inside the kernel holds it: a file below its /proc/net, a mount of NFS or SMB made in it, a detached mount, a leak in a driver. " +
			"Neither lsns nor ip netns shows it."
		f.Fix = []string{fmt.Sprintf("nsinspect who-uses %d   # again: what holds it may show up", n.Inode)}
		x.dated(&f)
		x.networked(&f)
		x.doubt(&f, "process", "thread", "fd", "socket", "mmap", "inflight", "mount")
		if !x.snap.MountsAll {
			f.Severity = Unknown
			f.Evidence = append(f.Evidence, "not certain: mount namespaces that no process is in were not read")
		}
		if orphans := x.closing(); orphans > 0 && orphans >= refs {
			f.Severity = Unknown
			f.Evidence = append(f.Evidence, fmt.Sprintf("not certain: %d TCP connections of ended processes are still closing and may hold it, for some minutes", orphans))
		}
		all = append(all, f)
	}
	return all
}

// closing returns how many TCP connections, of any network namespace, no process
// has any more and still wait for their peer: each holds its namespace
// (net/ipv4/proc.c, sockstat_seq_show, which counts those of all, 6.18).
func (x *exam) closing() int {
	n := x.snap.Find(x.snap.Initial[scan.Net])
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
