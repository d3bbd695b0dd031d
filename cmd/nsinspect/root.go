// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/internal/explain"
	"github.com/nsinspect/nsinspect/internal/host"
	"github.com/nsinspect/nsinspect/internal/render"
	"github.com/nsinspect/nsinspect/internal/text"
	"github.com/nsinspect/nsinspect/pkg/enter"
	"github.com/nsinspect/nsinspect/pkg/ns"
	"github.com/nsinspect/nsinspect/pkg/owner"
	"github.com/nsinspect/nsinspect/pkg/scan"
	"github.com/nsinspect/nsinspect/pkg/snapshot"
	"github.com/nsinspect/nsinspect/pkg/trace"
)

// Exit statuses.
const (
	exitOK     = 0
	exitFailed = 1 // it failed, or there is no such namespace
	exitUsage  = 2

	// Of doctor, as of a monitoring plugin.
	exitWarning  = 1
	exitCritical = 2
	exitProblem  = 1 // of node-problem-detector's, for both
	exitUnknown  = 3 // bad usage and failure, too: they are no statement about the machine
)

const rootHelp = `nsinspect lists the network namespaces of this machine, their names, and what keeps
each of them alive: processes, threads, open files, sockets, bind mounts. It traces
threads that move between namespaces.

  nsinspect list                      list network namespaces
  nsinspect list -o wide --type all   list namespaces of every type, in full
  nsinspect who-uses blue             show what keeps the namespace named blue alive
  nsinspect who-uses 4026532177       the same by inode, as lsns and ls -l show it
  nsinspect who-uses 4242             the namespace that process 4242 is in
  nsinspect who-uses --ip 10.0.0.7    the namespace that has an address
  nsinspect exec 4242 -- ip address   run a command in a namespace
  nsinspect doctor                    check for namespace leaks and print the fix
  nsinspect diff OLD                  what changed since a snapshot was taken
  nsinspect leaks DIR                 find what leaks in many snapshots
  nsinspect trace                     trace setns, unshare and clone calls
  nsinspect list -o json | jq ...     for scripts

All commands but exec and name only read. An ordinary user sees everything that the kernel
allows.`

// app is what every command shares.
type app struct {
	stdin          io.Reader
	stdout, stderr io.Writer
	env            []string
	args           []string
	cancel         func() // ends the context of the command; nil where signals are not the program's

	root      string
	netnsDirs []string
	from      string // the snapshot to answer from; "" for the machine
	engine    string
	noEngine  error // why the engine that was wanted is not there
	sources   []string
	color     string
	verbose   bool

	owners     owner.Lazy // of the host that is read
	openTracer func(context.Context, trace.Options) (tracer, error)

	noting       sync.Mutex
	openSnapshot func(context.Context, string, openFile) (*snapshot.File, error) // "" is the running machine
	signals      signals
}

// run is the whole program, without the process around it.
func run(args []string, stdout, stderr io.Writer, env []string) int {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	a := &app{stdin: os.Stdin, stdout: stdout, stderr: stderr, env: env, openTracer: openTracer, cancel: cancel}
	a.openSnapshot = a.readSnapshot
	defer a.signals.returned.Store(true) // an exit can take a second, under the race detector
	return a.run(ctx, args)
}

// run runs a command, and returns the exit status.
func (a *app) run(ctx context.Context, args []string) int {
	a.args = args
	cmd := a.commandFor(args)
	cmd.SetArgs(joinTimes(cmd, args))
	out := &checked{Writer: a.stdout}
	cmd.SetOut(out)
	cmd.SetErr(a.stderr)
	ran, err := cmd.ExecuteContextC(ctx)
	if err == nil && out.err != nil {
		err = fmt.Errorf("write output: %w", out.err)
	}
	var found diagnosis
	var command commandStatus
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &found):
		return found.exit()
	case errors.As(err, &command):
		return int(command)
	}
	a.report(err)
	switch {
	case ran.Name() == "doctor":
		return exitUnknown
	case ran.Name() == "diff" || ran.Name() == "leaks":
		return exitTrouble
	case errors.As(err, &usageError{}):
		return exitUsage
	}
	var notRun *enter.NotRunError
	if errors.As(err, &notRun) {
		return notRun.Status
	}
	return exitFailed
}

// mostMessage is how many columns of a message are printed: what was typed can be long, as a
// list of references on stdin.
const mostMessage = 16 * text.CellWidth

