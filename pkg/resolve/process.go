// SPDX-License-Identifier: Apache-2.0

package resolve

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/nsinspect/nsinspect/internal/host"
	"github.com/nsinspect/nsinspect/internal/text"
	"github.com/nsinspect/nsinspect/pkg/ns"
)

// IsProcess reports whether a reference may lead to a process without a scan.
func (r Ref) IsProcess() bool { return r.kind == refPID || r.kind == refSelf }

// Process returns the process that a reference means, which is in namespace n that the
// reference was found to point at in a snapshot, and when it was born after boot: that of its
// number, one of the container, pod or unit that it names, or n's leader. The time is 0 where
// the number is all that is known of the process. snap may be nil for what IsProcess.
//
// A container may be in a namespace with others, as the host's: their leader is none of its
// processes.
func (r Ref) Process(ctx context.Context, h *host.Host, known Aliases, snap *ns.Snapshot, n *ns.Namespace) (ns.TaskID, time.Duration, error) {
	in := func(pid ns.TaskID) bool {
		t, inode, err := h.NamespaceAt("/proc/" + pid.String() + "/ns/" + n.Type.String())
		return err == nil && t == n.Type && inode == n.Inode
	}
	switch {
	case r.kind == refPID && (!r.bare || in(r.pid)):
		return r.pid, 0, nil
	case r.kind == refSelf && h.OwnTaskIDs():
		return ns.TaskID(os.Getpid()), 0, nil
	}
	if snap != nil && known != nil && r.mayBeAlias() && r.kind != refHost {
		pid, err := r.ofAlias(ctx, known, snap, n, in)
		if pid != 0 || err != nil {
			return pid, 0, err
		}
	}
	switch {
	case n.Leader == nil:
		return 0, 0, fmt.Errorf("no process is in %s", text.Title(n))
	case n.Leader.Born == 0:
		return 0, 0, fmt.Errorf("which process leads %s is not certain: use pid:N", text.Title(n))
	}
	return n.Leader.PID, n.Leader.Born, nil
}

// ofAlias returns the process of what others call so, 0 if nobody does whose word counts.
func (r Ref) ofAlias(ctx context.Context, known Aliases, snap *ns.Snapshot, n *ns.Namespace, in func(ns.TaskID) bool) (ns.TaskID, error) {
	aliases, err := known.Aliases(ctx, snap, r.text, false)
	if err != nil && r.kind == refOwner {
		return 0, err
	}
	var pids []ns.TaskID
	whole := slices.ContainsFunc(aliases, func(a ns.Alias) bool { return !a.Partial && r.believes(a.Authority) })
	called := false
	for _, a := range aliases {
		if !r.believes(a.Authority) || a.Partial && (whole || r.bare && len(r.text) < 12) {
			continue
		}
		called = true
		if a.PID != 0 && in(a.PID) && !slices.Contains(pids, a.PID) {
			pids = append(pids, a.PID)
		}
	}
	switch {
	case len(pids) == 1:
		return pids[0], nil
	case len(pids) > 1:
		return 0, fmt.Errorf("%s fits %d processes, %d and %d among them: use pid:N", quoted(r.text), len(pids), pids[0], pids[1])
	case strings.HasPrefix(r.text, "pod:") && !n.Initial:
		return 0, nil // all of what is in a pod's own network namespace is the pod's
	case called || r.kind == refOwner || r.uid != 0:
		return 0, fmt.Errorf("no process of %s is known: use pid:N", quoted(r.text))
	}
	return 0, nil
}
