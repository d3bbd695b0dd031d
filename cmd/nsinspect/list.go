// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"fmt"
	"runtime/debug"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/nsinspect/nsinspect/internal/render"
	"github.com/nsinspect/nsinspect/internal/text"
	"github.com/nsinspect/nsinspect/pkg/links"
	"github.com/nsinspect/nsinspect/pkg/ns"
	"github.com/nsinspect/nsinspect/pkg/owner"
	"github.com/nsinspect/nsinspect/pkg/resolve"
	"github.com/nsinspect/nsinspect/pkg/scan"
	"github.com/nsinspect/nsinspect/pkg/snapshot"
)

const listHelp = `List namespaces: the inode and names of each, how many processes are in it, what keeps
it alive, and its leader, the oldest process in it. OWNER is its container, pod or
unit, read from the files of Docker, containerd, Podman, CRI-O, LXC, Incus, systemd,
the kubelet and CNI.

Namespaces without processes are listed like any other. (host) marks the machine's
own. Names are read from /run/netns (ip netns), /run/docker/netns,
$XDG_RUNTIME_DIR/netns and /run/user/*/netns; --netns-dir adds more.

On a terminal, namespaces that are equal but for their numbers, names and age are folded
into one line if the table is longer than the screen; --all lists them.

--tree owner shows every namespace below the user namespace that owns it, --tree parent
user and PID namespaces below their parents. What is above a namespace stays with it
whatever --type, --filter and REFs select, and REFs have all that is below them. It is
drawn in ASCII with --ascii, and where the locale is not one of UTF-8.

With REFs, as who-uses takes them, only those are listed; - reads them from stdin, one per
line.

--filter takes comparisons (== != < <= > >=, and =~ !~ with a regular expression) of
columns or JSON members with a text, a number or a time, joined by and, or, not and
parentheses. What is unknown fits only != and !~; a name alone asks whether it is known.
--columns help, --filter help or --sort help lists what can be compared, shown and sorted by.`

const listExamples = `  nsinspect list
  nsinspect list -o wide
  nsinspect list --type net,mnt
  nsinspect list --watch 5s
  nsinspect list --filter 'procs == 0 and age > 1h' --sort -age
  nsinspect list --filter 'owner =~ "^docker:" and links.addrs =~ "^10[.]"'
  nsinspect list --columns +AGE,-PID
  nsinspect list --all
  nsinspect list --tree owner --type net
  nsinspect list -o name --no-process | nsinspect who-uses -`

type listFlags struct {
	types     []string
	allTypes  bool
	output    string
	json      bool
	noHeaders bool
	all       bool
	ascii     bool
	typed     bool // --type was given
	watch     string
	selection
}

func (a *app) listCommand() *cobra.Command {
	var f listFlags
	cmd := &cobra.Command{
		Use:     "list [REF...]",
		Aliases: []string{"ls"},
		Short:   "list namespaces, their names and what keeps them alive",
		Long:    listHelp,
		Example: listExamples,
		RunE: func(cmd *cobra.Command, args []string) error {
			if f.watch == "" && cmd.Flags().Changed("watch") {
				return usagef("empty interval\nhint: --watch takes a time, such as 2s, or nothing")
			}
			if f.tree == "" && cmd.Flags().Changed("tree") {
				return unknownTree(f.tree)
			}
			f.typed = f.allTypes || cmd.Flags().Changed("type")
			return a.list(cmd.Context(), f, args)
		},
	}
	flags := cmd.Flags()
	flags.StringSliceVarP(&f.types, "type", "t", []string{"net"}, "namespace `TYPES` to list, or all")
	flags.BoolVarP(&f.allTypes, "all-types", "A", false, "the same as --type all")
	flags.StringVarP(&f.output, "output", "o", "table", "`FORMAT`: table, wide, csv, json, yaml or name")
	flags.BoolVarP(&f.json, "json", "J", false, "the same as -o json")
	flags.BoolVarP(&f.noHeaders, "no-headers", "n", false, "omit the column titles")
	flags.BoolVar(&f.all, "all", false, "list each of many equal namespaces, also on a terminal")
	flags.BoolVar(&f.ascii, "ascii", false, "draw with ASCII characters alone")
	flags.StringVarP(&f.watch, "watch", "w", "", "list again every `INTERVAL` (default 2s)")
	flags.Lookup("watch").NoOptDefVal = defaultInterval
	f.register(flags)
	cmd.ValidArgsFunction = a.completeRefs
	completeFlags(cmd, map[string]words{
		"type": listOf(typeWords), "output": oneOf("table", "wide", "csv", "json", "yaml", "name"), "kept-by": oneKind,
		"columns": listOf(render.ColumnNames), "sort": listOf(render.ColumnNames), "tree": oneOf(render.Trees()...), "watch": oneOf("2s", "10s", "1m"),
		"filter": completeFilter, "owner": a.completeOwners, "name": a.completeNames, "pid": a.completePIDs,
	})
	flags.SetNormalizeFunc(lsnsFlags)
	return cmd
}

const defaultInterval = "2s"

