// SPDX-License-Identifier: Apache-2.0

package snapshot

import (
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/nsinspect/nsinspect/internal/wire"
	"github.com/nsinspect/nsinspect/pkg/links"
	"github.com/nsinspect/nsinspect/pkg/ns"
	"github.com/nsinspect/nsinspect/pkg/owner"
)

// restorer makes a File from the parts of a document. Processes come before the namespaces
// that have them.
type restorer struct {
	boot      time.Time // zero if a start time that is not there is unknown
	processes []knownProcess
	places    map[ns.TaskID]int // of the processes
	members   int               // of all namespaces
	read      struct {          // what becomes the lists below when all of it is there
		all      pieces[ns.Namespace]
		words    pieces[wire.Words]
		findings pieces[wire.KeptFinding]
		texts    pieces[string]
	}
	last struct {
		places  []int
		holders []ns.Holder
	}
	all      []ns.Namespace
	words    []wire.Words
	wordsOf  map[uint64]*wire.Words // by inode
	owners   []*wire.Owner          // of the namespaces
	holders  [][]*wire.Owner        // of those of their holders that are not members
	first    []int                  // of these in each namespace: the one that stands first
	owns     []int                  // places of namespaces that have all their children
	answers  map[int]*wire.Answer
	ports    map[int][]ns.Listener // by the place of the namespace
	heard    []uint64
	local    map[uint64][]ns.Local
	doctor   *wire.KeptDoctor
	texts    []string
	expanded int // bytes of texts
	same     map[wire.Owner]*owner.Owner
	reader   int // UID
}

// knownProcess is a process of the file.
type knownProcess struct {
	*ns.Process
	owner, inside *wire.Owner
}

// bad returns the error for a value that no snapshot has.
func bad(what string, value any) error {
	return fmt.Errorf("it is broken: %s is %q", what, fmt.Sprint(value))
}

// commands returns those commands that explain can have written: one line of printable ASCII.
func commands(all []string) []string {
	kept := make([]string, 0, len(all))
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
		uid, err := strconv.ParseUint(number, 10, 32)
		if err == nil && uid > 0 {
			return ns.UserAuthority(int(uid)), nil
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
	via, ok := ns.ViaOf(w.Via)
	if !ok {
		return h, bad("by what a holder holds", w.Via)
	}
	h = ns.Holder{
		Kind: k, PID: w.PID, TID: w.TID, FD: -1, Refs: w.References, Path: textOf(w.Path, w.PathBase64), MountNS: w.MountNS, MountID: w.MountID,
		Covered: w.Covered, Via: via,
	}
	if w.FD != nil {
		h.FD = *w.FD
	}
	h.Socket = ns.NewSocket(ns.SocketWords{Family: w.Family, Type: w.Type, State: w.State, Peer: w.Peer, Device: textOf(w.Device, w.DeviceBase64)})
	if w.Comm != "" || w.CommBase64 != nil || w.UID != nil || w.Started != nil {
		h.Process = details(h.PID, &w.Details)
		h.Born = h.Process.Born
	}
	if k == ns.KindMount {
		h.PID, h.TID = w.SeenByPID, w.SeenByTID
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
	if len(all) > 0 {
		out = make([]ns.Link, 0, len(all))
	}
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
		if len(w.Addrs) > 0 {
			l.Addrs = make([]netip.Prefix, 0, len(w.Addrs))
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
