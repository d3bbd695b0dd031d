// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/nsinspect/nsinspect/internal/explain"
	"github.com/nsinspect/nsinspect/internal/host"
	"github.com/nsinspect/nsinspect/internal/opener"
	"github.com/nsinspect/nsinspect/internal/render"
	"github.com/nsinspect/nsinspect/pkg/links"
	"github.com/nsinspect/nsinspect/pkg/ns"
	"github.com/nsinspect/nsinspect/pkg/owner"
	"github.com/nsinspect/nsinspect/pkg/resolve"
	"github.com/nsinspect/nsinspect/pkg/scan"
)

const whoUsesHelp = `Show what keeps a namespace alive and how to release it.

REF is one of
  4026532177                a namespace inode
  net:[4026532177]          the same, with its type
  blue                      a name, as ip netns shows it
  /run/netns/blue           a path, also /proc/PID/ns/net or /run/docker/netns/27d0...
  4242, pid:4242            the namespace that a process is in
  cookie:4101               the cookie of a network namespace, never reused in one boot
  web, docker:web           a container's name or ID prefix
  pod:default/web-1         a pod; a third part selects one of its containers
  unit:nginx.service        a systemd unit of the system
  user:1000/web             what the user with UID 1000 calls so: a name, container or pod
  unit:1000/web.service     a unit of that user's
  self                      the namespace of this command
  host                      the machine's own

Instead of REF, --ip, --mac and --dev find a network namespace by an address or a
device. Of a veth pair with one end on the host, the namespace of the other end is
shown. An IP address may be local by a route alone, and may be in any form: with a
prefix length, which is not compared, in brackets, or with a zone. --port finds every
network namespace in which a TCP socket listens at a port, or a UDP socket is bound to it
and not connected, and who has that open. All of these enter each namespace for a moment.

Several REFs are looked up in one scan; - reads them from stdin, one per line. JSON and
YAML have one document for each; CSV is one table, whose first column is the namespace held.`

const whoUsesExamples = `  nsinspect who-uses blue
  nsinspect who-uses web db
  ip netns list | cut -d' ' -f1 | nsinspect who-uses -
  nsinspect who-uses $$ --type mnt
  nsinspect who-uses --ip 10.0.0.7
  nsinspect exec "$(nsinspect who-uses --ip 10.0.0.7 -o name)" -- ss -tln
  nsinspect who-uses --dev veth1a2b3c4
  nsinspect who-uses --port 80 --proto tcp
  nsinspect who-uses /run/docker/netns/27d0a9f1c2b3 -o json`

type whoUsesFlags struct {
	typ, output  string
	json         bool
	noHeaders    bool
	ip, mac, dev string
	port, proto  string
}

func (a *app) whoUsesCommand() *cobra.Command {
	var f whoUsesFlags
	cmd := &cobra.Command{
		Use:     "who-uses REF... | --ip ADDRESS | --mac ADDRESS | --dev NAME | --port N",
		Short:   "show what keeps a namespace alive and how to release it",
		Long:    whoUsesHelp,
		Example: whoUsesExamples,
		RunE: func(cmd *cobra.Command, args []string) error {
			by, err := f.search(cmd.Flags().Changed)
			switch {
			case err != nil:
				return err
			case by == "port":
				return a.whoUsesPort(cmd.Context(), f, args)
			case by != "":
				return a.whoUsesLink(cmd.Context(), by, f, args)
			}
			if len(args) == 0 {
				return usagef("who-uses takes a reference\nhint: %s", resolve.RefForms)
			}
			return a.whoUses(cmd.Context(), args, f)
		},
	}
	flags := cmd.Flags()
	flags.StringVarP(&f.typ, "type", "t", "net", "the namespace `TYPE` that a PID, a name, self or host stands for")
	flags.StringVarP(&f.output, "output", "o", "table", "`FORMAT`: table, wide, csv, json, yaml or name, the namespace alone")
	flags.BoolVarP(&f.json, "json", "J", false, "the same as -o json")
	flags.BoolVarP(&f.noHeaders, "no-headers", "n", false, "omit the column titles")
	flags.StringVar(&f.ip, "ip", "", "find the network namespace that has an IP `ADDRESS`")
	flags.StringVar(&f.mac, "mac", "", "find the one that has a hardware `ADDRESS`")
	flags.StringVar(&f.dev, "dev", "", "find the one that a device leads to, such as a host's veth, by its `NAME`")
	flags.StringVar(&f.port, "port", "", "find those in which a socket listens at port `N`")
	flags.StringVar(&f.proto, "proto", "", "with --port, only sockets of a `PROTOCOL`: "+strings.Join(links.Protocols(), " or "))
	flags.SetNormalizeFunc(lsnsFlags)
	cmd.ValidArgsFunction = a.completeRefs
	completeFlags(cmd, map[string]words{
		"type": oneType, "output": oneOf("table", "wide", "csv", "json", "yaml", "name"),
		"ip": a.completeLinks(linkAddrs), "mac": a.completeLinks(linkMACs), "dev": a.completeLinks(linkNames),
		"port": a.completePorts(), "proto": oneOf(links.Protocols()...),
	})
	return cmd
}

