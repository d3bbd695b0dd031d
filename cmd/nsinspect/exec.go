// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"path"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"
	"golang.org/x/term"

	"github.com/nsinspect/nsinspect/internal/explain"
	"github.com/nsinspect/nsinspect/internal/host"
	"github.com/nsinspect/nsinspect/internal/kernel"
	"github.com/nsinspect/nsinspect/internal/opener"
	"github.com/nsinspect/nsinspect/internal/render"
	"github.com/nsinspect/nsinspect/internal/text"
	"github.com/nsinspect/nsinspect/pkg/enter"
	"github.com/nsinspect/nsinspect/pkg/ns"
	"github.com/nsinspect/nsinspect/pkg/owner"
	"github.com/nsinspect/nsinspect/pkg/resolve"
)

const execHelp = `Run a command in a network namespace.

This does what ip netns exec does, for every namespace: the command gets a mount
namespace of its own in which /sys shows the network namespace, and files in
/etc/netns/NAME are bind mounted over those in /etc, such as resolv.conf. NAME is the
name that was typed; for any other REF it is the first name of the namespace in
/run/netns that has such files. Mounts below /sys, such as cgroups, are kept. With
--net-only all mounts stay as they are.

Without a command, on a terminal, your shell ($SHELL) is run.

With several REFs, or --all, the command is run in one namespace after the other, each
preceded by a line "netns: REF" as with ip -all netns exec. All REFs are looked up
before anything is run. --all is every network namespace but the host's, which may be
given as well: nsinspect exec --all host -- COMMAND. The exit status is that of
the first that failed, and 0 if none did; the others are run all the same.

With --type, the namespaces are those of a process: the one whose number REF is, one of the
container, pod or unit that REF is, or the oldest in the namespace that REF leads to; -v
shows which. The command is run in all of them, or not at all where the process ends or
leaves one meanwhile. With mnt, mounts are the process's: the command starts in their root
directory and is looked up there, so that it is a program of the container with your rights,
not with those of the container. Mounts that belong to another user namespace than yours are
refused: an ordinary user may have chosen the programs there. With net and without mnt, /sys
and /etc are as above. With pid, the command is a child of nsinspect; /proc is that of the
mounts, so that ps needs mnt too. No cgroup is joined. "all" is net, mnt, uts, ipc, cgroup
and pid; for user and time namespaces there is nsenter.

REF is what nsinspect who-uses takes. From Linux 6.18 on, a namespace that only the
kernel's own list has can be entered too, by its inode or cookie.

With one REF, the command replaces nsinspect, unless --type has pid: signals and exit
status are its own. Before that, nsinspect exits with 1 on failure, 2 on bad usage, 126 if
the command cannot be executed and 127 if it is not found.`

const execExamples = `  nsinspect exec blue -- ip address
  nsinspect exec 4242 -- ss -tln
  nsinspect exec web db -- ip route
  nsinspect exec docker:web --type all -- ps aux
  nsinspect exec --all -- ss -tlnp
  nsinspect exec cookie:4101 -- tcpdump -ni any
  nsinspect exec --net-only /run/docker/netns/27d0a9f1c2b3 -- curl localhost`

func (a *app) execCommand() *cobra.Command {
	var f execFlags
	cmd := &cobra.Command{
		Use:     "exec REF... [-- COMMAND [ARG...]] | --all -- COMMAND [ARG...]",
		Short:   "run a command in a network namespace",
		Long:    execHelp,
		Example: execExamples,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := f.parseArgs(args, cmd.ArgsLenAtDash(), a.shell()); err != nil {
				return err
			}
			if err := f.parseTypes(cmd.Flags().Changed("type")); err != nil {
				return err
			}
			return a.exec(cmd.Context(), f)
		},
	}
	cmd.ValidArgsFunction = func(cmd *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
		if n := len(a.args); n > 0 && slices.Contains(a.args[:n-1], "--") {
			return nil, cobra.ShellCompDirectiveDefault // the command
		}
		return a.completeRefs(cmd, args, typed)
	}
	cmd.Flags().BoolVar(&f.all, "all", false, "run the command in every network namespace but the host's")
	cmd.Flags().BoolVar(&f.netOnly, "net-only", false, "leave the mounts as they are: neither /sys nor /etc are changed")
	cmd.Flags().StringSliceVarP(&f.types, "type", "t", nil, "enter these `TYPES` of namespaces of a process, as net,mnt, or all")
	completeFlags(cmd, map[string]words{"type": listOf(execTypeWords)})
	return cmd
}

// execFlags are what exec is to do.
type execFlags struct {
	netOnly, all bool
	types        []string
	process      []ns.Type // that a process's namespaces are to be of; nil for the network namespace alone

	refs    []string
	command []string // nil for a shell
}

