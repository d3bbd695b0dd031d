// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"os/user"
	"path"
	"slices"
	"strconv"
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

REF is what nsinspect who-uses takes. From Linux 6.18 on, a namespace that only the
kernel's own list has can be entered too, by its inode or cookie.

With one REF, the command replaces nsinspect: signals and exit status are its own.
Before that, nsinspect exits with 1 on failure, 2 on bad usage, 126 if the command cannot be
executed and 127 if it is not found.`

const execExamples = `  nsinspect exec blue -- ip address
  nsinspect exec 4242 -- ss -tln
  nsinspect exec web db -- ip route
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
			return a.exec(cmd.Context(), f)
		},
	}
	cmd.SetFlagErrorFunc(func(_ *cobra.Command, err error) error {
		return usagef("%w\nhint: see nsinspect exec --help; the command's own flags go behind --", err)
	})
	cmd.ValidArgsFunction = func(cmd *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
		if slices.Contains(a.args[:len(a.args)-1], "--") {
			return nil, cobra.ShellCompDirectiveDefault // the command
		}
		return a.completeRefs(cmd, args, typed)
	}
	cmd.Flags().BoolVar(&f.all, "all", false, "run the command in every network namespace but the host's")
	cmd.Flags().BoolVar(&f.netOnly, "net-only", false, "leave the mounts as they are: neither /sys nor /etc are changed")
	return cmd
}

// execFlags are what exec is to do.
type execFlags struct {
	netOnly, all bool

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
	one := strings.Join(refs, " ")
	if f.all {
		one = strings.TrimSpace("--all " + one)
	}
	switch {
	case len(f.command) > 0 && f.command[0] == "":
		return usagef("empty command\nhint: use nsinspect exec %s -- COMMAND", one)
	case len(f.command) > 0:
	case dash < 0 && len(refs) > 1:
		return usagef("missing -- before the command\nhint: use nsinspect exec %s -- %s", refs[0], strings.Join(refs[1:], " "))
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
	h, err := host.Open(a.root)
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
	p, err := a.openPlace(ctx, h, refs[0])
	if err != nil {
		return err
	}
	defer unix.Close(p.fd)
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

// place is an open network namespace in which a command is to run.
type place struct {
	ref resolve.Ref // by which it was found; of --all none
	n   *ns.Namespace
	fd  int
}

// openPlace opens the network namespace that a reference points at.
func (a *app) openPlace(ctx context.Context, h *host.Host, ref resolve.Ref) (place, error) {
	n, fd, err := a.open(ctx, h, ref)
	if err == nil && n.Type != ns.Net {
		unix.Close(fd)
		err = fmt.Errorf("%s is no network namespace, and exec enters no other", text.Title(n))
	}
	return place{ref, n, fd}, err
}

// commandIn returns the command as it is to run in a namespace.
func (a *app) commandIn(h *host.Host, p place, f execFlags) *enter.Command {
	return &enter.Command{
		File: p.fd, Expect: *p.n, NetOnly: f.netOnly, EtcDir: etcDir(h, p.ref, p.n), Source: "nsinspect",
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
	opts, done, err := a.options()
	if err != nil {
		return nil, -1, err
	}
	defer done()
	opts.Details = true
	_, n, err := resolve.Resolve(ctx, opts, &a.owners, ref)
	if err != nil {
		return nil, -1, err
	}
	opener := opener.New(h, false)
	defer opener.Close()
	fd, err := opener.Open(n)
	if err != nil {
		return n, -1, fmt.Errorf("open %s: %w", text.Title(n), err)
	}
	return n, fd, nil
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

// explainEntry adds what to do about an error where that is known.
func explainEntry(n *ns.Namespace, err error) error {
	var step *enter.StepError
	if !errors.As(err, &step) || !enter.Denied(err) {
		return err
	}
	if !step.Entering() {
		return explain.WithHint(err, "%s, or use --net-only, which needs less", explain.Privilege(unix.CAP_SYS_ADMIN))
	}
	if hint := strangerHint(n); hint != "" {
		return explain.WithHint(fmt.Errorf("enter %s: %w", text.Title(n), step.Err), "%s", hint)
	}
	return explain.WithHint(fmt.Errorf("enter %s: %w", text.Title(n), step.Err), "%s", explain.Privilege(unix.CAP_SYS_ADMIN))
}

// strangerHint returns how to enter a namespace that belongs to another user
// namespace than ours, as a rootless container's: that has to be joined first,
// which a process of several threads may not (kernel/user_namespace.c,
// userns_install, 6.18).
func strangerHint(n *ns.Namespace) string {
	var own unix.Stat_t
	if unix.Stat("/proc/self/ns/user", &own) != nil || n.UserNS == 0 || n.UserNS == own.Ino {
		return ""
	}
	who := ""
	if u, err := user.LookupId(strconv.Itoa(n.OwnerUID)); err == nil {
		who = ", which " + u.Username + " made"
	}
	pid := "PID"
	if n.Leader != nil {
		pid = n.Leader.PID.String()
	}
	return fmt.Sprintf("run as root, or join its user namespace, %s%s, first: nsenter --preserve-credentials -U -n -t %s -- COMMAND",
		ns.FormatLink(ns.User, n.UserNS), who, pid)
}
