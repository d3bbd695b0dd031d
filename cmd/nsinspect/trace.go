// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/nsinspect/nsinspect/internal/render"
	"github.com/nsinspect/nsinspect/pkg/ns"
	"github.com/nsinspect/nsinspect/pkg/resolve"
	"github.com/nsinspect/nsinspect/pkg/trace"
)

const traceHelp = `Trace setns, unshare and clone calls: the caller, the namespaces that it left and
entered, the file that it used, and the result.

--syscalls, which is what trace does by itself, prints each setns, unshare and clone
(clone3, fork) that enters or creates namespaces of any type, failed calls and those of
32-bit programs included. The trace ends with Ctrl-C, after --duration or --count, or
with the process of --pid, and then prints a summary on stderr: calls, losses, and threads
that ended up in another network namespace than their process.

--ns, --pid, --comm, --type, --failed and --uid filter in the kernel. What --owner,
--cgroup, --exclude and --filter leave out is read and counted: it is not lost.
--exclude runtimes leaves out what container runtimes, CNI plugins and systemd do,
as far as root executes them by files that only root can change. The cgroup of a
caller is that of cgroup v2 or, on v1, of the controller that PATH names, else of
pids. Calls of a process that ended before its owner was found fit no --owner; the
summary has how many. --uid, --cgroup and --exclude need tier 1 or 2.

--filter takes comparisons as list does, of the fields that --filter help lists:
--filter 'failed and uid >= 1000', --filter 'to.net.name =~ "^cni-"'.

--lifecycle prints when a network namespace, or one of the types of --type, is created,
and by which call; when it gains or loses a name; and when it is freed, and how long it
existed at most. What no call shows is found by looking ten times a second, and names
when they change: JSON has how long ago it happened at most in within_ns. Before Linux
6.18 the kernel has no list of other than network namespaces: of those, only the calls
that create them are printed. With --syscalls, all is in order of time, 80 ms late; a
call that takes longer is printed when it ends. --failed is for calls only, and --comm,
--pid and a COMMAND select the namespaces that those create.

With a COMMAND, only that command and its children are traced, from the first
instruction to the end of the COMMAND, and its exit status is used: 128 and the
number of the signal if it was killed. As with strace, events go to stderr then, and
the COMMAND keeps stdin and stdout; --to writes events to a file.

--to FILE --rotate SIZE begins a new file before FILE becomes larger: FILE is the
current one, FILE.1 the one before, up to FILE.N of --keep N. Each ends with a complete
line, and with -o json begins with a start record of its own. Where that fails, one note
is printed and the file goes on.

Tracing needs root, or CAP_BPF and CAP_PERFMON. -v prints the tracing tier in use and
its limitations. Events that overflow the ring buffer are dropped and counted; traced
processes are never blocked.`

const traceExamples = `  nsinspect trace
  nsinspect trace --ns blue --failed
  nsinspect trace --type net --comm dockerd --fold
  nsinspect trace -o json --duration 10s | jq -c 'select(.to.net.name)'
  nsinspect trace --exclude runtimes --uid 1000 --uid www-data
  nsinspect trace --owner 'docker:*' --filter 'types == net and not failed'
  nsinspect trace --lifecycle
  nsinspect trace --lifecycle --type user,pid
  nsinspect trace --lifecycle --syscalls
  nsinspect trace -- ip netns exec blue true
  nsinspect trace -o json --to events.json --rotate 64M --keep 20
  nsinspect trace --to events -- podman run --rm alpine`

