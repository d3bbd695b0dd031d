// SPDX-License-Identifier: Apache-2.0

package links

import (
	"errors"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/internal/nsfs"
	"github.com/nsinspect/nsinspect/internal/text"
	"github.com/nsinspect/nsinspect/pkg/ns"
)

// What the kernel does not answer is a gap, and the rest is there.
func TestNoAnswer(t *testing.T) {
	tick, first, never := make(chan time.Time), make(chan struct{}), make(chan struct{})
	defer close(never)
	r := &reader{snap: &ns.Snapshot{Namespaces: []ns.Namespace{{Inode: 5}, {Inode: 6}}}, source: Source, tick: tick}
	go func() {
		<-first
		for range 2 { // at the first one, there has been an answer since the beginning
			tick <- time.Time{}
		}
	}()
	r.each(t.Context(), []int{0, 1}, func(_ *nsfs.Thread, i int) func() {
		if i == 1 {
			<-never
		}
		return func() { close(first) }
	})
	if len(r.snap.Gaps) != 1 || r.snap.Gaps[0].Path != "net:[6]" || !r.snap.Gaps[0].Of(Source) || !strings.Contains(r.snap.Gaps[0].Err.Error(), "no answer within") {
		t.Errorf("gaps %v, want one of net:[6]", r.snap.Gaps)
	}
	if !r.over.Load() {
		t.Error("the worker that is stuck is not stopped")
	}
}

// Whoever answers slowly is waited for as long as anything is heard.
func TestSilence(t *testing.T) {
	r := new(reader)
	for i, heard := range []uint64{0, 1, 0, 0, 7, 1, 0} {
		r.heard.Add(heard)
		if got := r.silent(); got != (heard == 0) {
			t.Errorf("time %d: %d answers, silent %t", i, heard, got)
		}
	}
}

