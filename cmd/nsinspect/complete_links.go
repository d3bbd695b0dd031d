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
	"github.com/nsinspect/nsinspect/pkg/scan"
)

// completeLinks completes with something of the links of all network namespaces.
func (a *app) completeLinks(of func(*ns.Link) []string) words {
	return func(cmd *cobra.Command, _ []string, _ string) (all []string, _ cobra.ShellCompDirective) {
		ctx, cancel := context.WithTimeout(cmd.Context(), completeFor)
		defer cancel()
		h, err := host.Open("/")
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		defer h.Close()
		snap, err := scan.Scan(ctx, scan.Options{Host: h, Sources: []string{"process", "mount", "name"}})
		if err == nil {
			err = links.Read(ctx, h, snap)
		}
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
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
		slices.Sort(all)
		return all, cobra.ShellCompDirectiveNoFileComp
	}
}

// completePorts completes with the ports that sockets listen at, in every network namespace.
func (a *app) completePorts(cmd *cobra.Command, _ []string, _ string) (all []string, _ cobra.ShellCompDirective) {
	ctx, cancel := context.WithTimeout(cmd.Context(), completeFor)
	defer cancel()
	h, err := host.Open("/")
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	defer h.Close()
	snap, err := scan.Scan(ctx, scan.Options{Host: h, Sources: []string{"process", "mount", "name"}})
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	hits, err := links.AnyPort().Find(ctx, h, snap)
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	for _, hit := range hits {
		for i := range hit.Listeners {
			l := &hit.Listeners[i]
			all = append(all, fmt.Sprintf("%d\t%s in %s", l.Addr.Port(), l.Proto, render.Escape(hit.Namespace.String())))
		}
	}
	slices.Sort(all)
	return slices.Compact(all), cobra.ShellCompDirectiveNoFileComp
}

func linkNames(l *ns.Link) []string { return append([]string{l.Name}, l.AltNames...) }

func linkMACs(l *ns.Link) []string { return []string{l.MAC.String()} }

func linkAddrs(l *ns.Link) (all []string) {
	for _, p := range l.Addrs {
		all = append(all, p.Addr().String())
	}
	return all
}
