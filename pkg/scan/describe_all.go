// SPDX-License-Identifier: Apache-2.0

package scan

import (
	"context"
	"time"

	"github.com/nsinspect/nsinspect/internal/host"
	"github.com/nsinspect/nsinspect/internal/pool"
	"github.com/nsinspect/nsinspect/pkg/ns"
)

// DescribeAll is Describe for all namespaces of a snapshot whose scan began at a time of
// kernel.BootTime. Each process is read once: one that had started before, and still has its PID, is
// the one that was found, whatever it held then. A child is the namespace of the snapshot.
func DescribeAll(ctx context.Context, h *host.Host, snap *ns.Snapshot, begun time.Duration) error {
	d, err := newDetails(h, true)
	if err != nil {
		return err
	}
	if boot, err := h.BootTime(); err == nil { // if not, the scan has a gap
		d.boot = boot
	}
	d.many = true
	all := known{details: d, begun: begun - host.Tick, processes: map[ns.TaskID]*ns.Process{}}
	all.read(ctx, snap)
	for i := range snap.Namespaces {
		all.describe(&snap.Namespaces[i])
	}
	snap.JoinChildren()
	return ctx.Err()
}

// known has the processes that were there before the scan.
type known struct {
	*details
	begun     time.Duration
	processes map[ns.TaskID]*ns.Process
}

func (k *known) read(ctx context.Context, snap *ns.Snapshot) {
	var pids []ns.TaskID
	for i := range snap.Namespaces {
		for j := range snap.Namespaces[i].Holders {
			h := &snap.Namespaces[i].Holders[j]
			for _, pid := range []ns.TaskID{h.PID, pinOf(h)} {
				if _, there := k.processes[pid]; pid != 0 && !there {
					k.processes[pid] = nil
					pids = append(pids, pid)
				}
			}
		}
	}
	read := make([]*ns.Process, len(pids))
	pool.Each(ctx, len(pids), func(i int) {
		p, err := k.readTask(&ns.Holder{PID: pids[i]}, nil)
		if err == nil && p.Born != 0 && p.Born < k.begun {
			read[i] = p
		}
	})
	for i, pid := range pids {
		k.processes[pid] = read[i]
	}
}

func pinOf(h *ns.Holder) ns.TaskID {
	if h.Pin == nil {
		return 0
	}
	return h.Pin.PID
}

// describe is Describe, but for children.
func (k *known) describe(n *ns.Namespace) {
	kept := n.Holders[:0]
	for i := range n.Holders {
		h := &n.Holders[i]
		if k.fill(h) || k.details.describe(h, n.Type, n.Inode) {
			kept = append(kept, *h)
		}
	}
	n.Holders = kept
}

// fill fills in the process of a holder if that is known.
func (k *known) fill(h *ns.Holder) bool {
	p := k.processes[h.PID]
	if h.PID == 0 || h.TID != 0 || p == nil || h.Pin != nil {
		return false
	}
	if h.Kind != ns.KindMount {
		h.Process = p
		if h.Born == 0 {
			h.Born = p.Born
		}
	}
	return true
}
