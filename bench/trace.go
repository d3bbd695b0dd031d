// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// traceOptions are those of `bench trace`.
type traceOptions struct {
	runs, core           int
	nsinspect, out, json string
}

// traceReport is what tracing costs, in medians over the rounds.
type traceReport struct {
	Machine machine
	Runs    int
	Added   map[string][]float64 // ns a setns call, by tracer
	Bare    []float64            // ns a setns call
	Getppid []float64            // ns that nsinspect adds to it
	Ready   []float64            // ms
	Gone    []float64            // ms
	IdleCPU float64              // percent
	PeakMiB float64
	Absent  []string
}

// traceMain measures what tracing costs the traced, beside strace and bpftrace.
func traceMain(ctx context.Context, args []string) error {
	var o traceOptions
	f := flag.NewFlagSet("bench trace", flag.ContinueOnError)
	f.IntVar(&o.runs, "runs", 7, "rounds")
	f.IntVar(&o.core, "core", 0, "core for the traced loop")
	f.StringVar(&o.nsinspect, "nsinspect", "", "program to measure (default: built from this module)")
	f.StringVar(&o.out, "out", "", "Markdown file whose trace section is rewritten")
	f.StringVar(&o.json, "json", "", "file for every single figure")
	if err := f.Parse(args); err != nil {
		return err
	}
	if f.NArg() > 0 || o.runs < 1 {
		return errors.New("expected no arguments and at least one run")
	}
	if os.Geteuid() != 0 {
		return errors.New("trace other processes: it takes root")
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
	r := traceReport{Runs: o.runs, Added: map[string][]float64{}}
	if r.Machine, err = describeMachine(); err != nil {
		return err
	}
	if err := r.measure(ctx, o, dir); err != nil {
		return err
	}
	return r.save(o)
}

// measure runs all tracers in turn, round by round.
func (r *traceReport) measure(ctx context.Context, o traceOptions, dir string) error {
	take := r.tracers(o, dir)
	for range o.runs {
		bare, err := callTime(ctx, o, "setns", 100_000, nil)
		if err != nil {
			return err
		}
		r.Bare = append(r.Bare, bare)
		for _, t := range take {
			took, err := callTime(ctx, o, "setns", t.calls, &t)
			if err != nil {
				return fmt.Errorf("measure %s: %w", t.name, err)
			}
			r.Added[t.name] = append(r.Added[t.name], took-bare)
		}
		before, err := callTime(ctx, o, "getppid", 1_000_000, nil)
		if err != nil {
			return err
		}
		after, err := callTime(ctx, o, "getppid", 1_000_000, &take[0])
		if err != nil {
			return err
		}
		r.Getppid = append(r.Getppid, after-before)
		ready, gone, err := startAndStop(ctx, take[0])
		if err != nil {
			return err
		}
		r.Ready, r.Gone = append(r.Ready, ready), append(r.Gone, gone)
	}
	var err error
	r.IdleCPU, r.PeakMiB, err = idle(ctx, take[0], 10*time.Second)
	return err
}

// tracers lists who takes part; nsinspect is first. Each prints every call, to a
// file.
func (r *traceReport) tracers(o traceOptions, dir string) []tracer {
	file := filepath.Join(dir, "events")
	all := []tracer{
		{traceJSON, []string{o.nsinspect, "trace", "--syscalls", "-o", "json"}, file, `"event":"start"`, 100_000, nil},
		{traceTable, []string{o.nsinspect, "trace", "--syscalls", "-v"}, file, "", 100_000, nil},
	}
	if _, err := exec.LookPath("strace"); err == nil {
		all = append(all, tracer{traceStrace, []string{
			"taskset", "-c", strconv.Itoa(o.core), "strace", "-f", "-e", "trace=setns", "-o", file,
		}, "", "", 10_000, func(t *tracer, pid int) { t.argv = append(t.argv, "-p", strconv.Itoa(pid)) }})
	} else {
		r.Absent = append(r.Absent, "strace")
	}
	if _, err := exec.LookPath("bpftrace"); err == nil {
		const program = `tracepoint:syscalls:sys_exit_setns { printf("%d %s %d\n", pid, comm, args->ret); }`
		all = append(all, tracer{traceBpftrace, []string{
			"unshare", "--mount", "sh", "-c", `mount -t tracefs tracefs /sys/kernel/tracing; exec bpftrace -e "$0"`, program,
		}, file, "Attaching", 100_000, nil})
	} else {
		r.Absent = append(r.Absent, "bpftrace")
	}
	return all
}

const (
	traceJSON     = "nsinspect trace --syscalls -o json"
	traceTable    = "nsinspect trace --syscalls"
	traceStrace   = "strace -f -e trace=setns, on the same core"
	traceBpftrace = "bpftrace, one printf a call"
)

// callTime runs a loop of one call on the core, with a tracer looking or none, and
// returns the median in ns.
func callTime(ctx context.Context, o traceOptions, call string, n int, t *tracer) (ns float64, err error) {
	loop := exec.CommandContext(ctx, "taskset", "-c", strconv.Itoa(o.core), "/proc/self/exe", "calls", call, strconv.Itoa(n))
	self, err := os.Executable()
	if err != nil {
		return 0, err
	}
	loop.Args[3] = self
	// It begins on a signal, so that a tracer can be there before.
	loop.Args = append([]string{"sh", "-c", `read go; exec "$@"`, "sh"}, loop.Args...)
	if loop.Path, err = exec.LookPath("sh"); err != nil {
		return 0, err
	}
	stdin, err := loop.StdinPipe()
	if err != nil {
		return 0, err
	}
	var out strings.Builder
	loop.Stdout, loop.Stderr = &out, os.Stderr
	if err := loop.Start(); err != nil {
		return 0, err
	}
	if t != nil {
		stop, err := t.start(ctx, loop.Process.Pid)
		if err != nil {
			return 0, errors.Join(err, loop.Process.Kill(), loop.Wait())
		}
		defer func() { err = errors.Join(err, stop()) }()
	}
	if _, err := stdin.Write([]byte("\n")); err != nil {
		return 0, err
	}
	if err := loop.Wait(); err != nil {
		return 0, fmt.Errorf("loop of %s: %w", call, err)
	}
	var result callResult
	if err := json.Unmarshal([]byte(out.String()), &result); err != nil {
		return 0, fmt.Errorf("loop of %s: %w", call, err)
	}
	return result.NS, nil
}