// report writes what went wrong, a line for each error of several, and below it where the
// mistake is, and the hint.
func (a *app) report(err error) {
	all := []error{err}
	var many several
	if errors.As(err, &many) {
		all = many
	}
	for _, err := range all {
		fmt.Fprintf(a.stderr, "nsinspect: %s\n", text.Cut(render.Escape(err.Error()), mostMessage))
	}
	var at misplaced
	if errors.As(err, &at) {
		before, after := at.excerpt()
		fmt.Fprintf(a.stderr, "  %s%s\n  %s^\n", before, after, strings.Repeat(" ", text.Width(before)))
	}
	if hint := explain.Hint(err); hint != "" {
		fmt.Fprintf(a.stderr, "hint: %s\n", render.Escape(hint))
	}
}

func (a *app) rootCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:           "nsinspect",
		Short:         "find network namespaces and what keeps them alive",
		Long:          rootHelp,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          unknownCommand,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return usagef("missing command\nhint: use list, who-uses, doctor, exec or trace, or nsinspect --help")
		},
	}
	cmd.SetFlagErrorFunc(a.wrongFlag)
	flags := cmd.PersistentFlags()
	flags.StringVar(&a.engine, "engine", "auto", "`ENGINE` to read with: auto, proc or bpf")
	flags.StringSliceVar(&a.sources, "source", nil, "read only these `SOURCES`: "+strings.Join(scan.Sources(), ", "))
	flags.StringVar(&a.root, "root", "/", "read the machine whose root directory is `DIR`, such as /host in a container")
	flags.StringArrayVar(&a.netnsDirs, "netns-dir", nil, "read names from `DIR` too (repeatable)")
	flags.StringVar(&a.from, "from", "", "answer from the snapshot in `FILE`, or on stdin if that is -")
	flags.StringVar(&a.color, "color", "auto", "`WHEN` to use colour: auto, always or never")
	flags.BoolVarP(&a.verbose, "verbose", "v", false, "print everything that could not be read, and which engine read")
	completeFlags(cmd, map[string]words{
		"engine": oneOf(engines...), "source": listOf(scan.Sources), "color": oneOf("auto", "always", "never"),
	})
	for _, name := range []string{"root", "netns-dir"} {
		if err := cmd.MarkPersistentFlagDirname(name); err != nil {
			panic(err) // there is no such flag
		}
	}
	cmd.PersistentPreRunE = func(cmd *cobra.Command, _ []string) error {
		a.takeSignals(cmd)
		if err := checkFilled(cmd.Flags()); err != nil {
			return err
		}
		if err := a.check(); err != nil {
			return err
		}
		return a.checkFrom(cmd)
	}
	cmd.SuggestionsMinimumDistance = 2
	return cmd
}

// check refuses wrong values of the global flags.
func (a *app) check() error {
	if !slices.Contains(engines, a.engine) {
		return usagef("unknown engine %q\nhint: use auto, proc or bpf", a.engine)
	}
	for _, s := range a.sources {
		if !slices.Contains(scan.Sources(), s) {
			return usagef("unknown source %q\nhint: use %s", s, strings.Join(scan.Sources(), ", "))
		}
	}
	if !slices.Contains([]string{"auto", "always", "never"}, a.color) {
		return usagef("unknown colour mode %q\nhint: use auto, always or never", a.color)
	}
	for _, d := range append([]string{a.root}, a.netnsDirs...) {
		if d == "" {
			return usagef("empty directory\nhint: --root and --netns-dir take a path")
		}
	}
	return nil
}

// options opens the host and the engine that the flags name, to scan these types; done
// closes them.
func (a *app) options(types ...ns.Type) (opts scan.Options, done func(), err error) {
	h, err := a.openHost()
	if err != nil {
		return opts, nil, err
	}
	engine, closeEngine, why, err := a.openEngine(types)
	if err != nil {
		h.Close()
		return opts, nil, err
	}
	if a.verbose {
		name := "proc"
		if engine != nil {
			name = engine.Name()
		}
		a.note([]string{render.Escape(fmt.Sprintf("engine %s: %s", name, why))})
	}
	a.owners = owner.Lazy{Host: h}
	opts = scan.Options{Host: h, NamesDirs: a.netnsDirs, Engine: engine, NoEngine: a.noEngine, Types: types, Sources: a.sources}
	return opts, func() { closeEngine(); h.Close() }, nil
}

// openHost opens the machine to read. The running one needs procfs: without, it would be a
// machine without processes.
func (a *app) openHost() (*host.Host, error) {
	h, err := host.Open(a.root)
	if err == nil && h.Live() && h.Recorded() {
		err = errors.Join(unix.ENOENT, h.Close())
	}
	if a.root == "/" && errors.Is(err, unix.ENOENT) {
		err = explain.WithHint(errors.New("procfs is not mounted on /proc"), "mount -t proc proc /proc")
	}
	return h, err
}

// note writes sentences to stderr.
func (a *app) note(notes []string) {
	a.noting.Lock() // of two files that are read at once
	defer a.noting.Unlock()
	for _, line := range notes {
		fmt.Fprintln(a.stderr, "nsinspect: "+line)
	}
}
