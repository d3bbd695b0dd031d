// SPDX-License-Identifier: Apache-2.0

//go:build amd64 || arm64

package trace

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/pkg/ns"
)

// perf is tier 4: what perf_event_open(2) records of namespaces (Linux 4.12), for
// kernels without BPF. Only that a thread has been moved is recorded, not by which
// call: the events are Moves, and Clones.
type perf struct {
	rings    []*perfRing
	places   *places
	filter   Filter
	boot     time.Time
	ready    []perfRecord // by time, read and not yet returned
	overflow bool

	interrupted atomic.Bool
}

// perfMap is the kernel's order of the types in a record (enum
// perf_record_namespaces indices, include/uapi/linux/perf_event.h, 5.10). The PID
// namespace there is the one that the thread is in itself, which never changes, so
// it is not that for its children.
var perfMap = [...]ns.Type{ns.Net, ns.UTS, ns.IPC, ns.PID, ns.User, ns.Mnt, ns.Cgroup}

func openPerf(o Options) (backend, error) {
	if err := o.needsKernelTypes(); err != nil {
		return nil, err
	}
	if o.Filter.Failed {
		return nil, errors.New("cannot see calls that failed: use a tier before it")
	}
	online, err := os.ReadFile("/sys/devices/system/cpu/online")
	if err != nil {
		return nil, fmt.Errorf("list CPUs: %w", err)
	}
	cpus, err := parseCPUs(strings.TrimSpace(string(online)))
	if err != nil {
		return nil, err
	}
	p := &perf{filter: o.Filter}
	for _, cpu := range cpus {
		ring, err := openPerfRing(cpu)
		if err != nil {
			return nil, errors.Join(explainPerf(err), p.close())
		}
		p.rings = append(p.rings, ring)
	}
	if p.places, err = newPlaces(); err != nil {
		return nil, errors.Join(err, p.close())
	}
	p.places.begun = true
	return p, nil
}

func explainPerf(err error) error {
	if errors.Is(err, unix.EPERM) || errors.Is(err, unix.EACCES) {
		return fmt.Errorf("needs CAP_PERFMON: %w", err)
	}
	return err
}

func (p *perf) next(e *Event, deadline time.Time) (bool, error) {
	for {
		for len(p.ready) > 0 {
			record := p.ready[0]
			p.ready = p.ready[1:]
			if p.event(e, &record) && p.filter.match(e) {
				return true, nil
			}
		}
		if p.collect() {
			continue
		}
		left := time.Until(deadline)
		if left <= 0 || p.interrupted.Swap(false) {
			return false, nil
		}
		if err := p.wait(min(left, latency)); err != nil {
			return false, err
		}
	}
}

// event makes an event of a record, if a thread was moved: every new thread has one. A
// thread that our PID namespace does not show has none.
func (p *perf) event(e *Event, r *perfRecord) bool {
	if int(r.pid) == os.Getpid() || r.tid == 0 {
		return false
	}
	if r.renamed {
		p.places.rename(int(r.tid), r.comm, time.Duration(r.time))
		return false
	}
	made := r.tid != r.by
	var before Set
	at := time.Duration(r.time)
	if made {
		before = p.places.at(int(r.by), at)
		p.places.begin(int(r.tid), int(r.by), r.set, at)
	} else {
		before = p.places.at(int(r.tid), at)
		p.places.put(int(r.tid), r.set, at)
	}
	moved := false
	for _, t := range perfMap {
		moved = moved || before[t].Inode != 0 && before[t] != r.set[t]
	}
	if !moved {
		return false
	}
	*e = Event{Call: Move, Time: p.boot.Add(time.Duration(r.time)), Boot: time.Duration(r.time), PID: int(r.pid), TID: int(r.tid), UID: -1, FD: -1, From: before, To: r.set}
	if made {
		e.Call, e.Child = Clone, int(r.tid)
		e.PID, e.TID = int(r.byPID), int(r.by)
	}
	e.Comm = p.places.comm(e.TID, at)
	return true
}

// collect reads what is in the rings, in the order in which it happened as far as
// it is there.
func (p *perf) collect() bool {
	p.boot = newClock().boot
	for _, ring := range p.rings {
		records, lost := ring.read()
		p.ready = append(p.ready, records...)
		if lost {
			p.overflow = true
			p.places.miss()
		}
	}
	slices.SortStableFunc(p.ready, func(a, b perfRecord) int { return cmp.Compare(a.time, b.time) })
	return len(p.ready) > 0
}

func (p *perf) wait(left time.Duration) error {
	fds := make([]unix.PollFd, len(p.rings))
	for i, ring := range p.rings {
		fds[i] = unix.PollFd{Fd: int32(ring.fd), Events: unix.POLLIN}
	}
	_, err := unix.Poll(fds, int(left/time.Millisecond)+1)
	if err != nil && !errors.Is(err, unix.EINTR) {
		return fmt.Errorf("wait for events: %w", err)
	}
	return nil
}

// interrupt has next return within latency.
func (p *perf) interrupt() { p.interrupted.Store(true) }

func (p *perf) more() bool { return len(p.ready) > 0 }

// lost reports whether records were lost, but not how many of those were of moves.
func (p *perf) lost() ([]Loss, error) {
	return []Loss{{Kind: "unknown", Known: !p.overflow}}, nil
}

func (p *perf) detach() error {
	var errs []error
	for _, ring := range p.rings {
		errs = append(errs, unix.IoctlSetInt(ring.fd, unix.PERF_EVENT_IOC_DISABLE, 0))
	}
	return errors.Join(errs...)
}

func (p *perf) close() error {
	var errs []error
	for _, ring := range p.rings {
		errs = append(errs, ring.close())
	}
	p.rings = nil
	return errors.Join(errs...)
}