func TestRetry(t *testing.T) {
	for fails, want := range map[int]string{0: "", 4: "", 5: "they changed each of the 5 times they were read"} {
		n := 0
		err := retry(func() error {
			if n++; n <= fails {
				return errors.Join(nil, nl.ErrDumpInterrupted)
			}
			return nil
		})
		if got := errorText(err); got != want {
			t.Errorf("%d times interrupted: %q, want %q", fails, got, want)
		}
	}
	if err := retry(func() error { return unix.EPERM }); err != unix.EPERM {
		t.Errorf("refused: %v", err)
	}
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// Two links are a pair only if each refers to the other.
func TestMatchBothWays(t *testing.T) {
	const a, b, c = 0, 1, 2
	try := func(change func(p *peers)) *ns.Peer {
		r := &reader{
			snap: &ns.Snapshot{Namespaces: []ns.Namespace{{Inode: 10}, {Inode: 11}, {Inode: 12}}},
			ends: [][]end{{{2, 3, 7, "veth"}}, {{3, 2, 8, "veth"}}, {{3, 2, 9, "veth"}}},
		}
		for i, name := range []string{"ea", "eb", "ec"} {
			r.snap.Namespaces[i].Links = []ns.Link{{Name: name, Index: r.ends[i][0].index, Kind: "veth", Peer: &ns.Peer{}}}
		}
		p := &peers{reader: r, ids: []map[int]int{{7: b}, {8: a}, {9: a}}}
		change(p)
		p.byIndexes = map[[2]int][]at{}
		for i := range p.ends {
			e := p.ends[i][0]
			p.byIndexes[[2]int{e.index, e.parent}] = append(p.byIndexes[[2]int{e.index, e.parent}], at{i, 0})
		}
		p.match(at{a, 0})
		return p.snap.Namespaces[a].Links[0].Peer
	}
	if got := try(func(*peers) {}); got.Inode != 11 || got.Name != "eb" {
		t.Fatalf("peer %+v, want eb in 11", got)
	}
	for name, change := range map[string]func(*peers){
		"the other refers elsewhere":    func(p *peers) { p.ids[b][8] = c },
		"it refers elsewhere":           func(p *peers) { p.ids[a][7] = c; p.ids[c] = nil },
		"the other has another index":   func(p *peers) { p.ends[b][0].index = 4 },
		"the other speaks of another":   func(p *peers) { p.ends[b][0].parent = 4 },
		"the other is of another kind":  func(p *peers) { p.ends[b][0].kind = "vxcan" },
		"the other's is in its own":     func(p *peers) { p.ends[b][0].nsid = -1 },
		"it was not asked":              func(p *peers) { p.ids[a] = nil },
		"the other was not asked":       func(p *peers) { p.ids[b] = nil },
		"its other end is in its own":   func(p *peers) { p.ends[a][0].nsid = -1 },
		"neither has another namespace": func(p *peers) { p.ends[a][0].nsid, p.ends[b][0].nsid = -1, -1 },
	} {
		if got := try(change); got.Inode != 0 {
			t.Errorf("%s: peer %+v, want none", name, got)
		}
	}
}

// lab of three namespaces as a snapshot: the host with a veth to web, blue with
// web's address.
func snapshot() *ns.Snapshot {
	mac := func(b byte) net.HardwareAddr { return net.HardwareAddr{2, 0, 0, 0, 0, b} }
	addr := netip.MustParsePrefix
	return &ns.Snapshot{Namespaces: []ns.Namespace{
		{Inode: 10, Initial: true, Links: []ns.Link{
			{Name: "lo", Index: 1, Addrs: []netip.Prefix{addr("127.0.0.1/8")}},
			{Name: "veth1", Index: 7, MAC: mac(7), Peer: &ns.Peer{Index: 2, Inode: 11, Name: "eth0"}},
			{Name: "veth2", Index: 8, MAC: mac(8), Peer: &ns.Peer{Index: 2}},
			{Name: "one", Index: 9, Peer: &ns.Peer{Index: 10, Inode: 10, Name: "two"}},
		}},
		{Inode: 11, Names: []ns.Name{{Name: "web", Authority: ns.RootAuthority}}, Links: []ns.Link{
			{Name: "lo", Index: 1, Addrs: []netip.Prefix{addr("127.0.0.1/8")}},
			{Name: "eth0", AltNames: []string{"enp0s1"}, Index: 2, MAC: mac(2), Addrs: []netip.Prefix{addr("10.0.0.7/24"), addr("fd00::7/64")}, Peer: &ns.Peer{Index: 7, Inode: 10, Name: "veth1"}},
		}},
		{Inode: 12, Names: []ns.Name{{Name: "blue", Authority: ns.RootAuthority}}, Links: []ns.Link{
			{Name: "eth0", Index: 2, MAC: mac(3), Addrs: []netip.Prefix{addr("10.0.0.7/16"), addr("10.0.0.8/16")}},
		}},
	}}
}

// A user can give links in a namespace of his own any address and any name: nothing of
// root's is found less for it.
func TestFindBesideUsers(t *testing.T) {
	s := snapshot()
	users := s.Namespaces[1]
	users.Inode, users.OwnerUID, users.Links = 13, 4077, nil
	users.Links = append(append(users.Links, s.Namespaces[0].Links...), s.Namespaces[2].Links...)
	users.Links = append(users.Links, ns.Link{Name: "dummy", MAC: net.HardwareAddr{2, 0, 0, 0, 0, 9}})
	s.Namespaces = append([]ns.Namespace{users}, s.Namespaces...)
	for query, test := range map[string]struct {
		by   func(string) (Query, error)
		want uint64
	}{
		"10.0.0.8": {ByIP, 12}, "veth1": {ByDev, 11}, "02:00:00:00:00:03": {ByMAC, 12}, "dummy": {ByDev, 13},
	} {
		q, err := test.by(query)
		if err != nil {
			t.Fatal(err)
		}
		if h, err := q.Find(s, text.Title); err != nil || h.Namespace.Inode != test.want {
			t.Errorf("%s: %v, %v, want %d", query, h.Namespace, err, test.want)
		}
	}
}

func TestFind(t *testing.T) {
	ip, mac, dev := ByIP, ByMAC, ByDev
	for _, test := range []struct {
		by       func(string) (Query, error)
		text     string
		at, want uint64
		err      string
	}{
		{ip, "10.0.0.8", 12, 12, ""},
		{ip, "fd00::7", 11, 11, ""},
		{ip, "FD00:0::7", 11, 11, ""},
		{ip, "::ffff:10.0.0.8", 12, 12, ""},
		{ip, "10.0.0.7", 0, 0, "10.0.0.7 fits 2 namespaces: net:[11] (web) by eth0, net:[12] (blue) by eth0: use who-uses net:[INODE]"},
		{ip, "10.0.0.9", 0, 0, "no address 10.0.0.9: looked in 3 namespaces"},
		{mac, "02:00:00:00:00:02", 11, 11, ""},
		{mac, "0200.0000.0002", 11, 11, ""},
		{mac, "02:00:00:00:00:07", 10, 10, ""}, // only a device leads to the other end
		{mac, "00:00:00:00:00:00", 0, 0, "no hardware address 00:00:00:00:00:00: looked in 3 namespaces"},
		{dev, "veth1", 10, 11, ""},
		{dev, "enp0s1", 11, 11, ""},
		{dev, "one", 10, 10, ""},
		{dev, "veth2", 0, 0, "veth2 is in net:[10], and its other end, link 2 of its namespace, was not found"},
		{dev, "eth0", 0, 0, "eth0 fits 2 namespaces: net:[11] (web) by eth0, net:[12] (blue) by eth0: use who-uses net:[INODE]"},
		{dev, "eth0@if7", 0, 0, "no device eth0@if7: looked in 3 namespaces; the name ip shows as eth0@if7 is eth0"},
		{dev, "eth@x", 0, 0, "no device eth@x: looked in 3 namespaces"},
	} {
		q, err := test.by(test.text)
		if err != nil {
			t.Errorf("%s: %v", test.text, err)
			continue
		}
		h, err := q.Find(snapshot(), text.Title)
		switch {
		case errorText(err) != test.err:
			t.Errorf("%s %s: error\n%v, want\n%s", q.By, q, err, test.err)
		case err == nil && (h.At.Inode != test.at || h.Namespace.Inode != test.want):
			t.Errorf("%s %s: in %v, means %v, want %d and %d", q.By, q, h.At, h.Namespace, test.at, test.want)
		}
	}
}
