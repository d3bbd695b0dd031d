// SPDX-License-Identifier: Apache-2.0

package links

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/internal/host"
	"github.com/nsinspect/nsinspect/internal/kernel"
	"github.com/nsinspect/nsinspect/internal/pool"
	"github.com/nsinspect/nsinspect/pkg/ns"
	"github.com/nsinspect/nsinspect/pkg/scan"
)

// maxHolders is how many descriptors of one socket are kept.
const maxHolders = 1 << 10

// findHolders fills in which descriptors of which processes the listeners are open by. If one
// has none that was found, it returns as gaps what could not be read.
func findHolders(ctx context.Context, h *host.Host, all []*ns.Listener) []ns.Gap {
	f := &files{host: h, wanted: map[uint64][]*ns.Listener{}, processes: map[ns.TaskID]*ns.Process{}}
	for _, l := range all {
		if l.Socket != 0 {
			f.wanted[l.Socket] = append(f.wanted[l.Socket], l)
		}
	}
	processes := f.tasks()
	f.lookAt(ctx, processes)
	if !f.missing() {
		return nil
	}
	f.lookAt(ctx, f.ownTables(ctx, processes))
	if !f.missing() {
		return nil
	}
	return f.gap()
}

// task is a process or, if tid is not 0, a thread.
type task struct{ pid, tid ns.TaskID }

// files is the state of one search for who has sockets open.
type files struct {
	host   *host.Host
	wanted map[uint64][]*ns.Listener // by the inode of the socket
	unread []string                  // directories of descriptors
	err    error                     // of the first of them

	mu        sync.Mutex
	processes map[ns.TaskID]*ns.Process
}

// missing reports whether nobody was found who has a socket open.
func (f *files) missing() bool {
	for _, same := range f.wanted {
		if len(same[0].Holders) == 0 {
			return true
		}
	}
	return false
}

// tasks returns the processes of the host.
func (f *files) tasks() (all []task) {
	entries, err := f.host.ReadDir("/proc")
	if err != nil {
		f.refused("/proc", err)
	}
	for _, e := range entries {
		if n, err := strconv.Atoi(e.Name()); err == nil {
			all = append(all, task{pid: ns.TaskID(n)})
		}
	}
	return all
}

// ownTables returns the threads of processes that may have a table of descriptors of their own.
func (f *files) ownTables(ctx context.Context, processes []task) (all []task) {
	found, errs := make([][]task, len(processes)), make([]error, len(processes))
	pool.Each(ctx, len(processes), func(i int) { found[i], errs[i] = f.ownTablesIn(processes[i].pid) })
	for i, err := range errs {
		if all = append(all, found[i]...); err != nil && !host.IsGone(err) {
			f.refused("/proc/"+processes[i].pid.String()+"/task", err)
		}
	}
	return all
}

func (f *files) ownTablesIn(pid ns.TaskID) (all []task, err error) {
	if !f.host.MayHaveThreads(pid) {
		return nil, nil
	}
	var buf [1 << 12]byte
	tids, err := f.host.Threads(pid, buf[:])
	process, own := f.host.Own(pid) // or none of the host's numbers is one of ours
	for _, tid := range tids {
		if thread, _ := f.host.Own(tid); tid != pid && (!own || !kernel.SharesFiles(process, thread)) {
			all = append(all, task{pid, tid})
		}
	}
	return all, err
}

func (f *files) refused(dir string, err error) {
	if f.unread = append(f.unread, dir); f.err == nil {
		f.err = err
	}
}

// gap returns what could not be read, as one gap or none.
func (f *files) gap() []ns.Gap {
	switch len(f.unread) {
	case 0:
		return nil
	case 1:
		return []ns.Gap{{Sources: []string{ns.KindSocket.Source()}, Path: f.unread[0], Err: f.err}}
	}
	return []ns.Gap{{Sources: []string{ns.KindSocket.Source()}, Path: fmt.Sprintf("/proc/PID/fd of %d processes", len(f.unread)), Err: f.err}}
}

// lookAt looks through the descriptors of tasks, on all cores.
func (f *files) lookAt(ctx context.Context, tasks []task) {
	found, errs := make([][]opened, len(tasks)), make([]error, len(tasks))
	pool.Each(ctx, len(tasks), func(i int) { found[i], errs[i] = f.look(tasks[i]) })
	for i, t := range tasks {
		for _, o := range found[i] {
			add(f.wanted[o.socket], o.Holder)
		}
		if errs[i] != nil && !host.IsGone(errs[i]) && t.tid == 0 {
			f.refused(t.directory(), errs[i])
		}
	}
}

// opened is a descriptor that is one of a socket that was looked for.
type opened struct {
	socket uint64
	ns.Holder
}

func (t task) directory() string { return strings.TrimSuffix(host.FDPath(t.pid, t.tid, 0), "/0") }

// look looks through the descriptors of a task.
func (f *files) look(t task) (all []opened, err error) {
	at, err := f.host.OpenProc(strings.TrimPrefix(t.directory(), "/proc/"), unix.O_RDONLY|unix.O_DIRECTORY)
	if err != nil {
		return nil, err
	}
	defer unix.Close(at)
	var list [1 << 12]byte
	fds, err := host.Descriptors(at, list[:])
	if err != nil {
		return nil, err
	}
	var buf [64]byte
	for _, fd := range fds {
		link := strconv.Itoa(fd)
		n, err := unix.Readlinkat(at, link, buf[:])
		if err != nil {
			continue // closed meanwhile
		}
		number, isSocket := strings.CutPrefix(string(buf[:n]), "socket:[")
		if !isSocket {
			continue
		}
		inode, err := strconv.ParseUint(strings.TrimSuffix(number, "]"), 10, 64)
		if err != nil || f.wanted[inode] == nil {
			continue
		}
		p := f.process(t.pid)
		if _, err := unix.Readlinkat(at, link, buf[:]); err == nil { // if not, p may be another by now
			all = append(all, opened{inode, ns.Holder{Kind: ns.KindSocket, PID: t.pid, TID: t.tid, FD: int32(fd), Process: p}})
		}
	}
	return all, nil
}

// process returns the details of a process, nil if it has ended.
func (f *files) process(pid ns.TaskID) *ns.Process {
	f.mu.Lock()
	defer f.mu.Unlock()
	p, known := f.processes[pid]
	if !known {
		p, _ = scan.ReadProcess(f.host, pid)
		f.processes[pid] = p
	}
	return p
}

// add gives listeners that are one socket a holder.
func add(same []*ns.Listener, holder ns.Holder) {
	if holder.Process != nil {
		holder.Born = holder.Process.Born
	}
	for _, l := range same {
		words := ns.SocketWords{Family: "inet", Type: "stream"}
		if l.Addr.Addr().Is6() {
			words.Family = "inet6"
		}
		if l.Proto == "udp" {
			words.Type = "dgram"
		}
		holder.Socket = ns.NewSocket(words)
		if len(l.Holders) < maxHolders {
			l.Holders = append(l.Holders, holder)
		}
	}
}
