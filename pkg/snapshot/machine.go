// SPDX-License-Identifier: Apache-2.0

package snapshot

import (
	"time"

	"github.com/nsinspect/nsinspect/internal/explain"
	"github.com/nsinspect/nsinspect/internal/host"
	"github.com/nsinspect/nsinspect/pkg/ns"
)

// remembered is a machine of which the same is asked once: a process holds namespaces of all
// types, and doctor and who-uses write about the same paths.
type remembered struct {
	explain.Machine
	tasks   map[ns.TaskID]host.Task // of processes, which were read before
	stats   map[string]answer[host.Stat]
	outlive map[ns.TaskID]bool
	paths   map[string]answer[namespace]
	dirs    map[string]answer[ns.Authority]
	inside  map[file]answer[ns.Authority]
	links   map[file]answer[string]
	members map[string]answer[uint64]
	boot    *answer[time.Time]
}

// file is a path in the mount namespace of a task, or a link of its.
type file struct {
	task ns.TaskID
	name string
}

type answer[T any] struct {
	value T
	err   error
}

type namespace struct {
	ns.Type
	inode uint64
}

// remember returns a machine of which some tasks were read before.
func remember(m explain.Machine, tasks map[ns.TaskID]host.Task) *remembered {
	return &remembered{
		m, tasks, map[string]answer[host.Stat]{}, map[ns.TaskID]bool{}, map[string]answer[namespace]{}, map[string]answer[ns.Authority]{},
		map[file]answer[ns.Authority]{}, map[file]answer[string]{}, map[string]answer[uint64]{}, nil,
	}
}

// forget lets go of what was answered about paths, which can be a hundred thousand.
func (m *remembered) forget() {
	m.paths, m.inside = map[string]answer[namespace]{}, map[file]answer[ns.Authority]{}
}

// ask returns what was answered before, or else asks.
func ask[K comparable, T any](known map[K]answer[T], key K, ask func(K) (T, error)) (T, error) {
	a, ok := known[key]
	if !ok {
		a.value, a.err = ask(key)
		known[key] = a
	}
	return a.value, a.err
}

// ReadStat is that of the machine.
func (m *remembered) ReadStat(task string) (host.Stat, error) {
	if pid, ok := ns.ParseTaskID(task); ok { // else it is a thread's
		if t, known := m.tasks[pid]; known {
			return t.Stat, nil
		}
	}
	return ask(m.stats, task, m.Machine.ReadStat)
}

// Authority is that of the machine.
func (m *remembered) Authority(name string) (ns.Authority, error) {
	return ask(m.dirs, name, m.Machine.Authority)
}

// AuthorityInside is that of the machine.
func (m *remembered) AuthorityInside(task ns.TaskID, name string) (ns.Authority, error) {
	return ask(m.inside, file{task, name}, func(f file) (ns.Authority, error) { return m.Machine.AuthorityInside(f.task, f.name) })
}

// ReadProcLink is that of the machine.
func (m *remembered) ReadProcLink(pid ns.TaskID, name string) (string, error) {
	return ask(m.links, file{pid, name}, func(f file) (string, error) { return m.Machine.ReadProcLink(f.task, f.name) })
}

// NamespaceLink is that of the machine.
func (m *remembered) NamespaceLink(name string) (uint64, error) {
	return ask(m.members, name, m.Machine.NamespaceLink)
}

// BootTime is that of the machine.
func (m *remembered) BootTime() (time.Time, error) {
	if m.boot == nil {
		boot, err := m.Machine.BootTime()
		m.boot = &answer[time.Time]{boot, err}
	}
	return m.boot.value, m.boot.err
}

// processes returns a function that asks for each process once.
func processes(read func(ns.TaskID) *ns.Process) func(ns.TaskID) *ns.Process {
	known := map[ns.TaskID]*ns.Process{}
	return func(pid ns.TaskID) *ns.Process {
		p, ok := known[pid]
		if !ok {
			p = read(pid)
			known[pid] = p
		}
		return p
	}
}

// LookupNamespace is that of the machine.
func (m *remembered) LookupNamespace(name string) (ns.Type, uint64, error) {
	n, err := ask(m.paths, name, func(name string) (namespace, error) {
		t, inode, err := m.Machine.LookupNamespace(name)
		return namespace{t, inode}, err
	})
	return n.Type, n.inode, err
}

// ReadCgroup is that of the machine.
func (m *remembered) ReadCgroup(task string) ([]byte, error) {
	if pid, ok := ns.ParseTaskID(task); ok {
		if t, known := m.tasks[pid]; known && t.Cgroup != nil {
			return t.Cgroup, nil
		}
	}
	return m.Machine.ReadCgroup(task)
}

// OutlivesTerm is that of the machine.
func (m *remembered) OutlivesTerm(pid ns.TaskID) bool {
	if t, known := m.tasks[pid]; known {
		return t.OutlivesTerm
	}
	outlives, ok := m.outlive[pid]
	if !ok {
		outlives = m.Machine.OutlivesTerm(pid)
		m.outlive[pid] = outlives
	}
	return outlives
}
