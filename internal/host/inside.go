// SPDX-License-Identifier: Apache-2.0

package host

import (
	"sync"
	"time"

	"github.com/nsinspect/nsinspect/pkg/ns"
)

const (
	// insideFor is how long the mounts of a task are taken for what they were. An open mountinfo
	// would show when they change, and keep the mount namespace alive.
	insideFor = time.Second
	insideMax = 16 // tasks whose mounts are kept
)

// insides has the mounts of the tasks whose directories were looked at last: a mount namespace
// can have thousands, and as many paths that are asked about.
type insides struct {
	mu  sync.Mutex
	all map[ns.TaskID]*inside
}

// inside is the mounts that a task sees, while it is in a mount namespace and has a root directory.
type inside struct {
	space, root string
	read        time.Time
	table       *mountTable
}

// of returns the mounts of a task.
func (i *insides) of(h *Host, task ns.TaskID) (*mountTable, error) {
	space, err := h.ReadProcLink(task, "ns/mnt")
	if err != nil {
		return nil, err
	}
	root, err := h.ReadProcLink(task, "root")
	if err != nil {
		return nil, err
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	if one := i.all[task]; one != nil && one.space == space && one.root == root && time.Since(one.read) < insideFor {
		return one.table, nil
	}
	table := new(mountTable)
	table.clear()
	// There can be a hundred thousand lines.
	if err := h.ReadLines("/proc/"+task.String()+"/mountinfo", func(lines []byte, _ bool) error { table.add(lines); return nil }); err != nil {
		return nil, err
	}
	if len(i.all) >= insideMax || i.all == nil {
		i.all = map[ns.TaskID]*inside{}
	}
	i.all[task] = &inside{space, root, time.Now(), table}
	return table, nil
}
