// SPDX-License-Identifier: Apache-2.0

package links

import (
	"context"
	"errors"
	"os"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/nsinspect/nsinspect/internal/host"
	"github.com/nsinspect/nsinspect/internal/nsfs"
	"github.com/nsinspect/nsinspect/internal/opener"
	"github.com/nsinspect/nsinspect/pkg/ns"
)

// ReadAll is Read, and reads what searches ask network namespaces for as well: every listening
// socket, with who has it open, and the local routes to addresses that no link has. Each
// namespace is entered once. What cannot be read is a gap of links and one of listeners; a
// recorded tree has nothing of this. It fails only if ctx ends.
func ReadAll(ctx context.Context, h *host.Host, snap *ns.Snapshot) (s Sockets, local map[uint64][]ns.Local, err error) {
	local = map[uint64][]ns.Local{}
	if h.Recorded() {
		return s, local, nil
	}
	r, stop := newReader(h, snap, Source)
	defer stop()
	r.ends, r.listeners = make([][]end, len(snap.Namespaces)), true
	found := make([][]ns.Listener, len(snap.Namespaces))
	r.each(ctx, r.network(), func(v *nsfs.Thread, i int) func() {
		got := r.readWhole(v, i)
		return func() {
			n := &snap.Namespaces[i]
			n.Links, r.ends[i], found[i] = got.links, got.ends, got.listeners
			if got.listed == nil {
				s.Read = append(s.Read, n.Inode)
			}
			if routes := got.otherRoutes(); len(routes) > 0 {
				local[n.Inode] = routes
			}
			r.gapOf(Source, i, got.linked)
			if got.linked == nil {
				r.gapOf(Source, i, got.routed)
			}
			r.gapOf(ns.SourceListener, i, got.listed)
		}
	})
	r.listeners = false
	r.findPeers(ctx)
	slices.Sort(s.Read)
	var all []*ns.Listener
	for i, listeners := range found {
		if len(listeners) > 0 {
			s.Hits = append(s.Hits, PortHit{&snap.Namespaces[i], listeners})
		}
		for k := range listeners {
			all = append(all, &listeners[k])
		}
	}
	if len(all) > 0 {
		snap.Gaps = append(snap.Gaps, findHolders(ctx, h, all)...)
	}
	return s, local, ctx.Err()
}

// content is what was read of one namespace, and why not all of it.
type content struct {
	links     []ns.Link
	ends      []end
	linked    error
	listeners []ns.Listener
	listed    error
	routes    []ns.Local
	routed    error
}

// readWhole reads one namespace.
func (r *reader) readWhole(v *nsfs.Thread, i int) (c content) {
	both := &twoSockets{always: mayHaveSockets(&r.snap.Namespaces[i])}
	err := r.inside(v, i, both.open, func(s *socket) error {
		c.links, c.ends, c.linked = s.read()
		if c.linked != nil || slices.ContainsFunc(c.links, func(l ns.Link) bool { return l.Up }) {
			c.routes, c.routed = s.localRoutes()
		} // else there are none: a route needs a link that is up (net/ipv4/fib_semantics.c, fib_check_nh; net/ipv6/route.c, ip6_route_info_create_nh, 6.18)
		if c.listed = both.err; both.diag != nil {
			c.listeners, c.listed = both.diag.listeners(AnyPort())
		}
		return nil
	})
	both.close()
	if err != nil {
		c.linked, c.listed = err, err
	}
	return c
}

// otherRoutes returns the routes but for those to addresses of the links.
func (c *content) otherRoutes() []ns.Local {
	n := ns.Namespace{Links: c.links}
	return slices.DeleteFunc(c.routes, func(l ns.Local) bool { return l.Prefix.IsSingleIP() && hasAddr(n.Link(l.Index), l.Prefix.Addr()) })
}

// gapOf adds a gap, unless the namespace has just ended or there was no error.
func (r *reader) gapOf(source string, i int, err error) {
	if err != nil && !errors.Is(err, opener.ErrEnded) {
		r.snap.Gaps = append(r.snap.Gaps, ns.Gap{Sources: []string{source}, Path: r.snap.Namespaces[i].String(), Err: err})
	}
}

// mayHaveSockets reports whether a process may open and close sockets in a namespace while
// they are counted.
func mayHaveSockets(n *ns.Namespace) bool {
	return slices.ContainsFunc(n.Holders, func(h ns.Holder) bool { return h.Kind != ns.KindMount && h.Kind != ns.KindChild })
}

// twoSockets are a routing socket and one that lists sockets, in the same namespace.
type twoSockets struct {
	always bool
	diag   *socket // nil where there are no sockets to list
	err    error   // why there is none
}

func (t *twoSockets) open(heard *atomic.Uint64) (*socket, error) {
	s, err := openSocket(heard)
	if err != nil || !t.always && noSockets() {
		return s, err
	}
	t.diag, t.err = openDiag(heard)
	return s, nil
}

func (t *twoSockets) close() {
	if t.diag != nil {
		t.diag.close()
	}
}

// noSockets reports whether there is no socket of TCP or UDP, not even one of the kernel's, in the
// network namespace of the calling thread. To list them, the kernel goes through the tables
// of those of all namespaces (net/ipv4/inet_diag.c, inet_diag_dump_icsk; udp_diag.c, udp_dump, 6.18); it
// counts what is in the tables for each (net/ipv4/proc.c, sockstat_seq_show; net/ipv6/proc.c,
// sockstat6_seq_show). The sum is over all CPUs and is exact only while no socket comes or goes.
func noSockets() bool {
	for _, file := range []string{"sockstat", "sockstat6"} {
		text, err := os.ReadFile("/proc/thread-self/net/" + file)
		if err != nil && !errors.Is(err, os.ErrNotExist) || hasSockets(string(text)) {
			return false
		}
	}
	return true
}

// hasSockets reports whether a sockstat file counts a socket of TCP or UDP.
func hasSockets(sockstat string) bool {
	for line := range strings.Lines(sockstat) {
		words := strings.Fields(line)
		if len(words) > 2 && (strings.HasPrefix(words[0], "TCP") || words[0] == "UDP:" || words[0] == "UDP6:") && words[2] != "0" {
			return true
		}
	}
	return false
}
