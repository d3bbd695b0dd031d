// SPDX-License-Identifier: Apache-2.0

//go:build amd64 || arm64

package trace

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"sync"

	"github.com/nsinspect/nsinspect/internal/host"
	"github.com/nsinspect/nsinspect/internal/kernel"
	"github.com/nsinspect/nsinspect/internal/procscan"
	"github.com/nsinspect/nsinspect/pkg/ns"
)

// places is where threads are, for tiers whose events do not have it: known from a
// first look, and from /proc at each event.
type places struct {
	mu  sync.Mutex
	now map[int]Set
}

const placesMost = 1 << 17

// newPlaces begins with the network namespace of every thread. Reading what each
// is in of other types would take eight times as long; those are known once a
// thread was seen moving.
func newPlaces() (*places, error) {
	p := &places{now: map[int]Set{}}
	all, err := lookInProc()
	if err != nil {
		return nil, err
	}
	for tid, th := range all {
		p.now[tid] = Set{ns.Net: th.ns}
	}
	return p, nil
}

// swap returns where a thread was and notes where it is.
func (p *places) swap(tid int, now Set) (before Set) {
	p.mu.Lock()
	defer p.mu.Unlock()
	before = p.now[tid]
	if len(p.now) >= placesMost {
		p.drop()
	}
	for t, ns := range before {
		if now[t].Inode == 0 {
			now[t] = ns
		}
	}
	p.now[tid] = now
	return before
}

// at returns where a thread was last seen.
func (p *places) at(tid int) Set {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.now[tid]
}

// drop forgets threads that have ended.
func (p *places) drop() {
	for tid := range p.now {
		if _, err := os.Lstat(taskDir(tid)); errors.Is(err, os.ErrNotExist) {
			delete(p.now, tid)
		}
	}
}

func taskDir(tid int) string { return "/proc/" + strconv.Itoa(tid) }

// procLinks are the links of /proc/TID/ns by type: as in Set, PID and time
// namespaces are those for children.
var procLinks = [...]string{
	ns.Net: "net", ns.Mnt: "mnt", ns.User: "user", ns.PID: "pid_for_children",
	ns.IPC: "ipc", ns.UTS: "uts", ns.Cgroup: "cgroup", ns.Time: "time_for_children",
}

// whereIs reads where a thread is. What cannot be read, because it has ended most
// of the time, stays unknown.
func whereIs(tid int) Set {
	var s Set
	for t, name := range procLinks {
		s[t] = readNS(filepath.Join(taskDir(tid), "ns", name))
	}
	return s
}

func readNS(link string) NS {
	text, err := os.Readlink(link)
	if err != nil {
		return NS{}
	}
	_, inode, _ := ns.ParseLink(text)
	return NS{Inode: inode}
}

// lookInProc reads the network namespace of every thread from /proc. It leaves
// out what it may not read, and what ends meanwhile. It returns an error where /proc is of
// another PID namespace, whose numbers are not those of events.
func lookInProc() (map[int]thread, error) {
	h, err := host.Open("/")
	if err != nil {
		return nil, fmt.Errorf("list threads: %w", err)
	}
	defer h.Close()
	if !h.OwnTaskIDs() {
		return nil, procscan.ErrForeignTaskIDs
	}
	entries, err := h.ReadDir("/proc")
	if err != nil {
		return nil, fmt.Errorf("list threads: %w", err)
	}
	offset := kernel.BootOffset()
	all := map[int]thread{}
	buf := make([]byte, 16<<10)
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue // not a process
		}
		tids, err := h.Threads(ns.TaskID(pid), buf)
		if err != nil {
			continue
		}
		for _, tid := range tids {
			task := fmt.Sprintf("%d/task/%d", pid, tid)
			inode, nsErr := h.NamespaceLink(task + "/ns/net")
			stat, err := h.ReadStat(task)
			if nsErr != nil || err != nil {
				continue
			}
			all[int(tid)] = thread{
				pid: pid, tid: int(tid), comm: stat.Comm, ns: NS{Inode: inode},
				at: stat.Born() - offset,
			}
		}
	}
	return all, nil
}
