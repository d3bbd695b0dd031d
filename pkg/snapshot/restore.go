// SPDX-License-Identifier: Apache-2.0

package snapshot

import (
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/nsinspect/nsinspect/internal/explain"
	"github.com/nsinspect/nsinspect/internal/wire"
	"github.com/nsinspect/nsinspect/pkg/links"
	"github.com/nsinspect/nsinspect/pkg/ns"
	"github.com/nsinspect/nsinspect/pkg/owner"
)

// restorer makes a File from the parts of a document, in whatever order they come.
type restorer struct {
	all     []ns.Namespace
	owners  []*wire.Owner   // of the namespaces
	holders [][]*wire.Owner // of their holders
	answers map[uint64]explain.Answer
	ports   map[int][]ns.Listener // by the place of the namespace
	heard   []uint64
	local   map[uint64][]ns.Local
	doctor  *wire.Doctor
	same    map[wire.Owner]*owner.Owner
	reader  int // UID
}

// bad returns the error for a value that no snapshot has.
func bad(what string, value any) error {
	return fmt.Errorf("it is broken: %s is %q", what, fmt.Sprint(value))
}

// namespace adds a namespace.
func (r *restorer) namespace(w *wire.Kept) error {
	t, err := ns.ParseType(w.Type)
	if err != nil || w.Inode == 0 {
		return bad("the type of a namespace", w.Type)
	}
	n := ns.Namespace{Type: t, Inode: w.Inode, Cookie: w.Cookie, UserNS: w.UserNS, Parent: w.Parent, OwnerUID: -1, NSID: w.NSID, Threads: w.Threads}
	if w.Initial != nil {
		n.Initial = *w.Initial
	}
	if w.OwnerUID != nil {
		n.OwnerUID = *w.OwnerUID
	}
	if w.Age != nil {
		n.Age = ns.Age{Since: w.Age.Since, From: ns.AgeFrom(w.Age.From)}
	}
	if w.References != nil {
		n.References = &ns.References{Total: w.References.Total, Explained: w.References.Explained}
	}
	if w.Leader != nil {
		n.Leader = details(ns.TaskID(w.Leader.PID), &w.Leader.Details)
	}
	for i := range w.Names {
		name := &w.Names[i]
		a, err := authority(name.Authority)
		if err != nil {
			return err
		}
		n.Names = append(n.Names, ns.Name{Name: textOf(name.Name, name.NameBase64), Path: textOf(name.Path, name.PathBase64), Kind: ns.NameKind(name.Kind), Authority: a})
	}
	if n.Links, err = linksOf(w.Links); err != nil {
		return err
	}
	owners := make([]*wire.Owner, 0, len(w.Holders))
	n.Holders = make([]ns.Holder, 0, len(w.Holders))
	for i := range w.Holders {
		h, err := holder(&w.Holders[i])
		if err != nil {
			return err
		}
		n.Holders, owners = append(n.Holders, h), append(owners, w.Holders[i].Owner)
	}
	if err := r.extras(w, len(r.all)); err != nil {
		return err
	}
	r.all, r.owners, r.holders = append(r.all, n), append(r.owners, w.Owner), append(r.holders, owners)
	return nil
}

// extras adds what a snapshot has beside a namespace.
func (r *restorer) extras(w *wire.Kept, place int) error {
	if r.answers == nil {
		r.answers, r.ports, r.local = map[uint64]explain.Answer{}, map[int][]ns.Listener{}, map[uint64][]ns.Local{}
	}
	if w.Answer != nil {
		r.answers[w.Inode] = explain.Answer{Verdict: w.Answer.Verdict, Fix: commands(w.Answer.Fix), Advice: w.Answer.Advice}
	}
	for _, l := range w.Local {
		prefix, err := netip.ParsePrefix(l.Prefix)
		if err != nil {
			return bad("the prefix of a route", l.Prefix)
		}
		r.local[w.Inode] = append(r.local[w.Inode], ns.Local{Prefix: prefix, Index: l.Index})
	}
	if w.Listeners == nil {
		return nil
	}
	r.heard = append(r.heard, w.Inode)
	for i := range *w.Listeners {
		l := &(*w.Listeners)[i]
		addr, err := netip.ParseAddr(l.Address)
		if err != nil || l.Port < 0 || l.Port > 1<<16-1 {
			return bad("the address of a listener", l.Address)
		}
		out := ns.Listener{Proto: l.Protocol, Addr: netip.AddrPortFrom(addr, uint16(l.Port)), V6Only: l.V6Only != nil && *l.V6Only, UID: l.UID, Socket: l.Inode}
		for k := range w.Links {
			if textOf(w.Links[k].Name, w.Links[k].NameBase64) == textOf(l.Device, l.DeviceBase64) {
				out.Index = w.Links[k].Index
			}
		}
		for k := range l.Holders {
			h, err := holder(&l.Holders[k])
			if err != nil {
				return err
			}
			out.Holders = append(out.Holders, h)
		}
		r.ports[place] = append(r.ports[place], out)
	}
	return nil
}

// commands returns those commands that explain can have written: one line of printable ASCII.
func commands(all []string) []string {
	kept := []string{}
	for _, c := range all {
		if c != "" && !strings.ContainsFunc(c, func(r rune) bool { return r < ' ' || r > '~' }) {
			kept = append(kept, c)
		}
	}
	return kept
}

