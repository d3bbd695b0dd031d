// SPDX-License-Identifier: Apache-2.0

package links

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/nsinspect/nsinspect/internal/host"
	"github.com/nsinspect/nsinspect/internal/nsfs"
	"github.com/nsinspect/nsinspect/internal/opener"
	"github.com/nsinspect/nsinspect/pkg/ns"
)

// Protocols are those whose ports can be asked for.
func Protocols() []string { return []string{"tcp", "udp"} }

// Port asks which namespaces have a socket that listens at a port: one of TCP that accepts
// connections, or one of UDP that is bound and not connected. ss -ltnu lists the same.
type Port struct {
	number uint16
	protos []string
}

// ByPort asks for a port of a protocol; "" is any.
func ByPort(number, proto string) (Port, error) {
	n, err := strconv.ParseUint(number, 10, 16)
	if err != nil || n == 0 {
		return Port{}, fmt.Errorf("malformed port %q: use a number from 1 to 65535", number)
	}
	p := Port{uint16(n), Protocols()}
	if proto != "" {
		p.protos = []string{proto}
	}
	if !slices.Contains(Protocols(), p.protos[0]) {
		return Port{}, fmt.Errorf("unknown protocol %q: use %s", proto, strings.Join(Protocols(), " or "))
	}
	return p, nil
}

// AnyPort asks for the listeners at every port, to offer their numbers.
func AnyPort() Port { return Port{0, Protocols()} }

// String returns the number of the port.
func (p Port) String() string { return strconv.Itoa(int(p.number)) }

// PortHit is a namespace that has listeners at a port.
type PortHit struct {
	Namespace *ns.Namespace
	Listeners []ns.Listener // by protocol and address
}

// Find returns the namespaces of a snapshot that have listeners at the port, in the
// snapshot's order, and who has them open. A namespace that cannot be entered, or does not
// answer, becomes a gap in the snapshot, and so do descriptors that cannot be read where
// they may be of a listener. The error of a port that nothing listens at has where was
// searched.
func (p Port) Find(ctx context.Context, h *host.Host, snap *ns.Snapshot) ([]PortHit, error) {
	hits, looked := p.listeners(ctx, h, snap)
	switch err := ctx.Err(); {
	case err != nil:
		return nil, err
	case len(hits) == 0:
		return nil, p.notFound(snap, looked)
	case p.number == 0:
		return hits, nil
	}
	var sockets []*ns.Listener
	for i := range hits {
		for k := range hits[i].Listeners {
			sockets = append(sockets, &hits[i].Listeners[k])
		}
	}
	snap.Gaps = append(snap.Gaps, findHolders(ctx, h, sockets)...)
	return hits, ctx.Err()
}

// listeners returns the namespaces that have listeners at the port, and how many were looked
// in.
func (p Port) listeners(ctx context.Context, h *host.Host, snap *ns.Snapshot) (hits []PortHit, looked int) {
	r, stop := newReader(h, snap, ns.SourceListener)
	defer stop()
	found := make([][]ns.Listener, len(snap.Namespaces))
	r.each(ctx, r.network(), func(v *nsfs.Thread, i int) func() {
		var all []ns.Listener
		err := r.inside(v, i, openDiag, func(s *socket) (err error) {
			all, err = s.listeners(p)
			return err
		})
		return func() {
			if found[i] = all; err == nil {
				looked++
			} else if !errors.Is(err, opener.ErrEnded) {
				r.gap(i, err)
			}
		}
	})
	for i, all := range found {
		if len(all) > 0 {
			hits = append(hits, PortHit{&snap.Namespaces[i], all})
		}
	}
	return hits, looked
}

// notFound returns an error with where was searched.
func (p Port) notFound(snap *ns.Snapshot, looked int) error {
	return denied(snap, ns.SourceListener, fmt.Errorf("nothing listens at port %s (%s): %s%s",
		p, strings.Join(p.protos, " and "), lookedIn(looked), unread(snap, ns.SourceListener)))
}