// parseArgs reads references, --, and a command. dash is how many arguments are before
// --, -1 if there is none. shell is what is run where there is no command, "" if
// nothing is.
func (f *execFlags) parseArgs(args []string, dash int, shell string) error {
	refs := args
	if dash >= 0 {
		refs, f.command = args[:dash], args[dash:]
	}
	f.refs = refs
	switch {
	case f.all || len(refs) > 0:
	case dash >= 0:
		return usagef("missing reference before --\nhint: %s", resolve.RefForms)
	default:
		return usagef("missing reference and command\nhint: use nsinspect exec REF -- COMMAND")
	}
	one := explain.Words(refs, "REF")
	switch {
	case f.all && len(refs) > 0:
		one = "--all " + one
	case f.all:
		one = "--all"
	}
	switch {
	case len(f.command) > 0 && f.command[0] == "":
		return usagef("empty command\nhint: use nsinspect exec %s -- COMMAND", one)
	case len(f.command) > 0:
	case dash < 0 && len(refs) > 1:
		return usagef("missing -- before the command\nhint: use nsinspect exec %s -- %s", explain.Words(refs[:1], "REF"), explain.Words(refs[1:], "COMMAND"))
	case f.all || len(refs) > 1 || shell == "":
		return usagef("missing command\nhint: use nsinspect exec %s -- COMMAND", one)
	default:
		f.command = []string{shell}
	}
	return nil
}

// shell returns the user's shell, "" if the command's input is no terminal.
func (a *app) shell() string {
	if f, ok := a.stdin.(*os.File); !ok || !term.IsTerminal(int(f.Fd())) {
		return ""
	}
	if shell := a.getenv("SHELL"); path.IsAbs(shell) {
		return shell
	}
	return "/bin/sh"
}

func (a *app) exec(ctx context.Context, f execFlags) error {
	var refs []resolve.Ref
	for _, word := range f.refs {
		ref, err := resolve.ParseRef(word)
		if err != nil {
			return usageError{error: err}
		}
		refs = append(refs, ref)
	}
	h, err := a.openHost()
	if err != nil {
		return err
	}
	defer h.Close()
	if h.Recorded() {
		return usagef("exec enters namespaces of the running kernel, and %s is a recorded tree\nhint: leave --root out", a.root)
	}
	if f.all || len(refs) > 1 {
		return a.execMany(ctx, h, refs, f)
	}
	p, err := a.openPlace(ctx, h, refs[0], f.process)
	if err != nil {
		return err
	}
	defer p.close()
	if slices.Contains(f.process, ns.PID) {
		return a.execChild(ctx, h, p, f)
	}
	c := a.commandIn(h, p, f)
	// What was to be ignored when we were started is to be so by the command.
	signal.Reset(unix.SIGINT, unix.SIGTERM)
	if ctx.Err() != nil { // interrupted before there was a command
		return ctx.Err()
	}
	if err := kernel.RestoreMemlock(); err != nil {
		return err
	}
	return explainEntry(p.n, c.Exec())
}

// commandIn returns the command as it is to run in a namespace.
func (a *app) commandIn(h *host.Host, p place, f execFlags) *enter.Command {
	return &enter.Command{
		File: p.fd, Expect: *p.n, NetOnly: f.netOnly, EtcDir: etcDir(h, p.ref, p.n), Source: "nsinspect", Process: p.process,
		Args: f.command, Env: a.env, Warn: func(err error) { a.note([]string{render.Escape(err.Error())}) },
	}
}

// open opens the namespace that a reference points at: at once where the reference
// leads to a file, by a scan otherwise.
func (a *app) open(ctx context.Context, h *host.Host, ref resolve.Ref) (*ns.Namespace, int, error) {
	owners := owner.Lazy{Host: h}
	n, fd, err := resolve.Open(ctx, h, a.netnsDirs, &owners, ref)
	if err == nil && n == nil {
		n, fd, err = a.openScanned(ctx, h, ref)
	}
	if enter.Denied(err) && n != nil {
		err = &kernel.DeniedError{Capability: unix.CAP_SYS_PTRACE, Err: err}
	}
	return n, fd, err
}

func (a *app) openScanned(ctx context.Context, h *host.Host, ref resolve.Ref) (*ns.Namespace, int, error) {
	_, n, fd, err := a.openInSnapshot(ctx, h, ref)
	return n, fd, err
}

// openInSnapshot is openScanned that returns the snapshot as well.
func (a *app) openInSnapshot(ctx context.Context, h *host.Host, ref resolve.Ref) (*ns.Snapshot, *ns.Namespace, int, error) {
	opts, done, err := a.options()
	if err != nil {
		return nil, nil, -1, err
	}
	defer done()
	opts.Details = true
	snap, n, err := resolve.Resolve(ctx, opts, &a.owners, ref)
	if err != nil {
		return nil, nil, -1, err
	}
	opener := opener.New(h, false)
	defer opener.Close()
	fd, err := opener.Open(n)
	if err != nil {
		return snap, n, -1, fmt.Errorf("open %s: %w", text.Title(n), err)
	}
	return snap, n, fd, nil
}

// etcDir is where the files are that lie over those of /etc: the directory in
// /etc/netns by the name that was typed or, of a namespace referred to otherwise,
// by the first of its names in /run/netns that has one; "" if there is none.
func etcDir(h *host.Host, ref resolve.Ref, n *ns.Namespace) string {
	at := func(name string) string {
		return strings.TrimRight(h.Root(), "/") + path.Join("/etc/netns", name)
	}
	for _, name := range n.Names {
		if name.Name == ref.String() || name.Path == ref.String() {
			return at(name.Name)
		}
	}
	for _, name := range n.Names {
		var st unix.Stat_t
		// One that cannot be looked at is not taken for one that is not there: its
		// files are left out with a warning.
		if path.Dir(name.Path) == "/run/netns" && unix.Stat(at(name.Name), &st) != unix.ENOENT {
			return at(name.Name)
		}
	}
	return ""
}
