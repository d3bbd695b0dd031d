// SPDX-License-Identifier: Apache-2.0

package scan

import (
	"context"

	"github.com/nsinspect/nsinspect/internal/pool"
	"github.com/nsinspect/nsinspect/pkg/ns"
)

// answer is what read returns.
type answer struct {
	process *ns.Process
	err     error
}

// hasFile reports whether what read returns of a holder is the same for all that its task has
// open: where the task is does not matter.
func hasFile(h *ns.Holder) bool { return h.PID != 0 && !h.IsTask() && h.Kind != ns.KindMount }

// readFileTasks reads each task that has something open which holds n, once: a program that leaks
// descriptors has a hundred thousand.
func (d *details) readFileTasks(ctx context.Context, n *ns.Namespace) {
	var first []*ns.Holder
	seen := map[task]int{}
	for i := range n.Holders {
		h := &n.Holders[i]
		if !hasFile(h) {
			continue
		}
		if _, there := seen[taskBehind(h)]; !there {
			seen[taskBehind(h)] = len(first)
			first = append(first, h)
		}
	}
	answers := make([]answer, len(first))
	pool.Each(ctx, len(first), func(i int) {
		answers[i].process, answers[i].err = d.read(first[i], n.Type, n.Inode)
	})
	d.fileTasks = make(map[task]answer, len(first))
	for behind, i := range seen {
		if a := answers[i]; a.process != nil || a.err != nil { // else ctx ended before
			d.fileTasks[behind] = a
		}
	}
}

// readOnce is read, but for a task that readFileTasks has read.
func (d *details) readOnce(h *ns.Holder, t ns.Type, inode uint64) (*ns.Process, error) {
	if hasFile(h) {
		if a, there := d.fileTasks[taskBehind(h)]; there {
			return a.process, a.err
		}
	}
	return d.read(h, t, inode)
}
