// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"fmt"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/nsinspect/nsinspect/internal/render"
	"github.com/nsinspect/nsinspect/pkg/links"
	"github.com/nsinspect/nsinspect/pkg/ns"
	"github.com/nsinspect/nsinspect/pkg/owner"
	"github.com/nsinspect/nsinspect/pkg/scan"
)

const listHelp = `List namespaces: the inode and names of each, how many processes are in it, what keeps
it alive, and its leader, the oldest process in it. OWNER is its container, pod or
unit, read from the files of Docker, containerd, Podman, CRI-O, LXC, Incus, systemd,
the kubelet and CNI.

Namespaces without processes are listed like any other. (host) marks the machine's
own. Names are read from /run/netns (ip netns), /run/docker/netns,
$XDG_RUNTIME_DIR/netns and /run/user/*/netns; --netns-dir adds more.`

const listExamples = `  nsinspect list
  nsinspect list -o wide
  nsinspect list --type net,mnt
  nsinspect list --watch 5s
  nsinspect list -o name | xargs -n1 nsinspect who-uses`

type listFlags struct {
	types     []string
	output    string
	noHeaders bool
	watch     string
}

func (a *app) listCommand() *cobra.Command {
	var f listFlags
	cmd := &cobra.Command{
		Use:     "list",
		Aliases: []string{"ls"},
		Short:   "list namespaces, their names and what keeps them alive",
		Long:    listHelp,
		Example: listExamples,
		RunE: func(cmd *cobra.Command, args []string) error {
			if f.watch == "" && cmd.Flags().Changed("watch") {
				return usagef("empty interval\nhint: --watch takes a time, as 2s, or nothing")
			}
			return a.list(cmd.Context(), f, args)
		},
	}
	flags := cmd.Flags()
	flags.StringSliceVar(&f.types, "type", []string{"net"}, "namespace `TYPES` to list, or all")
	flags.StringVarP(&f.output, "output", "o", "table", "`FORMAT`: table, wide, json, yaml or name")
	flags.BoolVar(&f.noHeaders, "no-headers", false, "omit the column titles")
	flags.StringVar(&f.watch, "watch", "", "list again every `INTERVAL` (default 2s)")
	flags.Lookup("watch").NoOptDefVal = defaultInterval
	return cmd
}

const defaultInterval = "2s"

func (a *app) list(ctx context.Context, f listFlags, args []string) error {
	if f.watch == defaultInterval && len(args) == 1 { // --watch 5s, which pflag takes for an argument
		f.watch, args = args[0], nil
	}
	if len(args) > 0 {
		return usagef("list takes no arguments, got %q\nhint: for one namespace use nsinspect who-uses %s", args[0], args[0])
	}
	format, err := parseFormat(f.output, render.Table, render.Wide, render.JSON, render.YAML, render.Name)
	if err != nil {
		return err
	}
	types, err := parseTypes(f.types)
	if err != nil {
		return err
	}
	interval, err := parseInterval(f.watch)
	if err != nil {
		return err
	}
	opts, done, err := a.options()
	if err != nil {
		return err
	}
	defer done()
	opts.Types = types
	opts.Details = format != render.Table && format != render.Name
	l := lister{app: a, opts: opts, format: format, noHeaders: f.noHeaders}
	if interval == 0 {
		return l.once(ctx, false)
	}
	return l.watch(ctx, interval)
}

type lister struct {
	*app
	opts      scan.Options
	format    render.Format
	noHeaders bool
	noted     []string
}

// once writes one snapshot, in one piece.
func (l *lister) once(ctx context.Context, watching bool) error {
	snap, err := scan.Scan(ctx, l.opts)
	if err != nil {
		return err
	}
	if l.opts.Details {
		if err := links.Read(ctx, l.opts.Host, snap); err != nil {
			return err
		}
	}
	var owners *owner.Index
	if l.format != render.Name { // which shows none
		owners = l.owners.Index(ctx, snap)
		owners.Prefetch(snap)
	}
	style := l.style()
	style.NoHeaders = l.noHeaders
	var out bytes.Buffer
	redraw := watching && style.Width > 0 && (l.format == render.Table || l.format == render.Wide)
	if redraw {
		out.WriteString("\x1b[H\x1b[2J\x1b[3J") // home, clear, forget what scrolled off
	}
	if err := render.List(&out, snap, owners, l.format, style, watching); err != nil {
		return err
	}
	if _, err := l.stdout.Write(out.Bytes()); err != nil {
		return fmt.Errorf("write output: %w", err)
	}
	notes := append(render.GapNotes(snap, owners, l.verbose), render.DanglingNotes(snap, l.verbose)...)
	if redraw && isTerminal(l.stderr) || !slices.Equal(notes, l.noted) { // a redraw wipes the last ones away
		l.note(notes)
		l.noted = notes
	}
	return nil
}

// watch lists until it is reported to stop, which is no failure.
func (l *lister) watch(ctx context.Context, interval time.Duration) error {
	debug.SetGCPercent(100) // it stays: memory matters more than a millisecond
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for first := true; ; first = false {
		if !first && l.style().Width == 0 {
			if err := l.separate(); err != nil {
				return err
			}
		}
		if err := l.once(ctx, true); err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// separate sets one snapshot off from the last in a file or pipe.
func (l *lister) separate() error {
	between := map[render.Format]string{
		render.Table: "\n", render.Wide: "\n", render.Name: "\n", render.YAML: "---\n",
	}
	_, err := fmt.Fprint(l.stdout, between[l.format])
	return err
}

func parseFormat(text string, known ...render.Format) (render.Format, error) {
	if f := render.Format(text); slices.Contains(known, f) {
		return f, nil
	}
	var words []string
	for _, k := range known {
		words = append(words, string(k))
	}
	last := len(words) - 1
	return "", usagef("unknown output format %q\nhint: use %s or %s", text, strings.Join(words[:last], ", "), words[last])
}

func parseTypes(words []string) ([]ns.Type, error) {
	if len(words) == 1 && words[0] == "all" {
		return ns.Types(), nil
	}
	var types []ns.Type
	for _, w := range words {
		t, err := ns.ParseType(w)
		if err != nil {
			return nil, usagef("%w\nhint: use %s, or all", err, joined(ns.Types()))
		}
		if !slices.Contains(types, t) {
			types = append(types, t)
		}
	}
	if len(types) == 0 {
		return nil, usagef("--type is empty\nhint: name a namespace type, as net, or all")
	}
	return types, nil
}

func parseInterval(text string) (time.Duration, error) {
	if text == "" {
		return 0, nil
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < 10*time.Millisecond {
		return 0, usagef("bad interval %q\nhint: --watch takes a time of 10ms or more, as 2s", text)
	}
	return d, nil
}

// joined lists words with commas between them.
func joined[T fmt.Stringer](all []T) string {
	var words []string
	for _, w := range all {
		words = append(words, w.String())
	}
	return strings.Join(words, ", ")
}
