// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"runtime/debug"
	"strings"
	"sync"

	"github.com/spf13/cobra"

	"github.com/nsinspect/nsinspect/internal/filter"
	"github.com/nsinspect/nsinspect/internal/render"
	"github.com/nsinspect/nsinspect/pkg/snapshot"
)

const diffHelp = `Compare two snapshots, OLD and NEW, or OLD with the running machine: which namespaces were
created, freed and renamed, which holders they gained and lost, whose owner changed or
ended, which links, addresses and other ends of pairs changed or moved, and which
findings of doctor and dangling names are new or gone. + is what only NEW has, - what only
OLD has, ~ what is different. A - for one of the files reads it from stdin.

Within one boot a namespace is the same by its cookie or, of other types than the network's,
by its inode and age. After a reboot, and on another machine, it is the same by its names or
its owner alone; the first lines report that.

What one of the two did not read does not count as different: a note on stderr lists what
was not compared.

--ignore takes parts, separated by commas, that are not compared for namespaces that both
have: processes (the default: processes and threads), holders (all of them), names, owners,
links, findings; or none, to compare everything. --filter selects differences by the fields of list,
of the namespace, and by change: created, freed, renamed, names, owner, processes, holders,
links, addrs, peers, moved, finding, dangling.

The exit status is 0 if nothing is different, 1 if something is, 2 for bad usage and
failures.`

const diffExamples = `  nsinspect diff yesterday.json.gz
  nsinspect diff before.json.gz after.json.gz
  nsinspect diff before.json.gz --ignore none
  nsinspect diff before.json.gz --filter 'change == created and procs == 0'
  nsinspect diff before.json.gz -o json | jq '.namespaces[].namespace.inode'
  ssh node1 nsinspect snapshot -o - | nsinspect diff node1.json.gz -`

// Exit statuses of diff and leaks, as of diff(1).
const (
	exitDifferent = 1
	exitTrouble   = 2
)

type diffFlags struct {
	output string
	ignore []string
	filter string
}

func (a *app) diffCommand() *cobra.Command {
	var f diffFlags
	cmd := &cobra.Command{
		Use:     "diff OLD [NEW]",
		Short:   "compare two snapshots, or one with the running machine",
		Long:    diffHelp,
		Example: diffExamples,
		Args: func(_ *cobra.Command, args []string) error {
			switch {
			case len(args) == 0:
				return usagef("missing snapshot\nhint: name a file that nsinspect snapshot has written")
			case len(args) > 2:
				return usagef("diff takes two snapshots at most, got %q\nhint: use leaks for many", args[2])
			case len(args) == 2 && args[0] == "-" && args[1] == "-":
				return usagef("both snapshots are stdin\nhint: name a file for one of them")
			}
			for _, name := range args {
				if name == "" {
					return usagef("empty file name\nhint: leave NEW out for the running machine")
				}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 2 {
				if err := onlyFiles(cmd); err != nil {
					return err
				}
			}
			return a.diff(cmd.Context(), f, args)
		},
	}
	flags := cmd.Flags()
	flags.StringVarP(&f.output, "output", "o", "table", "`FORMAT`: table, json or yaml")
	flags.StringSliceVar(&f.ignore, "ignore", []string{"processes"}, "do not compare these `PARTS`: "+strings.Join(snapshot.AspectWords(), ", "))
	flags.StringVar(&f.filter, "filter", "", "report what `EXPRESSION` is true of, such as 'change == created'")
	completeFlags(cmd, map[string]words{
		"output": oneOf("table", "json", "yaml"), "ignore": listOf(snapshot.AspectWords), "filter": completeFieldsOf(render.DiffFields),
	})
	return cmd
}

func (a *app) diff(ctx context.Context, f diffFlags, args []string) error {
	format, err := parseFormat(f.output, render.Table, render.JSON, render.YAML)
	if err != nil {
		return err
	}
	ignore, err := snapshot.ParseAspects(f.ignore)
	if err != nil {
		return usagef("--ignore: %w\nhint: use %s", err, strings.Join(snapshot.AspectWords(), ", "))
	}
	by, err := parseDiffFilter(f.filter)
	if err != nil {
		return err
	}
	names := render.DiffNames{Old: args[0]}
	if len(args) == 2 {
		names.New = args[1]
	}
	old, now, err := a.openTwo(ctx, names)
	if err != nil {
		return err
	}
	d := render.FilterDiff(snapshot.Compare(old, now, snapshot.Options{Ignore: ignore}), by)
	var out bytes.Buffer
	if err := render.Diff(&out, d, names, format, a.style()); err != nil {
		return err
	}
	if err := a.write(out.Bytes()); err != nil {
		return err
	}
	a.note(render.UnreadNotes(d))
	if !d.Same() {
		return commandStatus(exitDifferent)
	}
	return nil
}

// openTwo reads two snapshots, files at the same time. The running machine is looked at only if
// the file can be read.
func (a *app) openTwo(ctx context.Context, names render.DiffNames) (old, now *snapshot.File, err error) {
	debug.SetGCPercent(100) // two files at once: memory matters more than a few milliseconds
	var wg sync.WaitGroup
	var newErr error
	if names.New != "" {
		wg.Go(func() { now, newErr = a.openSnapshot(ctx, names.New, snapshot.OpenToCompare) })
	}
	old, err = a.openSnapshot(ctx, names.Old, snapshot.OpenToCompare)
	if wg.Wait(); err == nil && names.New == "" {
		now, newErr = a.openSnapshot(ctx, "", nil)
	}
	if err == nil {
		err = newErr
	}
	return old, now, err
}

func parseDiffFilter(src string) (*filter.Filter, error) {
	return parseFilterOf("nsinspect list --columns help", "change == created and procs == 0", src, render.DiffFields())
}
