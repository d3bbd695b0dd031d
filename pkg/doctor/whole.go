// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"context"
	"slices"
	"time"

	"github.com/nsinspect/nsinspect/pkg/ns"
	"github.com/nsinspect/nsinspect/pkg/owner"
)

// First is the first look at a machine that was read before.
type First struct {
	*inspection
	looked time.Time
}

// Begin takes the first look of Run in a snapshot of namespaces of all types, whose holders
// were described and whose links were read (scan.Whole, links.Read), and whose scan
// ended at a time. opts.Scan and opts.ScanAll are for the second look alone, and need no
// details but cookies.
func Begin(ctx context.Context, opts Options, all *ns.Snapshot, looked time.Time) (*First, error) {
	first := opts
	first.ScanAll = func(context.Context) (*ns.Snapshot, error) { return all, nil }
	x := &inspection{ctx: ctx, opts: first, host: opts.Host, snap: all.Of(ns.Net), whole: true}
	err := x.look(opts.runs)
	x.opts = opts
	return &First{inspection: x, looked: looked}, err
}

// Owners returns whose things are, as of the first look.
func (x *First) Owners() *owner.Index { return x.owners() }

// End takes the second look, if there is anything to confirm, no sooner than the pause after
// the scan of the first one. It looks only whether what was found is still so: what is
// reported of it is as of the first look, and packed where it is much: see Report.Unpack.
func (x *First) End(ctx context.Context) (*Report, error) {
	if len(x.findings) == 0 || x.opts.Pause < 0 {
		return x.report(), nil
	}
	if err := wait(ctx, x.opts.Pause-time.Since(x.looked)); err != nil {
		return nil, err
	}
	found := func(check string) bool {
		return slices.ContainsFunc(x.findings, func(f Finding) bool { return f.Check == check })
	}
	snap, opts, err := x.secondScan(ctx, found(checkLimits) || found(checkSplitThread) || found(checkUnusedUserNS))
	if err != nil {
		return nil, err
	}
	second := &inspection{ctx: ctx, opts: opts, host: x.host, snap: snap, again: true, brief: true, index: x.owners()}
	if err := second.look(found); err != nil {
		return nil, err
	}
	x.confirm(second.findings)
	return x.report(), nil
}

// secondScan takes the scan of the second look, and returns the options for that. Where
// namespaces of all types will be asked for, those of the network are of the same scan: a second
// one of what may be a hundred thousand holders would be in memory beside it.
func (x *First) secondScan(ctx context.Context, wide bool) (*ns.Snapshot, Options, error) {
	opts := x.opts
	if wide && opts.ScanAll != nil {
		if all, err := opts.ScanAll(ctx); err == nil { // else the checks that need it report why
			opts.ScanAll = func(context.Context) (*ns.Snapshot, error) { return all, nil }
			return all.Of(ns.Net), opts, nil
		}
	}
	snap, err := opts.Scan(ctx)
	return snap, opts, err
}
