// SPDX-License-Identifier: Apache-2.0

//go:build amd64 || arm64

package trace

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"

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
// out what it may not read, and what ends meanwhile.
func lookInProc() (map[int]thread, error) {
	boot := newClock()
	dirs, err := filepath.Glob("/proc/[0-9]*/task/[0-9]*")
	if err != nil || len(dirs) == 0 {
		return nil, fmt.Errorf("list threads: %w", errors.Join(err, os.ErrNotExist))
	}
	all := make(map[int]thread, len(dirs))
	for _, dir := range dirs {
		ns := readNS(dir + "/ns/net")
		stat, err := os.ReadFile(dir + "/stat")
		if ns.Inode == 0 || err != nil {
			continue
		}
		th := thread{ns: ns}
		if started, ok := parseStat(string(stat), &th); ok {
			th.at = boot.at(started)
			th.pid, _ = strconv.Atoi(strings.Split(dir, "/")[2])
			all[th.tid] = th
		}
	}
	return all, nil
}

// parseStat fills number and name from /proc/TID/stat and returns when it started,
// in nanoseconds since boot (fs/proc/array.c, do_task_stat: field 22, in hundredths
// of a second for every architecture).
func parseStat(stat string, th *thread) (started uint64, ok bool) {
	open, end := strings.IndexByte(stat, '('), strings.LastIndexByte(stat, ')')
	if open < 0 || end < open {
		return 0, false
	}
	fields := strings.Fields(stat[end+1:])
	tid, err := strconv.ParseUint(strings.TrimSpace(stat[:open]), 10, 31)
	if err != nil || len(fields) < 20 {
		return 0, false
	}
	ticks, err := strconv.ParseUint(fields[19], 10, 64)
	th.tid, th.comm = int(tid), stat[open+1:end]
	return ticks * 10_000_000, err == nil
}
