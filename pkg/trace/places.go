// SPDX-License-Identifier: Apache-2.0

//go:build amd64 || arm64

package trace

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/internal/host"
	"github.com/nsinspect/nsinspect/internal/kernel"
	"github.com/nsinspect/nsinspect/internal/procscan"
	"github.com/nsinspect/nsinspect/pkg/ns"
)

// places is where threads are, for tiers whose events do not have it: known from a
// first look, and from /proc at each event. It is for one goroutine.
type places struct {
	now   map[int]place // by TID
	prune int           // size of now at which those that have ended are dropped

	// begun is true while begin is called for every new thread: then a number is never
	// of another thread than was noted.
	begun  bool
	missed time.Duration // names from before are unknown, since boot
	offset time.Duration // kernel.BootOffset
}

// place is where a thread is.
type place struct {
	Set
	seen time.Duration // when it was there, since boot: its number is of this thread then

	name  string        // with begun, "" if it is unknown
	named time.Duration // since when it has that
}

const (
	placesFirst = 1 << 17 // the first prune
	// placeTrust is how long the place of a thread is believed of which /proc does not
	// show any more that its number was not given to another. All others are given
	// before (alloc_pid, kernel/pid.c, 6.18).
	placeTrust = time.Second
)

// newPlaces begins with the network namespace of every thread. Reading what each
// is in of other types would take eight times as long; those are known once a
// thread was seen moving.
func newPlaces() (*places, error) {
	p := &places{now: map[int]place{}, prune: placesFirst, offset: kernel.BootOffset()}
	all, err := lookInProc()
	if err != nil {
		return nil, err
	}
	seen := kernel.SinceBoot()
	for tid, th := range all {
		p.now[tid] = place{Set{ns.Net: th.ns}, seen, th.comm, seen}
	}
	return p, nil
}

// put notes where a thread is at a time. Of what is unknown of it, it is where it was.
func (p *places) put(tid int, now Set, at time.Duration) {
	if tid == 0 { // not of our PID namespace
		return
	}
	before := p.at(tid, at)
	for t, ns := range before {
		if now[t].Inode == 0 {
			now[t] = ns
		}
	}
	was := p.now[tid]
	was.Set, was.seen = now, at
	p.now[tid] = was
	if len(p.now) >= p.prune {
		p.drop()
	}
}

// begin notes where a thread is that another one has just made: it has the name of that.
func (p *places) begin(tid, by int, now Set, at time.Duration) {
	p.now[tid] = place{name: p.comm(by, at), named: at}
	p.put(tid, now, at)
}

// rename notes a thread's name.
func (p *places) rename(tid int, name string, at time.Duration) {
	was := p.now[tid]
	was.name, was.named = name, at
	p.now[tid] = was
}

// comm returns the name that a thread had at a time, "" if it is unknown.
func (p *places) comm(tid int, at time.Duration) string {
	if was := p.now[tid]; was.named <= at && was.named >= p.missed {
		return was.name
	}
	return ""
}

// miss notes that something was not noted: names from before are unknown, and numbers
// may be of other threads.
func (p *places) miss() {
	p.begun, p.missed = false, kernel.SinceBoot()
}

// at returns where the thread was last seen that had a number at a time; nothing if that
// may have been another one.
func (p *places) at(tid int, at time.Duration) Set {
	was, ok := p.now[tid]
	if !ok || p.begun || at < was.seen+placeTrust {
		return was.Set
	}
	if born, err := p.bornAt(tid); err != nil || born > was.seen {
		delete(p.now, tid)
		return Set{}
	}
	return was.Set
}

// visit reads where the thread is that had a number at a time, and notes it: nothing
// if it has ended.
func (p *places) visit(tid int, at time.Duration) Set {
	if tid == 0 {
		return Set{}
	}
	now := whereIs(tid)
	if born, err := p.bornAt(tid); err != nil || born > at {
		return Set{}
	}
	p.put(tid, now, at)
	return now
}

// drop forgets threads that have ended. It looks at all of them, so that the next time
// is when there are twice as many.
func (p *places) drop() {
	for tid := range p.now {
		if _, err := os.Lstat(taskDir(tid)); errors.Is(err, os.ErrNotExist) {
			delete(p.now, tid)
		}
	}
	p.prune = max(placesFirst, 2*len(p.now))
}

// bornAt returns when the thread started that has a number now, since boot, rounded down
// to a tick. It returns an error if there is none.
func (p *places) bornAt(tid int) (time.Duration, error) {
	f, err := host.OpenStatAt(unix.AT_FDCWD, taskDir(tid)+"/stat", strconv.Itoa(tid))
	if err != nil {
		return 0, fmt.Errorf("read start of thread: %w", err)
	}
	defer f.Close()
	st, err := f.Read()
	if err != nil {
		return 0, fmt.Errorf("read start of thread: %w", err)
	}
	return st.Born() - p.offset, nil
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