type traceFlags struct {
	syscalls  bool
	lifecycle bool
	output    string
	to        string
	rotate    string
	keep      string
	ns        string
	pid       string
	uids      []string
	owners    []string
	cgroups   []string
	exclude   []string
	filter    string
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
		Use:                   "trace [flags] [-- COMMAND [ARG...]]",
		DisableFlagsInUseLine: true,
		Short:                 "trace setns, unshare and clone calls",
		Long:                  traceHelp,
		Example:               traceExamples,
		RunE: func(cmd *cobra.Command, args []string) error {
			command := []string(nil)
			if dash := cmd.ArgsLenAtDash(); dash >= 0 {
				args, command = args[:dash], args[dash:]
				if len(command) == 0 || command[0] == "" {
					return usagef("missing command after --\nhint: nsinspect trace -- COMMAND [ARG...]")
				}
			}
			if f.filter == "help" {
				return render.EventFieldsHelp(a.stdout, a.style())
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
	flags.BoolVar(&f.syscalls, "syscalls", false, "trace setns, unshare and clone calls (the default without --lifecycle)")
	flags.BoolVar(&f.lifecycle, "lifecycle", false, "trace when namespaces are created, named and freed: network namespaces, or those of --type")
	flags.StringVarP(&f.output, "output", "o", "table", "`FORMAT`: table, wide, or json with one object per line")
	flags.StringVar(&f.to, "to", "", "write events to `FILE`")
	flags.StringVar(&f.rotate, "rotate", "", "begin a new file of --to before it exceeds `SIZE`, such as 16M: FILE, FILE.1, ...")
	flags.StringVar(&f.keep, "keep", "", "keep `N` files beside the current one with --rotate (default 9)")
	flags.StringVar(&f.ns, "ns", "", "only calls from, to or targeting the namespace `REF`, see who-uses")
	flags.StringVarP(&f.pid, "pid", "p", "", "only the process or thread `N`")
	flags.StringVar(&f.comm, "comm", "", "only threads named `NAME`")
	flags.StringSliceVar(&f.uids, "uid", nil, "only callers whose effective user is `USER`, by number or name (repeatable)")
	flags.StringArrayVar(&f.owners, "owner", nil, "only callers of the owner `PATTERN`, such as docker:web or unit:ssh* (repeatable)")
	flags.StringArrayVar(&f.cgroups, "cgroup", nil, "only callers in or below the cgroup `PATH`, such as /system.slice/*.service (repeatable)")
	flags.StringSliceVar(&f.exclude, "exclude", nil, "leave out the calls of `WHAT`: runtimes")
	flags.StringVar(&f.filter, "filter", "", "only what `EXPRESSION` is true of, such as 'failed and uid != 0'; help lists the fields")
	flags.StringSliceVarP(&f.types, "type", "t", []string{"all"}, "only namespaces of `TYPES`, such as net,mnt")
	flags.BoolVar(&f.failed, "failed", false, "only calls that failed")
	flags.StringVar(&f.duration, "duration", "", "end after a `TIME`, such as 10s")
	flags.StringVar(&f.count, "count", "", "end after `N` events")
	flags.StringVar(&f.fold, "fold", "", "print a thread's round trip within `TIME` as one event (default 1s)")
	flags.Lookup("fold").NoOptDefVal = defaultFold
	flags.StringVar(&f.tier, "tier", "", "force tracing tier `N` (1-4) instead of the best available")
	flags.StringVar(&f.buffer, "buffer", "16M", "ring buffer `SIZE`")
	completeFlags(cmd, map[string]words{
		"ns": a.completeRefs, "type": listOf(typeWords), "output": oneOf("table", "wide", "json"), "tier": oneOf("1", "2", "3", "4"),
		"pid": a.completePIDs, "uid": a.completeUsers, "exclude": oneOf("runtimes"), "filter": oneOf("help"),
	})
	return cmd
}

const defaultFold = "1s"

// trace runs a job.
func (a *app) trace(ctx context.Context, j *traceJob) error {
	h, err := a.openHost()
	if err != nil {
		return err
	}
	h.Close()
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
	task, err := openTask(j.opts.Filter.PID)
	if err != nil {
		return err
	}
	defer task.close()
	out, to, err := a.openOutput(j)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	s, err := a.newTraceSession(ctx, cancel, j, out)
	if err != nil {
		to.drop()
		return err
	}
	s.to = to
	if child == nil && !j.lifecycle { // what it created can outlive it
		s.task = task
	}
	if j.rotate > 0 {
		if s.out.rotation, err = newRotation(to, j.rotate, j.keep); err != nil {
			return s.refuse(err)
		}
		defer s.out.rotation.close()
	}
	err = s.run(ctx, child)
	if to == nil || s.to == nil { // dropped
		return err
	}
	if closeErr := to.Close(); err == nil && closeErr != nil {
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
