// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"io"

	"github.com/nsinspect/nsinspect/internal/render"
	"github.com/nsinspect/nsinspect/pkg/links"
	"github.com/nsinspect/nsinspect/pkg/ns"
	"github.com/nsinspect/nsinspect/pkg/owner"
	"github.com/nsinspect/nsinspect/pkg/scan"
)

// search returns which of --ip, --mac, --dev and --port is given, "" if none is.
func (f *whoUsesFlags) search(given func(string) bool) (by string, err error) {
	for _, flag := range []string{"ip", "mac", "dev", "port"} {
		switch {
		case !given(flag):
		case by != "":
			return "", usagef("more than one search\nhint: use one of --ip, --mac, --dev and --port")
		default:
			by = flag
		}
	}
	if given("proto") && by != "port" {
		return "", usagef("--proto is for a port\nhint: use --port with it")
	}
	return by, nil
}

// parseSearch reads what goes with a search, which stands in the place of references.
func (f *whoUsesFlags) parseSearch(by string, args []string) (render.Format, error) {
	format, t, err := f.parse()
	switch {
	case err != nil:
		return "", err
	case len(args) > 0:
		return "", usagef("--%s finds the namespace\nhint: leave the reference %q out", by, args[0])
	case t != ns.Net:
		return "", usagef("--%s finds network namespaces\nhint: leave --type %s out", by, t)
	}
	return format, nil
}

// searchOptions returns the options of a scan for a search, which asks the running kernel.
func (a *app) searchOptions(by string) (opts scan.Options, done func(), err error) {
	if opts, done, err = a.options(); err != nil {
		return opts, done, err
	}
	if opts.Host.Recorded() {
		done()
		return opts, nil, usagef("--%s asks the running kernel, and %s is a recorded tree\nhint: leave --root out", by, a.root)
	}
	opts.Details = true
	return opts, done, nil
}

// whoUsesLink answers for the namespace behind an address or a device.
func (a *app) whoUsesLink(ctx context.Context, by string, f whoUsesFlags, args []string) error {
	parse := map[string]func() (links.Query, error){
		"ip":  func() (links.Query, error) { return links.ByIP(f.ip) },
		"mac": func() (links.Query, error) { return links.ByMAC(f.mac) },
		"dev": func() (links.Query, error) { return links.ByDev(f.dev) },
	}
	q, err := parse[by]()
	if err != nil {
		return usageError{error: err}
	}
	format, err := f.parseSearch(by, args)
	if err != nil {
		return err
	}
	file, err := a.openFrom(ctx)
	if err != nil {
		return err
	}
	if file != nil {
		return a.whoUsesLinkIn(ctx, file, q, format, f.noHeaders)
	}
	opts, done, err := a.searchOptions(by)
	if err != nil {
		return err
	}
	defer done()
	snap, owners, hit, err := a.findLink(ctx, opts, q)
	if err == nil && scan.Unbalanced(hit.Namespace) {
		opts.Balance = hit.Namespace.Inode
		snap, owners, hit, err = a.findLink(ctx, opts, q)
	}
	if err != nil {
		return err
	}
	if err := scan.Describe(ctx, opts.Host, hit.Namespace); err != nil {
		return err
	}
	style := a.style()
	style.NoHeaders = f.noHeaders
	return a.answer(snap, owners, func(w io.Writer) error {
		return render.UsesBy(w, adviser(opts.Host, snap, owners), q, hit, owners, format, style)
	})
}

// findLink scans for the namespace behind an address or a device.
func (a *app) findLink(ctx context.Context, opts scan.Options, q links.Query) (snap *ns.Snapshot, owners *owner.Index, hit links.Hit, err error) {
	if snap, err = scan.Scan(ctx, opts); err != nil {
		return nil, nil, hit, err
	}
	if err = links.Read(ctx, opts.Host, snap); err != nil {
		return nil, nil, hit, err
	}
	if q, err = q.WithRoutes(ctx, opts.Host, snap); err != nil {
		return nil, nil, hit, err
	}
	owners = a.owners.Index(ctx, snap)
	hit, err = q.Find(snap, func(n *ns.Namespace) string { return render.Title(n, owners) })
	return snap, owners, hit, err
}
