// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/nsinspect/nsinspect/internal/render"
	"github.com/nsinspect/nsinspect/internal/text"
	"github.com/nsinspect/nsinspect/pkg/snapshot"
)

const leaksHelp = `Find leaks in many snapshots: namespaces without processes that are in every snapshot since
they were first seen, in groups with the same type, runtime of the owner, pattern of the name
(numbers, hashes and UUIDs count as equal: cni-*) and user who made them. A group is reported
only if it grew at least three times, and to more members than it had before. Namespaces that
come and go are not leaks.

Below each group are the two snapshots between which it grew first and those between which it
grew last: nsinspect diff shows what else was different then.

FILEs are written by nsinspect snapshot. In a directory all files are read, and those that are
not snapshots are skipped with a note. They are sorted by the time at which they were taken.
Each boot of each machine is looked at separately.

The exit status is 0 if nothing leaks, 1 if something does, 2 for bad usage and failures.`

const leaksExamples = `  nsinspect leaks /var/lib/nsinspect
  nsinspect leaks monday/*.json.gz
  nsinspect leaks /var/lib/nsinspect -o json | jq '.series[].leaks[]'`

func (a *app) leaksCommand() *cobra.Command {
	var output string
	cmd := &cobra.Command{
		Use:     "leaks DIR|FILE...",
		Short:   "find namespaces that leak, in many snapshots",
		Long:    leaksHelp,
		Example: leaksExamples,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usagef("missing snapshots\nhint: name a directory with files that nsinspect snapshot has written, or these files")
			}
			for _, name := range args {
				if name == "" || name == "-" {
					return usagef("%q is not a file or directory\nhint: leaks takes directories and files", name)
				}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := onlyFiles(cmd); err != nil {
				return err
			}
			return a.leaks(cmd.Context(), output, args)
		},
	}
	cmd.Flags().StringVarP(&output, "output", "o", "table", "`FORMAT`: table, json or yaml")
	completeFlags(cmd, map[string]words{"output": oneOf("table", "json", "yaml")})
	return cmd
}

func (a *app) leaks(ctx context.Context, output string, args []string) error {
	format, err := parseFormat(output, render.Table, render.JSON, render.YAML)
	if err != nil {
		return err
	}
	debug.SetGCPercent(100) // of each file little is kept: memory matters more than a few milliseconds
	var tracker snapshot.Tracker
	var skipped []render.Skipped
	for _, arg := range args {
		some, err := a.track(ctx, &tracker, arg)
		if err != nil {
			return err
		}
		skipped = append(skipped, some...)
	}
	series := tracker.Series()
	if len(series) == 0 {
		a.note(render.LeakNotes(nil, skipped, a.verbose))
		return fmt.Errorf("no snapshot that can be used in %s", text.Name(args[0]))
	}
	var out bytes.Buffer
	if err := render.Leaks(&out, series, skipped, format, a.style()); err != nil {
		return err
	}
	if err := a.write(out.Bytes()); err != nil {
		return err
	}
	a.note(render.LeakNotes(series, skipped, a.verbose))
	for i := range series {
		if len(series[i].Leaks) > 0 {
			return commandStatus(exitDifferent)
		}
	}
	return nil
}

// track reads a file, or those of a directory one after the other, and returns which could
// not be used.
func (a *app) track(ctx context.Context, tracker *snapshot.Tracker, arg string) (skipped []render.Skipped, err error) {
	info, err := os.Stat(arg)
	if err != nil {
		return nil, err
	}
	files, open := []string{arg}, openFile(snapshot.OpenToCompare)
	if info.IsDir() {
		open = snapshot.OpenEntry
		if files, err = filesIn(arg); err != nil {
			return nil, err
		}
	}
	for _, file := range files {
		f, err := a.openSnapshot(ctx, file, open)
		if err != nil && (!info.IsDir() || ctx.Err() != nil) {
			return nil, err
		}
		if err == nil {
			err = tracker.Add(file, f)
		}
		if errors.Is(err, snapshot.ErrTooMany) {
			return nil, err
		}
		if err != nil {
			skipped = append(skipped, render.Skipped{Path: file, Err: err})
		}
	}
	return skipped, nil
}

// filesIn returns the regular files of a directory; what is a link there may lead elsewhere.
func filesIn(dir string) (files []string, err error) {
	entries, err := os.ReadDir(dir)
	for _, e := range entries {
		if e.Type().IsRegular() {
			files = append(files, filepath.Join(dir, e.Name()))
		}
	}
	return files, err
}
