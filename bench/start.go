// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// startOptions are those of `bench start`.
type startOptions struct {
	runs                   int
	nsinspect, before, out string
}

// starter is a command whose start is measured.
type starter struct {
	name    string
	argv    []string
	trace   bool // it is ended once it records
	samples []sample
}

const helloProgram = "package main\n\nimport \"fmt\"\n\nfunc main() { fmt.Println(\"hello, world\") }\n"

// startMain measures what commands take on a machine as it is, with nothing made for
// them to find: that is the start of the program, and that of its BPF programs.
func startMain(ctx context.Context, args []string) error {
	var o startOptions
	f := flag.NewFlagSet("bench start", flag.ContinueOnError)
	f.IntVar(&o.runs, "runs", 25, "rounds")
	f.StringVar(&o.nsinspect, "nsinspect", "", "program to measure (default: built from this module)")
	f.StringVar(&o.before, "before", "", "program to compare with: an older nsinspect")
	f.StringVar(&o.out, "out", "", "Markdown file whose start section is rewritten")
	if err := f.Parse(args); err != nil {
		return err
	}
	if f.NArg() > 0 || o.runs < 1 {
		return errors.New("expected no arguments and at least one run")
	}
	if os.Geteuid() != 0 {
		return errors.New("load BPF programs: it takes root")
	}
	dir, err := os.MkdirTemp("", "nsinspect-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	all, err := starters(ctx, o, dir)
	if err != nil {
		return err
	}
	for range o.runs {
		for _, s := range all {
			if err := s.measure(ctx, dir); err != nil {
				return err
			}
		}
	}
	r := startReport{Runs: o.runs, Compared: o.before != "", Starters: all}
	if r.Machine, err = describeMachine(); err != nil {
		return err
	}
	if r.Processes, err = countProcesses(); err != nil {
		return err
	}
	text := r.markdown()
	if _, err := io.WriteString(os.Stdout, text); err != nil || o.out == "" {
		return err
	}
	return startSection.rewriteFile(o.out, r.Machine.kind(), text)
}

// starters returns who takes part, each command of ours beside that of before.
func starters(ctx context.Context, o startOptions, dir string) ([]*starter, error) {
	var err error
	if o.nsinspect == "" {
		if o.nsinspect, err = build(ctx, dir); err != nil {
			return nil, err
		}
	}
	hello := filepath.Join(dir, "hello")
	if err := os.WriteFile(hello+".go", []byte(helloProgram), 0o600); err != nil {
		return nil, err
	}
	if out, err := exec.CommandContext(ctx, "go", "build", "-ldflags", "-s -w", "-o", hello, hello+".go").CombinedOutput(); err != nil {
		return nil, fmt.Errorf("build hello: %w: %s", err, firstLine(out))
	}
	all := []*starter{
		{name: helloName, argv: []string{hello}},
		{name: lsnsNet, argv: []string{"lsns", "-t", "net"}},
		{name: "ps -eo pid,netns", argv: []string{"ps", "-eo", "pid,netns"}},
		{name: "ip netns", argv: []string{"ip", "netns"}},
	}
	if lsuns, err := exec.LookPath("lsuns"); err == nil {
		all = append(all, &starter{name: "lsuns -d -f net (lxkns)", argv: []string{lsuns, "-d", "-f", "net"}})
	}
	for _, command := range []string{startVersion, startList, startProc, "list -o json", "who-uses host", startTrace} {
		args := strings.Fields(command)
		trace := args[0] == "trace"
		name := nameOf(command)
		if o.before != "" {
			all = append(all, &starter{name: name + ", before", argv: append([]string{o.before}, args...), trace: trace})
		}
		all = append(all, &starter{name: name, argv: append([]string{o.nsinspect}, args...), trace: trace})
	}
	return all, nil
}

func (s *starter) measure(ctx context.Context, dir string) error {
	file := filepath.Join(dir, "output")
	var got sample
	var err error
	if s.trace {
		got, err = untilRecording(ctx, tracer{name: s.name, argv: s.argv, file: file, ready: `"event":"start"`})
	} else {
		got, err = measure(ctx, s.argv, onAnyCore, file)
	}
	s.samples = append(s.samples, got)
	return err
}

// untilRecording runs a tracer until it is ready, and returns what it took until then.
func untilRecording(ctx context.Context, t tracer) (s sample, err error) {
	begin := time.Now()
	cmd, err := t.launch(ctx, os.Getpid())
	if err != nil {
		return s, err
	}
	defer func() { err = errors.Join(err, cmd.Process.Signal(unix.SIGINT), ignoreExit(cmd.Wait())) }()
	if err := t.await(); err != nil {
		return s, err
	}
	s.Wall = time.Since(begin)
	if s.CPU, err = cpuTime(cmd.Process.Pid); err != nil {
		return s, err
	}
	s.Faults, err = faultsOf(cmd.Process.Pid)
	return s, err
}

// faultsOf returns the minor page faults of a process, field 10 of /proc/PID/stat.
func faultsOf(pid int) (n int64, err error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
	if len(fields) < 8 {
		return 0, errors.New("too few fields in /proc/PID/stat")
	}
	_, err = fmt.Sscan(fields[7], &n)
	return n, err
}
