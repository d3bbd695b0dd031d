// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"time"

	"github.com/nsinspect/nsinspect/bench/load"
)

// contender is a program that takes part, and what its output must show.
type contender struct {
	name string
	argv []string
	core int
	// check reports whether the output of a run fits the load. It must not read
	// it all into memory: see ownPeak.
	check  func(out io.Reader, l *load.Load) error
	floor  bool
	growth bool // also measured under the larger load
}

// Names that the targets refer to.
const (
	floorProcesses = "floor: a readlink a process, one core"
	floorTasks     = "floor: every task, one core"
	floorFDs       = "floor: every task and open file, one core"
	listTable      = "nsinspect list, processes, threads, mounts"
	listOneCore    = "the same, one core"
	listJSON       = "the same, -o json"
	listProc       = "nsinspect list --engine proc, every source"
	listBPF        = "nsinspect list --engine bpf, every source"
	lsnsNet        = "lsns -t net"
)

// contenders lists who takes part, and names the peers that are not installed.
func contenders(o options) (take []contender, absent []string) {
	floor := func(name, kind string) contender {
		return contender{name: name, argv: []string{"/proc/self/exe", "floor", kind}, core: o.core, floor: true}
	}
	list := []string{o.nsinspect, "list", "--engine", "proc", "--source", "process,thread,mount,name"}
	listAsJSON := append(slices.Clone(list), "-o", "json")
	bare := floor(floorProcesses, "processes")
	bare.growth = true
	take = []contender{
		bare,
		floor(floorTasks, "tasks"),
		floor(floorFDs, "fds"),
		{name: listTable, argv: list, core: onAnyCore, check: atLeastNamespaces, growth: true},
		{name: listOneCore, argv: list, core: o.core, check: atLeastNamespaces, growth: true},
		{name: listJSON, argv: listAsJSON, core: onAnyCore, check: checkJSON, growth: true},
		{name: listProc, argv: []string{o.nsinspect, "list", "--engine", "proc", "-o", "json"}, core: onAnyCore, check: checkJSON, growth: true},
		{name: listBPF, argv: []string{o.nsinspect, "list", "--engine", "bpf"}, core: onAnyCore, check: atLeastNamespaces, growth: true},
	}
	peers := []contender{
		{name: lsnsNet, argv: []string{"lsns", "-t", "net"}, core: onAnyCore, check: atLeastNamespaces, growth: true},
		{name: "ps -eo pid,netns", argv: []string{"ps", "-eo", "pid,netns"}, core: onAnyCore, check: atLeastProcesses, growth: true},
		{name: "lsfd", argv: []string{"lsfd"}, core: onAnyCore, check: atLeastProcesses},
		{name: "lsuns -d -f net (lxkns)", argv: []string{"lsuns", "-d", "-f", "net"}, core: onAnyCore, check: atLeastNamespaces},
	}
	for _, p := range peers {
		if _, err := exec.LookPath(p.argv[0]); err != nil {
			absent = append(absent, p.name)
			continue
		}
		take = append(take, p)
	}
	return take, absent
}

// set is everything measured under one load.
type set struct {
	Processes, Threads, Namespaces, FDs int

	Made    time.Duration // how long it took to make the load
	OwnPeak int64
	Absent  []string
	Results []result
}

// result is all the runs of one contender.
type result struct {
	Name    string
	Samples []sample
}

// measureSize makes a load, measures everyone under it and ends it.
func measureSize(ctx context.Context, o options, processes int, dir string, progress io.Writer) (s set, err error) {
	start := time.Now()
	l, err := load.Start(load.Spec{Processes: processes, Threads: o.threads, Namespaces: o.namespaces, FDs: o.fds, Sessions: o.sessions})
	if err != nil {
		return set{}, err
	}
	defer func() {
		if e := l.Close(); err == nil {
			err = e
		}
	}()
	s = set{Processes: processes, Threads: o.threads, Namespaces: o.namespaces, FDs: o.fds, Made: time.Since(start)}
	fmt.Fprintf(progress, "%d processes in %d namespaces, made in %v\n", processes, o.namespaces, s.Made.Round(time.Millisecond))
	take, absent := contenders(o)
	s.Absent = absent
	if processes != o.processes {
		take = slices.DeleteFunc(take, func(c contender) bool { return !c.growth })
	}
	s.Results = make([]result, len(take))
	for round := range o.runs + 1 {
		for i := range take {
			i = (i + round) % len(take) // nobody is always after the same one
			one, err := runOnce(ctx, take[i], l, filepath.Join(dir, "output"), o)
			if err != nil {
				return s, err
			}
			s.Results[i].Name = take[i].name
			if round > 0 { // the first one warms up
				s.Results[i].Samples = append(s.Results[i].Samples, one)
			}
		}
		fmt.Fprintf(progress, "round %d of %d\n", round, o.runs)
	}
	s.OwnPeak = ownPeak()
	return s, nil
}

// runOnce runs a contender and checks what it printed.
func runOnce(ctx context.Context, c contender, l *load.Load, file string, o options) (sample, error) {
	one, err := measure(ctx, c.argv, c.core, file)
	if err != nil {
		return one, fmt.Errorf("%s: %w", c.name, err)
	}
	out, err := os.Open(file)
	if err != nil {
		return one, err
	}
	defer out.Close()
	if c.floor {
		one.Loop, err = readFloor(out, l)
	} else {
		err = c.check(out, l)
	}
	if err != nil {
		return one, fmt.Errorf("check the output of %s: %w", c.name, err)
	}
	return one, nil
}
