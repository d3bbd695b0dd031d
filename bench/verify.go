// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/nsinspect/nsinspect/bench/load"
)

// listing is the part of `nsinspect list -o json` that is checked.
type listing struct {
	Schema     string
	Namespaces []struct {
		Type      string
		Inode     uint64
		Processes int
		Threads   int
		Leader    struct{ PID int }
	}
}

// checkJSON checks for every namespace of the load, with all of its processes and
// one of them as leader: speed does not count without that. (The first one
// need not be the leader: start times are the same within 10 ms.)
func checkJSON(out io.Reader, l *load.Load) error {
	var seen listing
	if err := json.NewDecoder(out).Decode(&seen); err != nil {
		return fmt.Errorf("parse JSON: %w", err)
	}
	if seen.Schema != "nsinspect/v1" {
		return fmt.Errorf("schema %q, expected nsinspect/v1", seen.Schema)
	}
	type found struct{ processes, threads, leader int }
	by := map[uint64]found{}
	for _, ns := range seen.Namespaces {
		if ns.Type != "net" {
			continue
		}
		if _, twice := by[ns.Inode]; twice {
			return fmt.Errorf("namespace %d is listed twice", ns.Inode)
		}
		by[ns.Inode] = found{ns.Processes, ns.Threads, ns.Leader.PID}
	}
	var errs []error
	pids := l.PIDs
	for _, want := range l.Namespaces {
		got, ok := by[want.Inode]
		switch {
		case !ok:
			errs = append(errs, fmt.Errorf("namespace %d is missing", want.Inode))
		case got.processes != want.Processes || got.threads != want.Threads:
			errs = append(errs, fmt.Errorf("namespace %d: %d processes and %d more threads, expected %d and %d",
				want.Inode, got.processes, got.threads, want.Processes, want.Threads))
		case !slices.Contains(pids[:want.Processes], got.leader):
			errs = append(errs, fmt.Errorf("namespace %d: its leader %d is not in it", want.Inode, got.leader))
		}
		pids = pids[want.Processes:]
	}
	if len(errs) > 3 {
		errs = append(errs[:3], fmt.Errorf("and %d more", len(errs)-3))
	}
	return errors.Join(errs...)
}

// readFloor returns the time that a floor's loop took, if it read enough.
func readFloor(out io.Reader, l *load.Load) (time.Duration, error) {
	var r floorResult
	if err := json.NewDecoder(out).Decode(&r); err != nil {
		return 0, err
	}
	return time.Duration(r.NS), atLeast("links", r.Links, len(l.PIDs))
}

func atLeastNamespaces(out io.Reader, l *load.Load) error {
	return atLeast("lines", lines(out), len(l.Namespaces))
}

func atLeastProcesses(out io.Reader, l *load.Load) error {
	return atLeast("lines", lines(out), len(l.PIDs))
}

func lines(out io.Reader) int {
	n := 0
	for sc := bufio.NewScanner(out); sc.Scan(); {
		n++
	}
	return n
}

func atLeast(what string, got, want int) error {
	if got < want {
		return fmt.Errorf("%d %s, expected at least %d", got, what, want)
	}
	return nil
}