// textOf returns a string that may be one of bytes that are not UTF-8.
func textOf(s string, bytes []byte) string {
	if len(bytes) > 0 {
		return string(bytes)
	}
	return s
}

// authority reads an authority. Whether it is trusted depends on the reader: see trust.
func authority(word string) (a ns.Authority, err error) {
	switch number, isUser := strings.CutPrefix(word, "user:"); {
	case word == "kernel":
		return ns.KernelAuthority, nil
	case word == "root":
		return ns.RootAuthority, nil
	case word == "user":
		return ns.UnknownAuthority, nil
	case isUser:
		uid, err := strconv.Atoi(number)
		if err == nil && uid > 0 {
			return ns.UserAuthority(uid), nil
		}
	}
	return a, bad("an authority", word)
}

func details(pid ns.TaskID, d *wire.Details) *ns.Process {
	p := &ns.Process{PID: pid, Comm: textOf(d.Comm, d.CommBase64), Cmdline: d.Cmdline, UID: -1, Born: time.Duration(d.AfterBoot)}
	for i := range d.CmdlineBase64 {
		if i < len(p.Cmdline) {
			p.Cmdline[i] = string(d.CmdlineBase64[i])
		}
	}
	if d.UID != nil {
		p.UID = *d.UID
	}
	if d.Started != nil {
		p.Started = *d.Started
	}
	return p
}

// holder reads a holder. A child is found when all namespaces are there.
func holder(w *wire.Holder) (h ns.Holder, err error) {
	k, ok := kindOf(w.Kind)
	if !ok {
		return h, bad("the kind of a holder", w.Kind)
	}
	h = ns.Holder{
		Kind: k, PID: ns.TaskID(w.PID), TID: ns.TaskID(w.TID), FD: -1, Family: w.Family, Type: w.Type, State: w.State, Peer: w.Peer,
		Device: textOf(w.Device, w.DeviceBase64), Refs: w.References, Path: textOf(w.Path, w.PathBase64), MountNS: w.MountNS, MountID: w.MountID,
		Covered: w.Covered, Via: w.Via,
	}
	if w.FD != nil {
		h.FD = *w.FD
	}
	if w.Comm != "" || w.CommBase64 != nil || w.UID != nil || w.Started != nil {
		h.Process = details(h.PID, &w.Details)
		h.Born = h.Process.Born
	}
	if k == ns.KindMount {
		h.PID, h.TID = ns.TaskID(w.SeenByPID), ns.TaskID(w.SeenByTID)
		if h.Authority, err = authority(w.Authority); err != nil {
			return h, err
		}
	}
	if w.Pin != nil {
		if w.Pin.Pin != nil && w.Pin.Pin.Pin != nil {
			return h, bad("a pin", "one of one of one")
		}
		pin, err := holder(w.Pin)
		if err != nil {
			return h, err
		}
		h.Pin = &pin
	}
	if k == ns.KindChild && w.Namespace != nil {
		t, err := ns.ParseType(w.Namespace.Type)
		if err != nil {
			return h, bad("the type of a child", w.Namespace.Type)
		}
		h.Child = &ns.Namespace{Type: t, Inode: w.Namespace.Inode, Cookie: w.Namespace.Cookie, OwnerUID: -1}
	} else if k == ns.KindChild {
		return h, bad("a child", "no namespace")
	}
	return h, nil
}

func kindOf(word string) (ns.Kind, bool) {
	for _, k := range ns.Kinds() {
		if k.String() == word {
			return k, true
		}
	}
	return 0, false
}

func linksOf(all []wire.Link) (out []ns.Link, err error) {
	for i := range all {
		w := &all[i]
		l := ns.Link{Name: textOf(w.Name, w.NameBase64), AltNames: w.AltNames, Index: w.Index, Kind: w.Kind, Up: w.Up}
		for k := range w.AltNamesBase64 {
			if k < len(l.AltNames) {
				l.AltNames[k] = string(w.AltNamesBase64[k])
			}
		}
		if w.MAC != "" {
			if l.MAC, err = net.ParseMAC(w.MAC); err != nil {
				if l.MAC, err = hexBytes(w.MAC); err != nil {
					return nil, bad("a hardware address", w.MAC)
				}
			}
		}
		for _, a := range w.Addrs {
			p, err := netip.ParsePrefix(a)
			if err != nil {
				return nil, bad("an address", a)
			}
			l.Addrs = append(l.Addrs, p)
		}
		if w.Peer != nil {
			l.Peer = &ns.Peer{Index: w.Peer.Index, Name: textOf(w.Peer.Name, w.Peer.NameBase64)}
			if w.Peer.Namespace != nil {
				l.Peer.Inode = w.Peer.Namespace.Inode
			}
		}
		out = append(out, l)
	}
	return out, nil
}

// hexBytes reads a hardware address of any length: of a tunnel it is an IP address.
func hexBytes(text string) (out net.HardwareAddr, err error) {
	for word := range strings.SplitSeq(text, ":") {
		b, err := strconv.ParseUint(word, 16, 8)
		if err != nil {
			return nil, err
		}
		out = append(out, byte(b))
	}
	return out, nil
}

// hits returns the listening sockets, of namespaces that stand still now.
func (r *restorer) hits() (s links.Sockets) {
	s.Read = r.heard
	for i := range r.all {
		if all := r.ports[i]; all != nil {
			s.Hits = append(s.Hits, links.PortHit{Namespace: &r.all[i], Listeners: all})
		}
	}
	return s
}
