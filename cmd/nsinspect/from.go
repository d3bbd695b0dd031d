// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/nsinspect/nsinspect/internal/explain"
	"github.com/nsinspect/nsinspect/internal/render"
	"github.com/nsinspect/nsinspect/internal/text"
	"github.com/nsinspect/nsinspect/pkg/doctor"
	"github.com/nsinspect/nsinspect/pkg/links"
	"github.com/nsinspect/nsinspect/pkg/ns"
	"github.com/nsinspect/nsinspect/pkg/owner"
	"github.com/nsinspect/nsinspect/pkg/resolve"
	"github.com/nsinspect/nsinspect/pkg/snapshot"
)

// readers are the commands that can answer from a file.
var readers = []string{"list", "who-uses", "doctor"}

// checkFrom refuses --from where it means nothing.
func (a *app) checkFrom(cmd *cobra.Command) error {
	flag := cmd.Flags().Lookup("from")
	if flag == nil || !flag.Changed {
		return nil
	}
	if a.from == "" {
		return usagef("empty file name\nhint: --from takes a file that nsinspect snapshot has written, or -")
	}
	switch name := cmd.Name(); {
	case name == "exec" || name == "name":
		return usagef("%s needs namespaces that are there, and a file has none\nhint: leave --from out", name)
	case name == "trace":
		return usagef("trace reports what happens now, and a file is of the past\nhint: leave --from out; nsinspect diff compares two files")
	case !slices.Contains(readers, name):
		return usagef("%s does not read a snapshot\nhint: --from is for %s", name, strings.Join(readers, ", "))
	}
	if other := ofMachine(cmd); other != "" {
		return usagef("--%s is for reading this machine, and --from reads a file\nhint: leave one of them out", other)
	}
	return nil
}

// ofMachine returns a flag that was given and is of a machine that is read, "" if none was.
func ofMachine(cmd *cobra.Command) string {
	for _, name := range []string{"root", "netns-dir", "engine", "source", "watch"} {
		if f := cmd.Flags().Lookup(name); f != nil && f.Changed {
			return name
		}
	}
	return ""
}

// onlyFiles refuses such a flag where only files are read.
func onlyFiles(cmd *cobra.Command) error {
	if name := ofMachine(cmd); name != "" {
		return usagef("--%s is for reading this machine, and %s reads only files here\nhint: leave it out", name, cmd.Name())
	}
	return nil
}

// openFrom reads the file of --from, nil if there is none.
func (a *app) openFrom(ctx context.Context) (*snapshot.File, error) {
	if a.from == "" {
		return nil, nil
	}
	return a.openSnapshot(ctx, a.from, snapshot.Open)
}

// openFile is snapshot.Open, or one that reads less.
type openFile func(name string, stdin io.Reader) (*snapshot.File, error)

// readSnapshot reads a snapshot from a file, or from stdin if its name is -, or takes one of
// the machine if it has no name.
func (a *app) readSnapshot(ctx context.Context, name string, open openFile) (*snapshot.File, error) {
	if name == "" {
		return a.takeWhole(ctx)
	}
	f, err := open(name, a.stdin)
	if err != nil {
		return nil, err
	}
	if !f.Authority.Trusted {
		a.note([]string{render.Escape(fmt.Sprintf("%s can be written by another user%s: its commands and advice are left out", text.Name(name), f.Authority.Suffix()))})
	}
	return f, nil
}

// view returns what of a file's snapshot a command has that reads these types, and is about
// links or not.
func view(f *snapshot.File, aboutLinks bool, types ...ns.Type) *ns.Snapshot {
	s := about(f.Snapshot.Of(types...), aboutLinks)
	for _, t := range types {
		if !slices.Contains(f.Snapshot.Types, t) {
			s.Gaps = append(s.Gaps, ns.Gap{Sources: []string{ns.KindProcess.Source()}, Path: t.String() + " namespaces", Err: errNotKept})
		}
	}
	return s
}

var errNotKept = errors.New("they are not in the file")

