// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"github.com/nsinspect/nsinspect/pkg/links"
	"github.com/nsinspect/nsinspect/pkg/ns"
	"github.com/nsinspect/nsinspect/pkg/owner"
)

// Match is the link by which a namespace was found, or the sockets that listen in it.
type Match struct {
	By           string     `json:"by" jsonschema:"enum=ip,enum=mac,enum=dev,enum=port"`
	Value        string     `json:"value"`            // what was asked for
	Device       string     `json:"device,omitempty"` // the interface that has it; of a port absent
	DeviceBase64 []byte     `json:"device_base64,omitempty"`
	Route        string     `json:"route,omitempty"`     // of an address that no interface has: the prefix of the route of type local by which it is the namespace's own
	Listeners    []Listener `json:"listeners,omitempty"` // of a port
	Namespace    *Ref       `json:"namespace"`           // the namespace of that interface or of those sockets; the other end of a pair may have led on from there
}

// Listener is a socket that listens at a port.
type Listener struct {
	Protocol     string   `json:"protocol" jsonschema:"enum=tcp,enum=udp"`
	Address      string   `json:"address"` // that it is bound to; 0.0.0.0 and :: are any
	Port         int      `json:"port"`
	V6Only       *bool    `json:"v6only,omitempty"` // of IPv6: whether it takes nothing by IPv4
	Device       string   `json:"device,omitempty"` // the interface that it is bound to
	DeviceBase64 []byte   `json:"device_base64,omitempty"`
	UID          int      `json:"uid"`             // the user who made it
	Inode        uint64   `json:"inode,omitempty"` // of the socket, as in /proc/PID/fd
	Holders      []Holder `json:"holders"`         // the descriptors of processes that it is open by; empty for a socket of the kernel's own
}

// LinkMatch returns the link by which a namespace was found.
func LinkMatch(s *ns.Snapshot, x *owner.Index, q links.Query, hit *links.Hit) *Match {
	c := newConverter(s, x)
	m := &Match{By: q.By, Value: q.String(), Device: hit.Link.Name, DeviceBase64: raw(hit.Link.Name), Namespace: c.ref(ns.Net, hit.At.Inode)}
	if hit.Route.IsValid() {
		m.Route = hit.Route.String()
	}
	return m
}

// PortMatch returns the listeners by which a namespace was found.
func PortMatch(s *ns.Snapshot, x *owner.Index, p links.Port, hit *links.PortHit) *Match {
	c := newConverter(s, x)
	m := &Match{By: "port", Value: p.String(), Namespace: c.ref(ns.Net, hit.Namespace.Inode)}
	m.Listeners = c.listeners(hit)
	return m
}

func (c *converter) listeners(hit *links.PortHit) (all []Listener) {
	for i := range hit.Listeners {
		l := &hit.Listeners[i]
		w := Listener{Protocol: l.Proto, Address: l.Addr.Addr().String(), Port: int(l.Addr.Port()), UID: l.UID, Inode: l.Socket, Holders: []Holder{}}
		if l.Addr.Addr().Is6() {
			w.V6Only = &l.V6Only
		}
		if link := hit.Namespace.Link(l.Index); link != nil {
			w.Device, w.DeviceBase64 = link.Name, raw(link.Name)
		}
		for k := range l.Holders {
			w.Holders = append(w.Holders, c.holder(hit.Namespace, &l.Holders[k]))
		}
		all = append(all, w)
	}
	return all
}
