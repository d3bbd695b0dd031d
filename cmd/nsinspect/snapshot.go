// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/nsinspect/nsinspect/internal/atomicfile"
	"github.com/nsinspect/nsinspect/internal/explain"
	"github.com/nsinspect/nsinspect/internal/host"
	"github.com/nsinspect/nsinspect/pkg/doctor"
	"github.com/nsinspect/nsinspect/pkg/ns"
	"github.com/nsinspect/nsinspect/pkg/owner"
	"github.com/nsinspect/nsinspect/pkg/scan"
	"github.com/nsinspect/nsinspect/pkg/snapshot"
)

const snapshotHelp = `Write to a file what list, who-uses and doctor would show: namespaces of every type, all
that keeps them alive, their links, owners and listening sockets, and the report of doctor.
With --from, these commands answer from the file, later and on any machine; nsinspect diff
compares two.

The file is JSON, compressed with gzip. Without -o its name is
nsinspect-HOST-TIME.json.gz, which is printed. Only its owner may read it, and it is there
whole or not at all. - writes to stdout. If FILE is a directory, the file is created there
with that name; --keep removes older ones of this host from it, and --keep-size thins them
out until all together are small enough.

Command lines and names can be confidential. --no-cmdline leaves the arguments of programs
out. --redact does that too, and replaces names and addresses by hashes: what is equal stays
equal, but only in one file, unless several are written with the same --redact-key.`

const snapshotExamples = `  nsinspect snapshot
  nsinspect snapshot -o before.json.gz
  nsinspect snapshot -o - | ssh admin@desk nsinspect doctor --from -
  nsinspect snapshot --redact -o for-the-vendor.json.gz
  nsinspect snapshot -o /var/lib/nsinspect --keep 168h --keep-size 20M
  nsinspect list --from before.json.gz --type all
  nsinspect diff before.json.gz`

type snapshotFlags struct {
	output    string
	redact    bool
	key       string
	noCmdline bool
	keep      time.Duration
	keepSize  string
	keepBytes int64
}

func (a *app) snapshotCommand() *cobra.Command {
	var f snapshotFlags
	cmd := &cobra.Command{
		Use:     "snapshot",
		Short:   "write all that is known of namespaces to a file",
		Long:    snapshotHelp,
		Example: snapshotExamples,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usagef("snapshot takes no arguments, got %q\nhint: the name of the file goes with -o", args[0])
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error {
			if f.output == "" && cmd.Flags().Changed("output") {
				return usagef("empty file name\nhint: -o takes a name, or - for stdout")
			}
			if f.key == "" && cmd.Flags().Changed("redact-key") {
				return usagef("empty file name\nhint: --redact-key takes a file with 16 bytes or more")
			}
			if f.keep <= 0 && cmd.Flags().Changed("keep") {
				return usagef("bad --keep %s\nhint: it takes a time above zero, such as 168h", f.keep)
			}
			if cmd.Flags().Changed("keep-size") {
				n, ok := parseBytes(f.keepSize)
				if !ok || n == 0 {
					return usagef("bad --keep-size %q\nhint: it takes a size above zero, such as 20M", f.keepSize)
				}
				f.keepBytes = n
			}
			return a.snapshot(cmd.Context(), f)
		},
	}
	flags := cmd.Flags()
	flags.StringVarP(&f.output, "output", "o", "", "write to `FILE`, or to stdout if that is -")
	flags.BoolVar(&f.redact, "redact", false, "replace names and addresses by hashes, and leave command lines out")
	flags.StringVar(&f.key, "redact-key", "", "redact with the key in `FILE`, so that equal names have equal hashes in several snapshots")
	flags.DurationVar(&f.keep, "keep", 0, "of the files in the directory of -o, remove this host's that are older than `TIME`")
	flags.StringVar(&f.keepSize, "keep-size", "", "of the files in the directory of -o, remove some of this host's until all are at most `SIZE`")
	flags.BoolVar(&f.noCmdline, "no-cmdline", false, "leave the arguments of programs out")
	return cmd
}

