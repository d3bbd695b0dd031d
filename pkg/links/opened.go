// SPDX-License-Identifier: Apache-2.0

package links

import (
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/internal/host"
	"github.com/nsinspect/nsinspect/pkg/ns"
	"github.com/nsinspect/nsinspect/pkg/scan"
)

// maxHolders is how many descriptors of one socket are kept.
const maxHolders = 1 << 10

// findHolders fills in which descriptors of which processes the listeners are open by. If one
// has none that was found, it returns as gaps what could not be read.
func findHolders(h *host.Host, all []*ns.Listener) []ns.Gap {
	f := &files{host: h, wanted: map[uint64][]*ns.Listener{}, processes: map[ns.TaskID]*ns.Process{}}
	for _, l := range all {
		if l.Socket != 0 {
			f.wanted[l.Socket] = append(f.wanted[l.Socket], l)
		}
	}
	pids := f.pids()
	for _, pid := range pids {
		f.look(pid, 0)
	}
	if !f.missing() {
		return nil
	}
	for _, pid := range pids { // a thread may have descriptors of its own
		for _, tid := range f.threads(pid) {
			if tid != pid {
				f.look(pid, tid)
			}
		}
	}
	if !f.missing() {
		return nil
	}
	return f.gap()
}

// files is the state of one search for who has sockets open.
type files struct {
	host      *host.Host
	wanted    map[uint64][]*ns.Listener // by the inode of the socket
	processes map[ns.TaskID]*ns.Process
	unread    []string // directories of descriptors
	err       error    // of the first of them
	buf       [1 << 13]byte
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

// pids returns the process IDs of the host.
func (f *files) pids() (all []ns.TaskID) {
	entries, err := f.host.ReadDir("/proc")
	if err != nil {
		f.refused("/proc", err)
	}
	for _, e := range entries {
		if n, err := strconv.Atoi(e.Name()); err == nil {
			all = append(all, ns.TaskID(n))
		}
	}
	return all
}

// threads returns the thread IDs of a process, none if it has one thread.
func (f *files) threads(pid ns.TaskID) []ns.TaskID {
	if !f.host.MayHaveThreads(pid) {
		return nil
	}
	all, err := f.host.Threads(pid, f.buf[:])
	if err != nil && !host.IsGone(err) {
		f.refused("/proc/"+pid.String()+"/task", err)
	}
	return all
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

// look looks through the descriptors of a process or, if tid is not 0, of a thread.
func (f *files) look(pid, tid ns.TaskID) {
	dir := strings.TrimSuffix(host.FDPath(pid, tid, 0), "/0")
	at, err := f.host.OpenProc(strings.TrimPrefix(dir, "/proc/"), unix.O_RDONLY|unix.O_DIRECTORY)
	var fds []int
	if err == nil {
		defer unix.Close(at)
		fds, err = host.Descriptors(at, f.buf[:])
	}
	if err != nil {
		if !host.IsGone(err) && tid == 0 {
			f.refused(dir, err)
		}
		return
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
		if same := f.wanted[inode]; err == nil && same != nil {
			p := f.process(pid)
			if _, err := unix.Readlinkat(at, link, buf[:]); err == nil { // if not, p may be another by now
				add(same, ns.Holder{Kind: ns.KindSocket, PID: pid, TID: tid, FD: fd, Process: p})
			}
		}
	}
}

// process returns the details of a process, nil if it has ended.
func (f *files) process(pid ns.TaskID) *ns.Process {
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
		holder.Family, holder.Type = "inet", "stream"
		if l.Addr.Addr().Is6() {
			holder.Family = "inet6"
		}
		if l.Proto == "udp" {
			holder.Type = "dgram"
		}
		if len(l.Holders) < maxHolders {
			l.Holders = append(l.Holders, holder)
		}
	}
}
