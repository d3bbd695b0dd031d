// SPDX-License-Identifier: Apache-2.0

// Program bench compares nsinspect with its peers and with the floor: the time
// that the bare system calls take.
//
//	go run ./bench -runs 7 -scale 3 -out docs/performance.md
//	go run ./bench trace -out docs/performance.md
//	go run ./bench start -out docs/performance.md
//
// The second measures what tracing costs those who are traced, the third what a command
// takes that finds little.
//
// It loads the machine with processes in network namespaces of their own, runs
// all contenders in turn, round by round, and prints medians. A slow result is
// a result; the exit status is 1 only for a run that broke or answered wrong.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

type options struct {
	processes, threads, namespaces, fds int
	runs, scale, core                   int
	sessions                            bool
	nsinspect, out, json                string
}

func main() {
	if len(os.Args) == 3 && os.Args[1] == "floor" {
		exit(floorMain(os.Args[2], os.Stdout))
	}
	if len(os.Args) > 1 && os.Args[1] == "calls" {
		exit(callsMain(os.Args[2:], os.Stdout))
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, unix.SIGTERM, unix.SIGHUP)
	others := map[string]func(context.Context, []string) error{"trace": traceMain, "start": startMain}
	if len(os.Args) > 1 && others[os.Args[1]] != nil {
		err := others[os.Args[1]](ctx, os.Args[2:])
		stop()
		exit(err)
	}
	o, err := parseOptions(os.Args[1:])
	if err != nil {
		stop()
		os.Exit(2)
	}
	err = run(ctx, o, os.Stdout, os.Stderr)
	stop()
	exit(err)
}

func exit(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

func parseOptions(args []string) (options, error) {
	var o options
	f := flag.NewFlagSet("bench", flag.ContinueOnError)
	f.IntVar(&o.processes, "processes", 10000, "processes to make")
	f.IntVar(&o.threads, "threads", 1, "threads in each process")
	f.IntVar(&o.namespaces, "namespaces", 200, "network namespaces to spread them over")
	f.IntVar(&o.fds, "fds", 0, "namespace files that each process holds open")
	f.BoolVar(&o.sessions, "sessions", true, "the first process of each namespace leads a session")
	f.IntVar(&o.runs, "runs", 7, "rounds that count, after one that does not")
	f.IntVar(&o.scale, "scale", 0, "measure again with so many times the processes; 0 does not")
	f.IntVar(&o.core, "core", 0, "core for the runs on one core")
	f.StringVar(&o.nsinspect, "nsinspect", "", "program to measure (default: built from this module)")
	f.StringVar(&o.out, "out", "", "Markdown file whose bench section is rewritten")
	f.StringVar(&o.json, "json", "", "file for every single figure")
	if err := f.Parse(args); err != nil {
		return o, err
	}
	if f.NArg() > 0 || o.runs < 1 || o.namespaces < 1 || o.processes < o.namespaces {
		err := errors.New("bench: expected no arguments, at least one run and namespace, and a process for each namespace")
		fmt.Fprintln(os.Stderr, err)
		return o, err
	}
	return o, nil
}

// command is how to get the same figures elsewhere.
func (o options) command() string {
	s := fmt.Sprintf("go run ./bench -processes %d -threads %d -namespaces %d -fds %d -runs %d",
		o.processes, o.threads, o.namespaces, o.fds, o.runs)
	if o.scale > 1 {
		s += fmt.Sprintf(" -scale %d", o.scale)
	}
	if !o.sessions {
		s += " -sessions=false"
	}
	return s
}

// run measures and reports.
func run(ctx context.Context, o options, stdout, stderr io.Writer) error {
	if os.Geteuid() != 0 {
		return errors.New("make network namespaces: it takes root")
	}
	if err := checkRoom(o); err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "nsinspect-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if o.nsinspect == "" {
		if o.nsinspect, err = build(ctx, dir); err != nil {
			return err
		}
	}
	r := report{Command: o.command(), Runs: o.runs}
	if r.Machine, err = describeMachine(); err != nil {
		return err
	}
	for _, processes := range o.sizes() {
		set, err := measureSize(ctx, o, processes, dir, stderr)
		if err != nil {
			err = fmt.Errorf("measure with %d processes: %w", processes, err)
			return errors.Join(err, r.text(stdout)) // what there is; nothing is saved
		}
		r.Sets = append(r.Sets, set)
	}
	if err := r.text(stdout); err != nil {
		return err
	}
	return r.save(o)
}

// sizes lists the numbers of processes to measure with.
func (o options) sizes() []int {
	if o.scale > 1 {
		return []int{o.processes, o.processes * o.scale}
	}
	return []int{o.processes}
}

// checkRoom reports before the work, not in the midst of it, that the kernel has
// not enough PIDs.
func checkRoom(o options) error {
	text, err := os.ReadFile("/proc/sys/kernel/pid_max")
	if err != nil {
		return err
	}
	most, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		return fmt.Errorf("parse kernel.pid_max: %w", err)
	}
	var info unix.Sysinfo_t
	if err := unix.Sysinfo(&info); err != nil {
		return fmt.Errorf("count the machine's tasks: %w", err)
	}
	const spare = 300 // PIDs that the kernel never reuses, and our own
	tasks := o.processes * o.threads * max(o.scale, 1)
	if free := most - int(info.Procs) - spare; tasks > free {
		return fmt.Errorf("make %d tasks: kernel.pid_max leaves room for %d; raise it, or ask for less", tasks, free)
	}
	return nil
}

// save writes the files asked for.
func (r report) save(o options) error {
	if o.json != "" {
		text, err := json.MarshalIndent(r, "", " ")
		if err != nil {
			return err
		}
		if err := os.WriteFile(o.json, append(text, '\n'), 0o644); err != nil {
			return err
		}
	}
	if o.out == "" {
		return nil
	}
	return manySection.rewriteFile(o.out, r.Machine.kind(), r.markdown())
}
