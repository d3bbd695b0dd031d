// SPDX-License-Identifier: Apache-2.0

//go:build amd64 || arm64

package trace

import (
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"github.com/cilium/ebpf/ringbuf"

	"github.com/nsinspect/nsinspect/pkg/scan/iter"
)

// calls is tier 1: programs at the entry and the return of every system call,
// which turn all but four of them away at once, and where a task is made.
type calls struct {
	programs *ebpf.Collection
	links    []link.Link // in the order in which they are closed
	reader   *ringbuf.Reader
	record   ringbuf.Record
	clock    clock
	clocked  time.Time
}

// callsHooks are attached in this order: what ends a call before what begins it.
// The entry is detached first.
var callsHooks = []string{callsProgProcessExit, callsProgNewtask, callsProgSysExit, callsProgSysEnter}

func openCalls(o Options) (watcher, error) {
	c := &calls{}
	if err := c.open(o); err != nil {
		return nil, errors.Join(iter.Explain(err), c.close())
	}
	return c, nil
}

func (c *calls) open(o Options) error {
	programs, err := loadPrograms(o)
	if err != nil {
		return err
	}
	c.programs = programs
	c.reader, err = ringbuf.NewReader(programs.Maps[callsMapEvents])
	if err != nil {
		return fmt.Errorf("open event buffer: %w", err)
	}
	for _, name := range callsHooks {
		prog := programs.Programs[name]
		if prog == nil {
			continue
		}
		l, err := link.AttachTracing(link.TracingOptions{Program: prog, AttachType: ebpf.AttachTraceRawTp})
		if err != nil {
			return fmt.Errorf("attach program %s: %w", name, err)
		}
		c.links = append([]link.Link{l}, c.links...)
	}
	if err := programs.Variables[callsVarStarted].Set(uint32(1)); err != nil {
		return fmt.Errorf("start: %w", err)
	}
	return nil
}

func (c *calls) next(e *Event, deadline time.Time) (bool, error) {
	c.reader.SetDeadline(deadline)
	switch err := c.reader.ReadInto(&c.record); {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return false, nil
	case errors.Is(err, ringbuf.ErrClosed):
		return false, io.ErrUnexpectedEOF
	case err != nil:
		return false, err
	}
	// The time of day may be set while we look.
	if now := time.Now(); now.Sub(c.clocked) > time.Second {
		c.clock, c.clocked = newClock(), now
	}
	return true, decode(e, c.record.RawSample, c.clock)
}

func (c *calls) more() bool { return c.reader.AvailableBytes() > 0 }

func (c *calls) lost() ([]Loss, error) {
	names := [callsCallCALL_COUNT]string{"unknown", "setns", "unshare", "clone"}
	losses := make([]Loss, 0, len(names))
	var perCPU []uint64
	for call, name := range names {
		if err := c.programs.Maps[callsMapLost].Lookup(uint32(call), &perCPU); err != nil {
			return nil, fmt.Errorf("count lost events: %w", err)
		}
		l := Loss{Kind: name, Known: true}
		for _, n := range perCPU {
			l.Total += n
		}
		losses = append(losses, l)
	}
	// A program that would run inside of itself is left out.
	for name, prog := range c.programs.Programs {
		stats, err := prog.Stats()
		if err != nil {
			return nil, fmt.Errorf("count missed runs of program %s: %w", name, err)
		}
		losses[0].Total += stats.RecursionMisses
	}
	return append(losses[1:], losses[0]), nil
}

func (c *calls) detach() error {
	var errs []error
	for _, l := range c.links {
		errs = append(errs, l.Close())
	}
	c.links = nil
	return errors.Join(errs...)
}

func (c *calls) close() error {
	err := c.detach()
	if c.reader != nil {
		err = errors.Join(err, c.reader.Close())
	}
	if c.programs != nil {
		c.programs.Close()
	}
	return err
}