// about leaves out the gaps of what a command would not have read, and adds those of types that
// were not recorded.
func about(s *ns.Snapshot, aboutLinks bool) *ns.Snapshot {
	s.Gaps = slices.DeleteFunc(slices.Clone(s.Gaps), func(g ns.Gap) bool {
		return g.Of(ns.SourceListener) || !aboutLinks && g.Of(links.Source)
	})
	return s
}

// recordedAdviser returns who has the answers of a file.
func recordedAdviser(f *snapshot.File, s *ns.Snapshot) *explain.Adviser {
	a := explain.New(s, nil, func() explain.Owners { return f.Owners })
	a.Answers = f.Answers
	return a
}

// inFile finds what references point at in a file.
func inFile(ctx context.Context, f *snapshot.File, aboutLinks bool, types []ns.Type, refs []resolve.Ref) (*ns.Snapshot, []resolve.Found, error) {
	owners := owner.Known(f.Owners)
	snap, found, err := resolve.In(ctx, f.Snapshot, types, &owners, refs)
	if snap != nil {
		snap = about(snap, aboutLinks)
	}
	return snap, found, err
}

// whoUsesIn is whoUses in a file.
func (a *app) whoUsesIn(ctx context.Context, f *snapshot.File, t ns.Type, refs []resolve.Ref, format render.Format, noHeaders bool) error {
	snap, found, err := inFile(ctx, f, showsLinks(format), []ns.Type{t}, refs)
	if err != nil {
		return err
	}
	style := a.style()
	return a.eachFound(found, format, func(i, nth int) error {
		style.NoHeaders = noHeaders || format == render.CSV && nth > 1
		return a.answer(snap, f.Owners, func(w io.Writer) error {
			if nth == 1 {
				asOf(w, f, format)
			}
			return render.Uses(w, recordedAdviser(f, snap), found[i].Namespace, f.Owners, format, style)
		})
	})
}

// asOf writes, for people, of when and where a file is.
func asOf(w io.Writer, f *snapshot.File, format render.Format) {
	if format == render.Table || format == render.Wide {
		_, _ = io.WriteString(w, render.AsOf(f.Snapshot, f.Redacted)) // a buffer takes all
	}
}

// whoUsesLinkIn is whoUsesLink in a file.
func (a *app) whoUsesLinkIn(ctx context.Context, f *snapshot.File, q links.Query, format render.Format, noHeaders bool) error {
	snap := view(f, true, ns.Net)
	q, err := q.WithRoutes(ctx, nil, snap)
	if err != nil {
		return err
	}
	hit, err := q.Find(snap, func(n *ns.Namespace) string { return render.Title(n, f.Owners) })
	if err != nil {
		return err
	}
	style := a.style()
	style.NoHeaders = noHeaders
	return a.answer(snap, f.Owners, func(w io.Writer) error {
		asOf(w, f, format)
		return render.UsesBy(w, recordedAdviser(f, snap), q, hit, f.Owners, format, style)
	})
}

// whoUsesPortIn is whoUsesPort in a file.
func (a *app) whoUsesPortIn(f *snapshot.File, p links.Port, format render.Format, noHeaders bool) error {
	if len(f.Sockets.Read) == 0 {
		return fmt.Errorf("%s has no listening sockets: they were not read", text.Name(a.from))
	}
	snap := f.Snapshot.Of(ns.Net)
	hits, err := p.In(snap, f.Sockets)
	if err != nil {
		return err
	}
	var out bytes.Buffer
	asOf(&out, f, format)
	err = a.writePorts(&out, format, noHeaders, p, hits, snap, f.Owners, func(*links.PortHit) (*explain.Adviser, *owner.Index, error) {
		return recordedAdviser(f, snap), f.Owners, nil
	})
	return err
}

// doctorIn is doctor with the report in a file.
func (a *app) doctorIn(f *snapshot.File, opts doctor.Options, v doctorView) error {
	if f.Report == nil {
		return fmt.Errorf("%s has no report of doctor", text.Name(a.from))
	}
	report := *f.Report
	report.Choose(opts)
	r := render.Filter(&report, v.filter)
	var out bytes.Buffer
	if v.format == render.Table && !v.npd {
		asOf(&out, f, v.format)
	}
	if err := a.write(out.Bytes()); err != nil {
		return err
	}
	return a.diagnose(r, v)
}
