// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/nsinspect/nsinspect/pkg/ns"
	"github.com/nsinspect/nsinspect/pkg/resolve"
	"github.com/nsinspect/nsinspect/pkg/trace"
)

const traceHelp = `Tell every move of a thread between namespaces, as it happens: who, from where,
to where, by which file, and whether it worked.

--syscalls tells each setns, unshare and clone (clone3, fork) that enters or makes
namespaces of any type, failed ones too, by 32-bit programs too. Filters are
applied in the kernel. It ends with Ctrl-C, after --duration or after --count, and
then says on stderr what it saw, what was lost, and which threads ended up in
another network namespace than their process.

--lifecycle tells when a network namespace is made, and by whom; when it gets a name
or loses one; and when its last holder has gone, and how long it lived. What no call
tells is seen by looking ten times a second: JSON says within which time it was.

With a COMMAND it traces that and its children, from the first instruction, until
the COMMAND ends, and exits with its status: 128 and the signal's number if it was
killed. As with strace, the events go to stderr then, and the COMMAND has stdin and
stdout to itself; --to writes them into a file.

Root may trace; so may CAP_BPF with CAP_PERFMON. -v says how it looks (its tier),
and what it cannot see that way. What finds no room in the kernel's buffer while
nobody reads is lost and counted, never waited for. At the end what was recorded is
written as long as somebody reads it; what is not is counted as lost. A signal then
ends it at once.`

const traceExamples = `  nsinspect trace --syscalls
  nsinspect trace --syscalls --ns blue --failed
  nsinspect trace --syscalls --type net --comm dockerd --fold
  nsinspect trace --syscalls -o json --duration 10s | jq -c 'select(.to.net.names)'
  nsinspect trace --lifecycle
  nsinspect trace --syscalls -- ip netns exec blue true
  nsinspect trace --syscalls --to events -- podman run --rm alpine`

type traceFlags struct {
	syscalls  bool
	lifecycle bool
	output    string
	to        string
	ns        string
	pid       string
	comm      string
	types     []string
	failed    bool
	duration  string
	count     string
	fold      string
	tier      string
	buffer    string
}

func (a *app) traceCommand() *cobra.Command {
	var f traceFlags
	cmd := &cobra.Command{
		Use:                   "trace --syscalls [flags] [-- COMMAND [ARG...]]",
		DisableFlagsInUseLine: true,
		Short:                 "tell every move between namespaces, as it happens",
		Long:                  traceHelp,
		Example:               traceExamples,
		RunE: func(cmd *cobra.Command, args []string) error {
			command := []string(nil)
			if dash := cmd.ArgsLenAtDash(); dash >= 0 {
				args, command = args[:dash], args[dash:]
				if len(command) == 0 || command[0] == "" {
					return usagef("missing command after --\nhint: nsinspect trace --syscalls -- COMMAND [ARG...]")
				}
			}
			if given := cmd.Flags().Changed; given("fold") && f.fold == "" || given("to") && f.to == "" {
				return usagef("empty value\nhint: --fold takes a time, as 1s, or nothing, and --to a file")
			}
			j, err := a.newTraceJob(cmd, f, args)
			if err != nil {
				return err
			}
			j.command = command
			return a.trace(cmd.Context(), j)
		},
	}
	flags := cmd.Flags()
	flags.BoolVar(&f.syscalls, "syscalls", false, "tell calls of setns, unshare and clone")
	flags.BoolVar(&f.lifecycle, "lifecycle", false, "tell when network namespaces are made, named and freed")
	flags.StringVarP(&f.output, "output", "o", "table", "`FORMAT`: table, or json with one object a line")
	flags.StringVar(&f.to, "to", "", "write events to `FILE`")
	flags.StringVar(&f.ns, "ns", "", "only what comes from, goes to or wants to go to the namespace `REF`, see who-uses")
	flags.StringVar(&f.pid, "pid", "", "only the process or thread `N`")
	flags.StringVar(&f.comm, "comm", "", "only threads of that `NAME`")
	flags.StringSliceVar(&f.types, "type", []string{"all"}, "only namespaces of `TYPES`, as net,mnt")
	flags.BoolVar(&f.failed, "failed", false, "only calls that failed")
	flags.StringVar(&f.duration, "duration", "", "end after a `TIME`, as 10s")
	flags.StringVar(&f.count, "count", "", "end after `N` events")
	flags.StringVar(&f.fold, "fold", "", "tell a thread's round trip within `TIME` as one event (1s if none is given)")
	flags.Lookup("fold").NoOptDefVal = defaultFold
	flags.StringVar(&f.tier, "tier", "", "look in the way numbered `N`, not in the best that works")
	flags.StringVar(&f.buffer, "buffer", "16M", "let the kernel keep `SIZE` bytes of events until they are read")
	return cmd
}

const defaultFold = "1s"

// trace runs a job.
func (a *app) trace(ctx context.Context, j *traceJob) error {
	if j.ns != nil {
		if err := a.resolveFilter(ctx, j); err != nil {
			return err
		}
	}
	var child *child
	if j.command != nil {
		var err error
		if child, err = a.newChild(j.command); err != nil {
			return err
		}
		j.opts.Follow = true
		ctx = context.WithoutCancel(ctx) // it ends when the command does; signals are the command's
	}
	out, closeOut, err := a.openOutput(j)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	s, err := a.newTraceSession(ctx, cancel, j, out)
	if err != nil {
		return err
	}
	err = s.run(child)
	if closeErr := closeOut(); err == nil && closeErr != nil {
		err = fmt.Errorf("write output: %w", closeErr)
	}
	return err
}

// resolveFilter finds the namespace that --ns names.
func (a *app) resolveFilter(ctx context.Context, j *traceJob) error {
	opts, done, err := a.options()
	if err != nil {
		return err
	}
	defer done()
	opts.Types, opts.Details = []ns.Type{j.nsType}, true
	_, n, err := resolve.Resolve(ctx, opts, &a.owners, *j.ns)
	if err != nil {
		return err
	}
	j.opts.Filter.NS = trace.NS{Inode: n.Inode, Cookie: n.Cookie}
	return nil
}

// openOutput opens what events are written to: a file; else stdout, or stderr
// while a command has that.
func (a *app) openOutput(j *traceJob) (w io.Writer, done func() error, err error) {
	none := func() error { return nil }
	switch {
	case j.to != "":
		f, err := os.OpenFile(j.to, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o666)
		if err != nil {
			return nil, nil, fmt.Errorf("write events: %w", err)
		}
		return f, f.Close, nil
	case j.command != nil:
		return a.stderr, none, nil
	}
	return a.stdout, none, nil
}
