// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"github.com/nsinspect/nsinspect/internal/host"
	"github.com/nsinspect/nsinspect/internal/render"
	"github.com/nsinspect/nsinspect/pkg/links"
	"github.com/nsinspect/nsinspect/pkg/ns"
)

// completeLinks completes with something of the links of all network namespaces.
func (a *app) completeLinks(of func(*ns.Link) []string) words {
	return a.completeNetwork(func(ctx context.Context, h *host.Host, snap *ns.Snapshot) (all []string) {
		if err := links.Read(ctx, h, snap); err != nil {
			return nil
		}
		for i := range snap.Namespaces {
			for k := range snap.Namespaces[i].Links {
				for _, word := range of(&snap.Namespaces[i].Links[k]) {
					if offered(word) {
						all = append(all, word+"\tin "+render.Escape(snap.Namespaces[i].String()))
					}
				}
			}
		}
		return all
	})
}

// completePorts completes with the ports that sockets listen at, in every network namespace.
func (a *app) completePorts() words {
	return a.completeNetwork(func(ctx context.Context, h *host.Host, snap *ns.Snapshot) (all []string) {
		hits, err := links.AnyPort().Find(ctx, h, snap)
		if err != nil {
			return nil
		}
		for _, hit := range hits {
			for i := range hit.Listeners {
				l := &hit.Listeners[i]
				all = append(all, fmt.Sprintf("%d\t%s in %s", l.Addr.Port(), l.Proto, render.Escape(hit.Namespace.String())))
			}
		}
		return all
	})
}

// completeNetwork completes with what a function finds in all network namespaces.
func (a *app) completeNetwork(find func(context.Context, *host.Host, *ns.Snapshot) []string) words {
	return func(cmd *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
		return a.withHost(func(h *host.Host) []string {
			all := a.scanned(cmd, h, ns.Net, []string{"process", "mount", "name"}, func(ctx context.Context, snap *ns.Snapshot) []string { return find(ctx, h, snap) })
			slices.Sort(all)
			return slices.Compact(all)
		})
	}
}

func linkNames(l *ns.Link) []string { return append([]string{l.Name}, l.AltNames...) }

func linkMACs(l *ns.Link) []string { return []string{l.MAC.String()} }

func linkAddrs(l *ns.Link) (all []string) {
	for _, p := range l.Addrs {
		all = append(all, p.Addr().String())
	}
	return all
}