// whoUses answers for the namespaces that references point at.
func (a *app) whoUses(ctx context.Context, args []string, f whoUsesFlags) error {
	format, t, err := f.parse()
	if err != nil {
		return err
	}
	refs, err := a.parseRefs(args)
	if err != nil {
		return err
	}
	file, err := a.openFrom(ctx)
	if err != nil {
		return err
	}
	if file != nil {
		return a.whoUsesIn(ctx, file, t, refs, format, f.noHeaders)
	}
	opts, done, err := a.options(t)
	if err != nil {
		return err
	}
	defer done()
	opts.Details = true
	snap, found, err := resolve.All(ctx, opts, &a.owners, refs)
	if err == nil && showsLinks(format) && snap != nil {
		err = links.Read(ctx, opts.Host, snap)
	}
	if err != nil {
		return err
	}
	return a.eachFound(found, format, func(i, nth int) error {
		style := a.style()
		style.NoHeaders = f.noHeaders || format == render.CSV && nth > 1
		return a.whoUsesOne(ctx, opts, snap, found[i].Namespace, refs[i], format, style)
	})
}

// eachFound calls write for each namespace that references point at, with its place and how
// many are written with it, and puts between them what belongs there. The error has the
// references that point nowhere.
func (a *app) eachFound(found []resolve.Found, format render.Format, write func(i, nth int) error) error {
	var wrong several
	written := map[*ns.Namespace]bool{}
	for i, r := range found {
		if r.Err != nil {
			wrong = append(wrong, r.Err)
			continue
		} else if written[r.Namespace] {
			continue
		}
		if len(written) > 0 {
			if err := a.between(format); err != nil {
				return err
			}
		}
		written[r.Namespace] = true
		if err := write(i, len(written)); err != nil {
			return err
		}
	}
	if len(wrong) > 0 {
		return wrong
	}
	return nil
}

// between returns what stands between two documents of a format; names and CSV are one table.
func between(f render.Format) string {
	switch f {
	case render.Table, render.Wide:
		return "\n"
	case render.YAML:
		return "---\n"
	}
	return ""
}

// showsLinks reports whether a format has the links of a namespace.
func showsLinks(f render.Format) bool {
	return f == render.Wide || f == render.JSON || f == render.YAML
}

// between writes what stands between two documents of a format.
func (a *app) between(format render.Format) error {
	if _, err := fmt.Fprint(a.stdout, between(format)); err != nil {
		return fmt.Errorf("write output: %w", err)
	}
	return nil
}

// whoUsesOne answers for a namespace of a snapshot, which is taken again where the account
// of it does not balance.
func (a *app) whoUsesOne(ctx context.Context, opts scan.Options, snap *ns.Snapshot, n *ns.Namespace, ref resolve.Ref, format render.Format, style render.Style) error {
	if format != render.Name && scan.Unbalanced(n) {
		var err error
		opts.Balance = n.Inode
		snap, n, err = resolve.Resolve(ctx, opts, &a.owners, ref)
		if err == nil && showsLinks(format) {
			err = links.Read(ctx, opts.Host, snap)
		}
		if err != nil {
			return err
		}
	}
	owners := a.owners.Index(ctx, snap)
	return a.answer(snap, owners, func(w io.Writer) error {
		return render.Uses(w, adviser(opts.Host, snap, owners), n, owners, format, style)
	})
}

// adviser returns who writes about the namespaces of a snapshot.
func adviser(h *host.Host, snap *ns.Snapshot, owners *owner.Index) *explain.Adviser {
	a := explain.New(snap, h, func() explain.Owners { return owners })
	a.Process = func(pid ns.TaskID) *ns.Process {
		p, err := scan.ReadProcess(h, pid)
		if err != nil {
			return nil // it has ended
		}
		return p
	}
	a.Connections = func(n *ns.Namespace) (int, error) { return opener.Connections(h, n) }
	return a
}

func (f *whoUsesFlags) parse() (render.Format, ns.Type, error) {
	format, err := formatOf(f.output, f.json)
	if err != nil {
		return "", 0, err
	}
	t, err := ns.ParseType(f.typ)
	if err != nil {
		return "", 0, usagef("%w\nhint: use one of %s", err, joined(ns.Types()))
	}
	return format, t, nil
}

// answer writes to stdout in one piece, and notes what the snapshot could not show.
func (a *app) answer(snap *ns.Snapshot, owners *owner.Index, write func(io.Writer) error) error {
	var out bytes.Buffer
	if err := write(&out); err != nil {
		return err
	}
	if _, err := a.stdout.Write(out.Bytes()); err != nil {
		return fmt.Errorf("write output: %w", err)
	}
	a.note(render.GapNotes(snap, owners, a.verbose))
	return nil
}
