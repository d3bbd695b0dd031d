// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"path"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/internal/explain"
	"github.com/nsinspect/nsinspect/internal/kernel"
	"github.com/nsinspect/nsinspect/internal/text"
	"github.com/nsinspect/nsinspect/pkg/enter"
	"github.com/nsinspect/nsinspect/pkg/ns"
	"github.com/nsinspect/nsinspect/pkg/resolve"
)

const nameHelp = `Give a network namespace a name, so that ip netns and others find it.

This does what ip netns attach does for a process, for every REF that nsinspect who-uses
takes: the namespace is bind mounted on a new file of that name in /run/netns, which is
shared with other mount namespaces. From then on the name keeps the namespace alive. A name
that is there already is never replaced, and nothing is left behind on failure.

To take the name away, use ip netns del NAME.`

const nameExamples = `  nsinspect name web web-net
  nsinspect name 4242 lab
  nsinspect name cookie:4101 leaked
  ip netns exec leaked ss -tanp`

func (a *app) nameCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "name REF NAME",
		Short:   "give a network namespace a name, as ip netns attach does",
		Long:    nameHelp,
		Example: nameExamples,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) != 2 {
				return usagef("name takes a reference and a name\nhint: use nsinspect name REF NAME")
			}
			return a.name(cmd.Context(), args[0], args[1])
		},
	}
	cmd.ValidArgsFunction = func(cmd *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp // a new name
		}
		return a.completeRefs(cmd, args, typed)
	}
	return cmd
}

func (a *app) name(ctx context.Context, word, name string) error {
	ref, err := resolve.ParseRef(word)
	if err == nil {
		err = enter.CheckName(name)
	}
	if err != nil {
		return usageError{error: err}
	}
	h, err := a.openHost()
	if err != nil {
		return err
	}
	defer h.Close()
	if h.Recorded() {
		return usagef("name is for namespaces of the running kernel, and %s is a recorded tree\nhint: leave --root out", a.root)
	}
	n, fd, err := a.open(ctx, h, ref)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	if n.Type != ns.Net {
		return explain.WithHint(fmt.Errorf("%s is not a network namespace, and %s is for those", text.Title(n), enter.NamesDir),
			"a bind mount on any file keeps it: mount --bind /proc/PID/ns/%s FILE", n.Type)
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	at := path.Join(enter.NamesDir, name)
	err = enter.Name(fd, *n, name)
	switch {
	case errors.Is(err, unix.EEXIST):
		return explain.WithHint(fmt.Errorf("name %s: %s exists", text.Title(n), text.Name(at)), "use another name")
	case enter.Denied(err):
		return fmt.Errorf("name %s: %w", text.Title(n), &kernel.DeniedError{Capability: unix.CAP_SYS_ADMIN, Err: err})
	case err != nil:
		return fmt.Errorf("name %s: %w", text.Title(n), err)
	}
	return nil
}
