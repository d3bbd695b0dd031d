// SPDX-License-Identifier: Apache-2.0

// Package links reads the network interfaces of namespaces: their names, their
// addresses, and where the other end of a veth is; and which sockets listen there.
//
// What a namespace has is read through a netlink socket in it. To open one, a thread
// of ours is in the namespace for a moment (scan.Visitor), which needs
// CAP_SYS_ADMIN; one's own namespace needs no privilege. Nothing is changed but
// for what `ip link` does as well: a namespace that has the other end of a pair
// in it gets an ID in the namespace that asks (net/core/rtnetlink.c,
// rtnl_fill_link_netnsid, 6.18).
package links

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/internal/host"
	"github.com/nsinspect/nsinspect/internal/kernel"
	"github.com/nsinspect/nsinspect/internal/nsfs"
	"github.com/nsinspect/nsinspect/internal/opener"
	"github.com/nsinspect/nsinspect/pkg/ns"
)

// Source is what gaps of this package name as theirs.
const Source = ns.SourceLink

// Read fills in the links of a snapshot's network namespaces. One that cannot be
// entered, or does not answer, is a gap in the snapshot and keeps nil links; one
// that has ended meanwhile is none. A recorded tree has no links, and has no
// gaps for that. Read fails only if ctx ends or the host cannot be read at all.
func Read(ctx context.Context, h *host.Host, snap *ns.Snapshot) error {
	if h.Recorded() {
		return nil
	}
	r, stop := newReader(h, snap, Source)
	defer stop()
	r.ends = make([][]end, len(snap.Namespaces))
	r.each(ctx, r.network(), r.readLinks)
	r.findPeers(ctx)
	return ctx.Err()
}

// reader is the state of one look into all network namespaces. Workers hand what they found
// to its one goroutine, as functions.
type reader struct {
	opener    *opener.Opener
	snap      *ns.Snapshot
	source    string           // of its gaps
	listeners bool             // it looks for these, too
	own       uint64           // inode of this process's network namespace
	ends      [][]end          // by namespace: what its links say of their other ends
	heard     atomic.Uint64    // answers so far
	asked     uint64           // how many there were when silent was asked last
	over      atomic.Bool      // nobody waits any more
	tick      <-chan time.Time // once in the time that an answer may take
}

// newReader returns a reader, and what ends it.
func newReader(h *host.Host, snap *ns.Snapshot, source string) (r *reader, stop func()) {
	tick := time.NewTicker(patience)
	r = &reader{opener: opener.New(h, false), snap: snap, source: source, tick: tick.C}
	var st unix.Stat_t
	if unix.Stat("/proc/self/ns/net", &st) == nil { // if not, even our own is entered
		r.own = st.Ino
	}
	return r, tick.Stop
}

// network returns which of the namespaces are network namespaces.
func (r *reader) network() (all []int) {
	for i := range r.snap.Namespaces {
		if r.snap.Namespaces[i].Type == ns.Net {
			all = append(all, i)
		}
	}
	return all
}

// patience is how long Read waits while the kernel answers nothing. Whoever
// changes links takes turns with us, and a driver can be slow at it.
const patience = 2 * time.Second

// each has workers on all cores do work for each of todo, and applies what they
// return. What the kernel holds up is given up after patience and becomes a gap:
// the worker then stays behind, as nothing can end a thread that waits for the
// kernel's lock of all links.
func (r *reader) each(ctx context.Context, todo []int, work func(*nsfs.Thread, int) (apply func())) {
	type result struct {
		i     int
		apply func()
	}
	next, results := make(chan int, len(todo)), make(chan result, len(todo))
	for _, i := range todo {
		next <- i
	}
	close(next)
	for range min(len(todo), runtime.GOMAXPROCS(0)) {
		go func() {
			v := new(nsfs.Thread)
			defer v.Close()
			for i := range next {
				if ctx.Err() != nil || r.over.Load() {
					return
				}
				apply := work(v, i)
				r.heard.Add(1)
				results <- result{i, apply}
			}
		}()
	}
	missing := map[int]bool{}
	for _, i := range todo {
		missing[i] = true
	}
	for len(missing) > 0 {
		select {
		case res := <-results:
			delete(missing, res.i)
			res.apply()
			continue
		case <-ctx.Done():
			r.over.Store(true)
			return
		case <-r.tick:
		}
		if !r.silent() {
			continue
		}
		r.over.Store(true)
		for _, i := range todo {
			if missing[i] {
				r.gap(i, fmt.Errorf("no answer within %s", patience))
			}
		}
		return
	}
}

// silent reports whether nothing was heard since it was asked last.
func (r *reader) silent() bool {
	now := r.heard.Load()
	same := now == r.asked
	r.asked = now
	return same
}

func (r *reader) gap(i int, err error) {
	r.gapOf(r.source, i, err)
	if r.listeners {
		r.gapOf(ns.SourceListener, i, err)
	}
}

// readLinks reads one namespace.
func (r *reader) readLinks(v *nsfs.Thread, i int) (apply func()) {
	var links []ns.Link
	var ends []end
	err := r.inside(v, i, openSocket, func(s *socket) (err error) {
		links, ends, err = s.read()
		return err
	})
	return func() {
		r.snap.Namespaces[i].Links, r.ends[i] = links, ends
		if err != nil && !errors.Is(err, opener.ErrEnded) {
			r.gap(i, err)
		}
	}
}

// inside calls f with a socket that open opens in a namespace.
func (r *reader) inside(v *nsfs.Thread, i int, open func(*atomic.Uint64) (*socket, error), f func(*socket) error) error {
	n := &r.snap.Namespaces[i]
	var s *socket
	var err error
	if n.Inode == r.own {
		s, err = open(&r.heard)
	} else {
		s, err = r.enter(v, n, open)
	}
	if err != nil {
		return err
	}
	defer s.close()
	if c := s.cookie(); n.Cookie != 0 && c != 0 && c != n.Cookie {
		return opener.ErrEnded // another one has its inode
	}
	return f(s)
}

func (r *reader) enter(v *nsfs.Thread, n *ns.Namespace, open func(*atomic.Uint64) (*socket, error)) (s *socket, err error) {
	if !kernel.MayEnter() { // whether or not a path leads to it
		return nil, fmt.Errorf("enter network namespace: %w", unix.EPERM)
	}
	fd, err := r.opener.Open(n)
	if err != nil {
		return nil, fmt.Errorf("open namespace: %w", err)
	}
	defer unix.Close(fd)
	if e := v.Enter(fd, func() { s, err = open(&r.heard) }); e != nil {
		return nil, e
	}
	return s, err
}
