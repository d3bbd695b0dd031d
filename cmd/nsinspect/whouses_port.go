// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"cmp"
	"context"
	"fmt"

	"github.com/nsinspect/nsinspect/internal/explain"
	"github.com/nsinspect/nsinspect/internal/render"
	"github.com/nsinspect/nsinspect/pkg/links"
	"github.com/nsinspect/nsinspect/pkg/ns"
	"github.com/nsinspect/nsinspect/pkg/owner"
	"github.com/nsinspect/nsinspect/pkg/resolve"
	"github.com/nsinspect/nsinspect/pkg/scan"
)

// whoUsesPort answers for every namespace in which a socket listens at a port. A table begins
// with a line for each such socket.
func (a *app) whoUsesPort(ctx context.Context, f whoUsesFlags, args []string) error {
	p, err := links.ByPort(f.port, f.proto)
	if err != nil {
		return usageError{error: err}
	}
	format, err := f.parseSearch("port", args)
	if err != nil {
		return err
	}
	file, err := a.openFrom(ctx)
	if err != nil {
		return err
	}
	if file != nil {
		return a.whoUsesPortIn(file, p, format, f.noHeaders)
	}
	opts, done, err := a.searchOptions("port")
	if err != nil {
		return err
	}
	defer done()
	snap, err := scan.Scan(ctx, opts)
	if err != nil {
		return err
	}
	if err := links.Read(ctx, opts.Host, snap); err != nil {
		return err
	}
	hits, err := p.Find(ctx, opts.Host, snap)
	if err != nil {
		return err
	}
	owners := a.owners.Index(ctx, snap)
	var out bytes.Buffer
	return a.writePorts(&out, format, f.noHeaders, p, hits, snap, owners, func(hit *links.PortHit) (*explain.Adviser, *owner.Index, error) {
		snap, err := a.balance(ctx, opts, snap, hit)
		if err != nil {
			return nil, nil, err
		}
		owners := a.owners.Index(ctx, snap)
		return adviser(opts.Host, snap, owners), owners, nil
	})
}

// writePorts writes the listeners of a port, and the answer for each namespace in which some
// are. advise returns who answers for one.
func (a *app) writePorts(out *bytes.Buffer, format render.Format, noHeaders bool, p links.Port, hits []links.PortHit, snap *ns.Snapshot, owners *owner.Index,
	advise func(*links.PortHit) (*explain.Adviser, *owner.Index, error)) error {
	people := format == render.Table || format == render.Wide
	if people {
		if err := render.Listeners(out, snap, hits, owners); err != nil {
			return err
		}
	}
	for i, hit := range hits {
		if i > 0 || people {
			out.WriteString(between(format))
		}
		adviser, owners, err := advise(&hit)
		if err != nil {
			return err
		}
		style := a.style()
		style.NoHeaders = noHeaders || format == render.CSV && i > 0
		if err := render.UsesByPort(out, adviser, p, hit, owners, format, style); err != nil {
			return err
		}
	}
	if _, err := a.stdout.Write(out.Bytes()); err != nil {
		return fmt.Errorf("write output: %w", err)
	}
	a.note(render.GapNotes(snap, owners, a.verbose))
	return nil
}

// balance describes a hit, in a snapshot that is taken again where the account of its
// namespace does not balance.
func (a *app) balance(ctx context.Context, opts scan.Options, snap *ns.Snapshot, hit *links.PortHit) (*ns.Snapshot, error) {
	if !scan.Unbalanced(hit.Namespace) {
		return snap, scan.Describe(ctx, opts.Host, hit.Namespace)
	}
	ref, err := resolve.ParseRef(hit.Namespace.String())
	if err != nil {
		return nil, err
	}
	opts.Balance = hit.Namespace.Inode
	again, n, err := resolve.Resolve(ctx, opts, nil, ref)
	if err != nil || n.Cookie != hit.Namespace.Cookie { // it has ended meanwhile
		return snap, cmp.Or(ctx.Err(), scan.Describe(ctx, opts.Host, hit.Namespace))
	}
	hit.Namespace = n
	return again, links.Read(ctx, opts.Host, again)
}
