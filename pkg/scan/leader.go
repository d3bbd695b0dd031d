// SPDX-License-Identifier: Apache-2.0

package scan

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/nsinspect/nsinspect/internal/host"
	"github.com/nsinspect/nsinspect/internal/kernel"
	"github.com/nsinspect/nsinspect/internal/pool"
	"github.com/nsinspect/nsinspect/internal/record"
	"github.com/nsinspect/nsinspect/pkg/ns"
)

// findLeaders gives every namespace its leader: the oldest process in it. A
// process that has ended or left since it was seen is dropped; so is a
// namespace that had nothing else.
func (s *scanner) findLeaders(ctx context.Context, snap *ns.Snapshot) {
	d, err := newDetails(s.host, s.opts.Details)
	if err != nil {
		s.found.Gaps = append(s.found.Gaps, ns.Gap{Sources: []string{"process"}, Path: "/proc", Err: err})
		return
	}
	if d.full {
		if d.boot, err = s.host.BootTime(); err != nil {
			s.found.Gaps = append(s.found.Gaps, ns.Gap{Sources: []string{"process"}, Path: "/proc/stat", Err: err})
		}
	}
	ordered := s.pidsInStartOrder()
	alive := make([]bool, len(snap.Namespaces))
	pool.Each(ctx, len(snap.Namespaces), func(i int) {
		n := &snap.Namespaces[i]
		s.findLeader(d, n, ordered)
		alive[i] = len(n.Holders) > 0 || len(n.Names) > 0
	})
	kept := snap.Namespaces[:0]
	for i := range snap.Namespaces {
		if alive[i] {
			kept = append(kept, snap.Namespaces[i])
		}
	}
	snap.Namespaces = kept
}

func (s *scanner) findLeader(d *details, n *ns.Namespace, ordered bool) {
	for {
		i := s.oldest(n, ordered)
		if i < 0 {
			return
		}
		if n.Leader = n.Holders[i].Process; n.Leader != nil {
			return // it was described
		}
		p, err := d.read(&n.Holders[i], n.Type, n.Inode)
		if err == nil {
			n.Leader = p
			return
		}
		if !d.gone(err) {
			path := fmt.Sprintf("/proc/%d/stat", n.Holders[i].PID)
			s.take(record.Found{Gaps: []ns.Gap{{Sources: []string{"process"}, Path: path, Err: host.Cause(err)}}})
			return
		}
		n.Holders = slices.Delete(n.Holders, i, i+1)
	}
}

// firstReusedPID is where the kernel starts again when PIDs have run out: lower
// ones are never given a second time (kernel/pid.c, RESERVED_PIDS, 6.18).
const firstReusedPID = 300

// oldest returns the index of the oldest process in n, -1 if there is none. The
// holders are sorted by PID. Reading a start time costs more than all else the
// scan does for a process, so it is read only where nothing cheaper decides.
func (s *scanner) oldest(n *ns.Namespace, ordered bool) int {
	inside := make([]int, 0, n.Count(ns.KindProcess))
	for i := range n.Holders {
		if h := &n.Holders[i]; h.Kind == ns.KindProcess && h.Via == ns.NoVia {
			inside = append(inside, i)
		}
	}
	if len(inside) == 0 {
		return -1
	}
	first := inside[0]
	if len(inside) == 1 || ordered || !s.host.Recorded() && n.Holders[first].PID < firstReusedPID {
		return first
	}
	if !slices.ContainsFunc(inside, func(i int) bool { return n.Holders[i].Born == 0 }) { // the engine has read them all
		return slices.MinFunc(inside, func(a, b int) int { return cmp.Compare(n.Holders[a].Born, n.Holders[b].Born) })
	}
	best, bestBorn := -1, time.Duration(0)
	for _, i := range inside {
		if s.hasElder(n, inside, n.Holders[i].PID) {
			continue
		}
		st, err := s.host.ReadStat(n.Holders[i].PID.String())
		if err != nil {
			return i // ended: whoever reads it next will drop it and ask again
		}
		if best < 0 || st.Born() < bestBorn {
			best, bestBorn = i, st.Born()
		}
	}
	if best < 0 {
		return first // cannot happen: some session leader has no elder
	}
	return best
}

// hasElder reports whether the leader of a process's session is in n as well. A
// session is joined only by being born into it, so its leader is the older one.
func (s *scanner) hasElder(n *ns.Namespace, inside []int, pid ns.TaskID) bool {
	own, ok := s.host.Own(pid)
	if !ok {
		return false
	}
	sid := ns.TaskID(kernel.Session(own))
	if sid == 0 || sid == pid {
		return false
	}
	_, found := slices.BinarySearchFunc(inside, sid, func(i int, sid ns.TaskID) int { return int(n.Holders[i].PID - sid) })
	return found
}

// pidsInStartOrder reports whether a lower PID is an older process on this
// machine, which is so until PIDs run out and are given again. The kernel hands
// them out in turn; the last one given (/proc/loadavg) then equals the number
// of forks since boot (/proc/stat), give or take forks that failed and the idle
// tasks. Where anything looks otherwise the answer is no, which only costs time.
func (s *scanner) pidsInStartOrder() bool {
	const slack = 250 // less than the PIDs skipped at the first wrap
	if s.host.Recorded() || !s.host.IsKernelThread(2) {
		return false
	}
	var forks, last int
	stat, err := s.host.ReadFile("/proc/stat")
	if err != nil {
		return false
	}
	if _, rest, ok := strings.Cut(stat, "\nprocesses "); !ok {
		return false
	} else if _, err := fmt.Sscanf(rest, "%d\n", &forks); err != nil {
		return false
	}
	loadavg, err := s.host.ReadFile("/proc/loadavg")
	if err != nil {
		return false
	}
	fields := strings.Fields(loadavg)
	if len(fields) != 5 {
		return false
	}
	if last, err = strconv.Atoi(fields[4]); err != nil || int(s.highestPID) > last {
		return false
	}
	return forks-last < slack && last-forks < slack
}