func (a *app) snapshot(ctx context.Context, f snapshotFlags) error {
	if a.sources != nil {
		return usagef("a snapshot has every source\nhint: leave --source out")
	}
	if f.output == "-" && isTerminal(a.stdout) {
		return usagef("a terminal cannot show a compressed file\nhint: use a pipe, or -o FILE")
	}
	dir := f.output != "" && f.output != "-" && isDirectory(f.output)
	if f.keep > 0 && !dir {
		return usagef("--keep is for a directory of snapshots\nhint: use -o with one that is there")
	}
	if f.keepBytes > 0 && !dir {
		return usagef("--keep-size is for a directory of snapshots\nhint: use -o with one that is there")
	}
	if err := f.check(dir); err != nil {
		return err
	}
	how := snapshot.Encoding{NoCmdline: f.noCmdline}
	if f.redact || f.key != "" {
		key, err := redactKey(f.key)
		if err != nil {
			return err
		}
		how.Redact = snapshot.NewRedaction(key)
	}
	saveMemory()
	progress := a.progress("reading namespaces")
	defer progress.end()
	taking, done, err := a.take(ctx)
	if err != nil {
		return err
	}
	defer done()
	saveMemory() // once more: what the snapshot keeps may be more than enoughMemory
	all := len(taking.Snapshot.Namespaces)
	how.Written = func(n int) { progress.set(fmt.Sprintf("writing %d of %d namespaces", n, all)) }
	report := func() (*doctor.Report, error) {
		progress.set("waiting for the second look of doctor")
		return taking.Report(ctx)
	}
	if f.output == "-" {
		return a.written(taking.Write(a.stdout, how, report))
	}
	customary := func() string {
		return filepath.Join(f.output, snapshot.FileName(cmp.Or(f.output, "."), taking.Snapshot))
	}
	name := f.output
	if name != "" && !dir {
		customary = nil
	} else {
		name = customary()
	}
	name, err = writeFile(name, customary, func(w io.Writer) error { return taking.Write(w, how, report) })
	if err != nil {
		return err
	}
	progress.end()
	if customary != nil {
		if err := a.write([]byte(name + "\n")); err != nil {
			return err
		}
	}
	if f.keep > 0 || f.keepBytes > 0 {
		return snapshot.Prune(f.output, taking.Snapshot, snapshot.Keep{Time: f.keep, Size: f.keepBytes, Written: filepath.Base(name)})
	}
	return nil
}

// check finds before the scan, which may take long, that the file cannot be written after it.
func (f *snapshotFlags) check(dir bool) error {
	name := f.output
	switch {
	case name == "-":
		return nil
	case name == "" || dir:
		name = filepath.Join(name, "any")
	}
	if err := atomicfile.Check(name); err != nil {
		return fmt.Errorf("write the snapshot: %w", err)
	}
	return nil
}

func isDirectory(name string) bool {
	st, err := os.Stat(name)
	return err == nil && st.IsDir()
}

func (a *app) written(err error) error {
	if err != nil {
		return fmt.Errorf("write output: %w", err)
	}
	return nil
}

// writeFile writes a file that is there whole or not at all, and returns its name. It replaces one
// that has the name unless there is another, which next returns.
func writeFile(name string, next func() string, write func(io.Writer) error) (string, error) {
	out, err := atomicfile.Create(name, 0o600)
	if err != nil {
		return "", fmt.Errorf("write the snapshot: %w", err)
	}
	if err := write(out); err != nil {
		out.Discard()
		return "", fmt.Errorf("write the snapshot: %w", err)
	}
	if next == nil {
		err = out.Commit()
	} else {
		name, err = out.CommitNew(next)
	}
	if err != nil {
		return "", fmt.Errorf("write the snapshot: %w", err)
	}
	return name, nil
}

// take takes a snapshot of the machine. done closes what it needs.
func (a *app) take(ctx context.Context) (*snapshot.Taking, func(), error) {
	opts, done, err := a.options(ns.Types()...)
	if err != nil {
		return nil, nil, err
	}
	t, err := snapshot.Take(ctx, snapshot.Source{
		Host: opts.Host, Doctor: doctor.Options{Pause: secondLook},
		Whole: func(ctx context.Context) (*ns.Snapshot, map[ns.TaskID]host.Task, error) { return scan.Whole(ctx, opts) },
		Scan: func(ctx context.Context, types ...ns.Type) (*ns.Snapshot, error) {
			some := opts
			some.Types, some.Details = types, opts.Engine == nil // which has the cookies
			return scan.Scan(ctx, some)
		},
		Adviser: func(s *ns.Snapshot, x *owner.Index) *explain.Adviser { return adviser(opts.Host, s, x) },
	})
	if err != nil {
		done()
		return nil, nil, err
	}
	return t, done, nil
}

// takeWhole takes a snapshot of the machine, with the report of doctor.
func (a *app) takeWhole(ctx context.Context) (*snapshot.File, error) {
	progress := a.progress("reading namespaces")
	defer progress.end()
	t, done, err := a.take(ctx)
	if err != nil {
		return nil, err
	}
	defer done()
	progress.set("waiting for the second look of doctor")
	return t.Whole(ctx)
}

// redactKey returns the key in a file, or one that nobody has if no file is named.
func redactKey(name string) ([]byte, error) {
	const least, most = 16, 4096
	key := make([]byte, 32)
	if name == "" {
		_, err := rand.Read(key)
		return key, err
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("read the key: %w", err)
	}
	defer f.Close()
	key, err = io.ReadAll(io.LimitReader(f, most))
	if err != nil {
		return nil, fmt.Errorf("read the key: %w", err)
	}
	if len(key) < least {
		return nil, usagef("%s has %d bytes, which is too short for a key\nhint: head -c 32 /dev/urandom > FILE makes one", name, len(key))
	}
	return key, nil
}