func (a *app) list(ctx context.Context, f listFlags, args []string) error {
	if f.columns == "help" || f.filter == "help" || f.sort == "help" {
		return render.ColumnsHelp(a.stdout, a.style())
	}
	if columns := render.AsColumns(f.output); columns != "" && !f.json { // as of lsns
		return usagef("-o takes a format, and %s is not one\nhint: for columns use --columns %s", text.Name(f.output), columns)
	}
	format, err := formatOf(f.output, f.json)
	if err != nil {
		return err
	}
	types, err := f.parseTypes()
	if err != nil {
		return err
	}
	interval, err := parseInterval(f.watch)
	if err != nil {
		return err
	}
	view, err := f.view(format, len(types), a.getenv("NSINSPECT_COLUMNS"))
	if err != nil {
		return err
	}
	if view.Tree != render.NoTree && a.sources != nil && !slices.Contains(a.sources, "child") {
		return usagef("--tree is read by the source child\nhint: add it to --source")
	}
	view.All, view.Types = f.all, types
	if view.Tree == render.OwnerTree && !slices.Contains(types, ns.User) {
		types = append(types, ns.User) // for what the others are below
	}
	refs, err := a.parseRefs(args)
	if err != nil {
		return err
	}
	l := lister{app: a, refs: refs, view: view, noHeaders: f.noHeaders, ascii: f.ascii}
	if l.file, err = a.openFrom(ctx); err != nil {
		return err
	}
	if l.file != nil {
		l.opts.Types = types
		return l.once(ctx, false)
	}
	opts, done, err := a.options(types...)
	if err != nil {
		return err
	}
	defer done()
	l.opts, l.opts.Details = opts, view.Details()
	if interval == 0 {
		return l.once(ctx, false)
	}
	return l.watch(ctx, interval)
}

type lister struct {
	*app
	file             *snapshot.File // nil: the machine is read
	opts             scan.Options
	refs             []resolve.Ref // nil: all namespaces
	view             render.View
	noted            []string
	screen           redraw
	noHeaders, ascii bool
}

// once writes one snapshot, in one piece.
func (l *lister) once(ctx context.Context, watching bool) error {
	snap, only, missing, err := l.scan(ctx)
	if err != nil {
		return err
	}
	l.view.Only = only
	if l.file == nil && l.view.Links() {
		if err := links.Read(ctx, l.opts.Host, snap); err != nil {
			return err
		}
	}
	var owners *owner.Index
	if l.file != nil && l.view.Owners() {
		owners = l.file.Owners
	} else if l.view.Owners() && slices.ContainsFunc(snap.Namespaces, hasOwner) {
		owners = l.owners.Index(ctx, snap)
		owners.Prefetch(snap)
	}
	style := l.style()
	style.NoHeaders, style.ASCII = l.noHeaders, l.ascii || style.ASCII
	var out bytes.Buffer
	redraw := watching && l.redraws(style) && l.people()
	if redraw {
		out.WriteString(l.screen.next(style))
	}
	if l.file != nil && l.people() {
		out.WriteString(render.AsOf(snap, l.file.Redacted))
	}
	if err := render.List(&out, snap, owners, l.view, style, watching); err != nil {
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
	return missing
}

// hasOwner reports whether a namespace may be somebody's: the host's own are nobody's, and on a machine
// without others nothing needs to be known of container runtimes.
func hasOwner(n ns.Namespace) bool { return !n.Initial }

// people reports whether what is written is for people.
func (l *lister) people() bool { return l.view.Format == render.Table || l.view.Format == render.Wide }

// scan takes a snapshot. With references, only has the namespaces that they point at, and
// missing is the error of those that point nowhere.
func (l *lister) scan(ctx context.Context) (snap *ns.Snapshot, only []*ns.Namespace, missing, err error) {
	if l.file != nil && l.refs == nil {
		return view(l.file, l.view.Links(), l.opts.Types...), nil, nil, nil
	}
	if l.refs == nil {
		snap, err = scan.Scan(ctx, l.opts)
		return snap, nil, nil, err
	}
	find := resolve.All
	if l.view.Tree != render.NoTree {
		find = resolve.Among
	}
	var found []resolve.Found
	if l.file != nil {
		snap, found, err = inFile(ctx, l.file, l.view.Links(), l.opts.Types, l.refs)
	} else {
		snap, found, err = find(ctx, l.opts, &l.owners, l.refs)
	}
	if err != nil {
		return nil, nil, nil, err
	}
	var wrong several
	for _, f := range found {
		if f.Err != nil {
			wrong = append(wrong, f.Err)
		} else if !slices.Contains(only, f.Namespace) {
			only = append(only, f.Namespace)
		}
	}
	switch {
	case only == nil:
		return nil, nil, nil, wrong
	case wrong != nil:
		missing = wrong
	}
	return snap, only, missing, nil
}

// watch lists until it is reported to stop, which is no failure.
func (l *lister) watch(ctx context.Context, interval time.Duration) error {
	debug.SetGCPercent(100) // it stays: memory matters more than a millisecond
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for first := true; ; first = false {
		if !first && l.style().Width == 0 {
			if err := l.between(l.view.Format); err != nil {
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

func parseInterval(text string) (time.Duration, error) {
	if text == "" {
		return 0, nil
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < 10*time.Millisecond {
		return 0, usagef("bad interval %q\nhint: --watch takes a time of 10ms or more, such as 2s", text)
	}
	return d, nil
}
