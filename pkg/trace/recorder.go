// SPDX-License-Identifier: Apache-2.0

//go:build amd64 || arm64

package trace

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"sync/atomic"
	"time"
	"unsafe"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"github.com/cilium/ebpf/ringbuf"
	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/internal/kernel"
)

// recorder reads what BPF programs record, whatever they are attached to.
type recorder struct {
	programs *ebpf.Collection
	counted  []string // programs: where one is skipped, a call is lost
	links    []link.Link
	reader   *ringbuf.Reader
	record   ringbuf.Record
	clock    clock
	clocked  time.Time
	page     []byte // which shared is in
	shared   *callsSharedState
}

// record attaches programs in the order of their hooks: what ends a call comes
// before what begins it. They are its to close, also where it fails.
func record(programs *ebpf.Collection, hooks []hook) (*recorder, error) {
	r := &recorder{programs: programs}
	if err := r.start(hooks); err != nil {
		return nil, errors.Join(err, r.close())
	}
	return r, nil
}

// The variables that are used while the programs run, each in a map of its own.
const (
	startedMap = ".data.started"
	sharedMap  = ".data.shared"
)

func (r *recorder) start(hooks []hook) error {
	var err error
	r.reader, err = ringbuf.NewReader(r.programs.Maps[callsMapEvents])
	if err != nil {
		return fmt.Errorf("open event buffer: %w", err)
	}
	r.page, err = unix.Mmap(r.programs.Maps[sharedMap].FD(), 0, os.Getpagesize(), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return fmt.Errorf("map a variable of the programs: %w", err)
	}
	r.shared = (*callsSharedState)(unsafe.Pointer(&r.page[0]))
	for _, h := range hooks {
		l, err := h.attach(r.programs)
		if err != nil {
			return err
		}
		r.links = append(r.links, l)
		if !h.spare {
			r.counted = append(r.counted, h.program)
		}
	}
	if started := r.programs.Maps[startedMap]; started != nil {
		if err := started.Put(uint32(0), uint64(kernel.SinceBoot())); err != nil {
			return fmt.Errorf("start: %w", err)
		}
	}
	return nil
}

func (r *recorder) next(e *Event, deadline time.Time) (bool, error) {
	r.reader.SetDeadline(deadline)
	if time.Until(deadline) > latency {
		r.sleep()
	}
	switch err := r.reader.ReadInto(&r.record); {
	case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, ringbuf.ErrFlushed):
		return false, nil
	case errors.Is(err, ringbuf.ErrClosed):
		return false, io.ErrUnexpectedEOF
	case err != nil:
		return false, err
	}
	// The time of day may be set while we look.
	if now := time.Now(); now.Sub(r.clocked) > time.Second {
		r.clock, r.clocked = newClock(), now
	}
	return true, decode(e, r.record.RawSample, r.clock)
}

// sleep has the next event wake the reader. One that came just before is there for
// it to read.
func (r *recorder) sleep() {
	atomic.StoreUint32(&r.shared.Asleep, 1)
	if r.more() {
		r.reader.SetDeadline(time.Now())
	}
}

func (r *recorder) interrupt() {
	_ = r.reader.Flush() // fails only where it is closed, and nobody waits
}

func (r *recorder) more() bool { return r.reader.AvailableBytes() > 0 }

// lossKinds are the kinds of Loss by what the kernel side calls them.
var lossKinds = [...]string{
	callsCallCALL_SETNS: "setns", callsCallCALL_UNSHARE: "unshare", callsCallCALL_CLONE: "clone", callsCallCALL_UNKNOWN: "unknown",
}

func (r *recorder) lost() ([]Loss, error) {
	losses := make([]Loss, len(lossKinds))
	for call, kind := range lossKinds {
		losses[call] = Loss{Kind: kind, Known: true, Total: atomic.LoadUint64(&r.shared.Lost[call])}
	}
	// A program that would run inside of itself, or while another task is preempted in it, is skipped,
	// and counted.
	for _, name := range r.counted {
		stats, err := r.programs.Programs[name].Stats()
		if err != nil {
			return nil, fmt.Errorf("count missed runs of program %s: %w", name, err)
		}
		losses[callsCallCALL_UNKNOWN].Total += stats.RecursionMisses
	}
	return append(losses[1:], losses[0]), nil
}

// detach goes the other way than start: nothing begins that has no end.
func (r *recorder) detach() error {
	var errs []error
	for _, l := range slices.Backward(r.links) {
		errs = append(errs, l.Close())
	}
	r.links = nil
	return errors.Join(errs...)
}

func (r *recorder) close() error {
	err := r.detach()
	if r.reader != nil {
		err = errors.Join(err, r.reader.Close())
	}
	if r.page != nil {
		err = errors.Join(err, unix.Munmap(r.page))
	}
	r.programs.Close()
	return err
}
