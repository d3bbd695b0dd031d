// SPDX-License-Identifier: Apache-2.0

package scan

import (
	"bytes"
	"context"
	"sync"
	"time"

	"github.com/nsinspect/nsinspect/internal/host"
	"github.com/nsinspect/nsinspect/internal/pool"
	"github.com/nsinspect/nsinspect/pkg/ns"
)

// Whole is Scan with details, and Describe for every namespace of the snapshot. Each process is
// read once: one that had started before the scan began, and still has its PID, is the one that
// was found, whatever it held then. The leader of a namespace is one of these. A child is the
// namespace of the snapshot. tasks has what was read of the processes beside that, by PID; those
// that are no more what was found are not in it.
func Whole(ctx context.Context, opts Options) (snap *ns.Snapshot, tasks map[ns.TaskID]host.Task, err error) {
	opts.Details = true
	s, err := newScanner(opts)
	if err != nil {
		return nil, nil, err
	}
	if opts.Host == nil {
		defer s.host.Close()
	}
	s.tasks = map[ns.TaskID]host.Task{}
	if snap, err = s.scan(ctx); err != nil {
		return nil, nil, err
	}
	snap.JoinChildren()
	return snap, s.tasks, nil
}

// describeAll describes what was found by a scan that began at a time of kernel.BootTime.
func (s *scanner) describeAll(ctx context.Context, snap *ns.Snapshot, begun time.Duration) error {
	d, err := newDetails(s.host, true)
	if err != nil {
		return err
	}
	if boot, err := s.host.BootTime(); err == nil { // if not, findLeaders leaves a gap
		d.boot = boot
	}
	d.many = &cgroups{}
	all := known{details: d, begun: begun - host.Tick, processes: map[ns.TaskID]*ns.Process{}}
	all.read(ctx, snap, s.tasks)
	for i := range snap.Namespaces {
		all.describe(&snap.Namespaces[i])
	}
	return ctx.Err()
}

// known has the processes that were there before the scan.
type known struct {
	*details
	begun     time.Duration
	processes map[ns.TaskID]*ns.Process
}

// read reads the processes of all holders.
func (k *known) read(ctx context.Context, snap *ns.Snapshot, tasks map[ns.TaskID]host.Task) {
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
	read := make([]reading, len(pids))
	pool.Each(ctx, len(pids), func(i int) {
		r, err := k.readTask(&ns.Holder{PID: pids[i]}, nil)
		if err == nil && r.Born != 0 && r.Born < k.begun {
			read[i] = r
		}
	})
	for i, pid := range pids {
		if k.processes[pid] = read[i].Process; read[i].Process != nil {
			tasks[pid] = read[i].Task
		}
	}
}

// cgroups has each text of a cgroup file once: those of most processes are equal.
type cgroups struct {
	mu    sync.Mutex
	texts map[string][]byte
}

func (c *cgroups) same(text []byte) []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	same, known := c.texts[string(text)]
	if !known {
		if c.texts == nil {
			c.texts = map[string][]byte{}
		}
		same = bytes.Clone(text)
		c.texts[string(text)] = same
	}
	return same
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
