// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/nsinspect/nsinspect/internal/render"
	"github.com/nsinspect/nsinspect/pkg/scan"
)

const whoUsesHelp = `Say who keeps a namespace alive, and what would free it.

REF is one of
  4026532177                a namespace inode
  net:[4026532177]          the same, with its type
  blue                      a name, as ip netns shows it
  /run/netns/blue           a path, also /proc/PID/ns/net or /run/docker/netns/27d0...
  4242, pid:4242            the namespace that a process is in
  cookie:4101               a network namespace's cookie, never given twice in one boot
  self                      the one this command runs in
  host                      the machine's own`

const whoUsesExamples = `  nsinspect who-uses blue
  nsinspect who-uses $$ --type mnt
  nsinspect who-uses /run/docker/netns/27d0a9f1c2b3 -o json`

func (a *app) whoUsesCommand() *cobra.Command {
	var typ, output string
	cmd := &cobra.Command{
		Use:     "who-uses REF",
		Short:   "say who keeps a namespace alive",
		Long:    whoUsesHelp,
		Example: whoUsesExamples,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usagef("who-uses wants one reference, got %d: %s", len(args), scan.RefForms)
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.whoUses(cmd.Context(), args[0], typ, output)
		},
	}
	cmd.Flags().StringVar(&typ, "type", "net", "the namespace `TYPE` that a PID, a name, self or host stands for")
	cmd.Flags().StringVarP(&output, "output", "o", "table", "`FORMAT`: table, wide, json or yaml")
	return cmd
}

func (a *app) whoUses(ctx context.Context, text, typ, output string) error {
	format, err := parseFormat(output, render.Table, render.Wide, render.JSON, render.YAML)
	if err != nil {
		return err
	}
	t, err := scan.ParseType(typ)
	if err != nil {
		return usageError{err}
	}
	ref, err := scan.ParseRef(text)
	if err != nil {
		return usageError{err}
	}
	opts, done, err := a.options()
	if err != nil {
		return err
	}
	defer done()
	opts.Types, opts.Details = []scan.Type{t}, true
	snap, n, err := scan.Resolve(ctx, opts, ref)
	if err != nil {
		return err
	}
	owners := a.owners.Index(ctx, snap)
	var out bytes.Buffer
	if err := render.Uses(&out, snap, n, owners, format, a.style()); err != nil {
		return err
	}
	if _, err := a.stdout.Write(out.Bytes()); err != nil {
		return fmt.Errorf("write output: %w", err)
	}
	a.note(render.GapNotes(snap, owners, a.verbose))
	return nil
}
