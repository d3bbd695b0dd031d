// SPDX-License-Identifier: Apache-2.0

package scan

import (
	"context"
	"time"

	"github.com/nsinspect/nsinspect/pkg/ns"
)

// children describes the children of a namespace, and theirs. They are often held by the
// same processes, each of which is read once.
type children struct {
	*details
	tasks     map[task]*ns.Process
	described map[uint64]*ns.Namespace // by inode; nil for one that has ended
}

// task identifies the task of a holder.
type task struct {
	pid, tid ns.TaskID
	born     time.Duration
}

func taskBehind(h *ns.Holder) task { return task{h.PID, h.TID, h.Born} }

// describe replaces each child of a namespace, which may be another one's child too, with a
// copy that has the processes of its holders, and drops those that have ended.
func (c *children) describe(ctx context.Context, n *ns.Namespace) {
	for i := range n.Holders {
		if h := &n.Holders[i]; h.IsTask() && h.Process != nil && h.Born != 0 {
			c.tasks[taskBehind(h)] = h.Process
		}
	}
	kept := n.Holders[:0]
	for _, h := range n.Holders {
		if h.Kind == ns.KindChild {
			h.Child = c.child(ctx, h.Child)
		}
		if h.Kind != ns.KindChild || h.Child != nil {
			kept = append(kept, h)
		}
	}
	n.Holders = kept
}

// child returns the described copy of a child, nil if nothing holds it any more.
func (c *children) child(ctx context.Context, n *ns.Namespace) *ns.Namespace {
	if done, ok := c.described[n.Inode]; ok {
		return done
	}
	described := *n
	described.Holders = make([]ns.Holder, 0, len(n.Holders))
	for _, h := range n.Holders {
		if p := c.tasks[taskBehind(&h)]; p != nil && h.IsTask() {
			h.Process = p
		} else if ctx.Err() == nil && !c.details.describe(&h, n.Type, n.Inode) {
			continue
		}
		described.Holders = append(described.Holders, h)
	}
	c.describe(ctx, &described)
	c.described[n.Inode] = nil
	if len(described.Holders) > 0 || len(n.Holders) == 0 {
		c.described[n.Inode] = &described
	}
	return c.described[n.Inode]
}
