// SPDX-License-Identifier: Apache-2.0

package links

import (
	"errors"
	"net"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/internal/kernel"
	"github.com/nsinspect/nsinspect/internal/nsfs"
	"github.com/nsinspect/nsinspect/pkg/ns"
)

// What the kernel does not answer is a gap, and the rest is there.
func TestNoAnswer(t *testing.T) {
	tick, first, never := make(chan time.Time), make(chan struct{}), make(chan struct{})
	defer close(never)
	r := &reader{snap: &ns.Snapshot{Namespaces: []ns.Namespace{{Inode: 5}, {Inode: 6}}}, tick: tick}
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
func TestSilent(t *testing.T) {
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
		{Inode: 11, Names: []ns.Name{{Name: "web"}}, Links: []ns.Link{
			{Name: "lo", Index: 1, Addrs: []netip.Prefix{addr("127.0.0.1/8")}},
			{Name: "eth0", AltNames: []string{"enp0s1"}, Index: 2, MAC: mac(2), Addrs: []netip.Prefix{addr("10.0.0.7/24"), addr("fd00::7/64")}, Peer: &ns.Peer{Index: 7, Inode: 10, Name: "veth1"}},
		}},
		{Inode: 12, Names: []ns.Name{{Name: "blue"}}, Links: []ns.Link{
			{Name: "eth0", Index: 2, MAC: mac(3), Addrs: []netip.Prefix{addr("10.0.0.7/16"), addr("10.0.0.8/16")}},
		}},
	}}
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
		h, err := q.Find(snapshot(), (*ns.Namespace).Title)
		switch {
		case errorText(err) != test.err:
			t.Errorf("%s %s: error\n%v, want\n%s", q.By, q, err, test.err)
		case err == nil && (h.At.Inode != test.at || h.Namespace.Inode != test.want):
			t.Errorf("%s %s: in %v, means %v, want %d and %d", q.By, q, h.At, h.Namespace, test.at, test.want)
		}
	}
}

// What could not be read is in the error where nothing was found.
func TestFindSaysWhatIsUnread(t *testing.T) {
	snap := snapshot()
	snap.Namespaces[2].Links = nil
	snap.Gaps = []ns.Gap{{Sources: []string{"process"}, Path: "x", Err: unix.EPERM}, {Sources: []string{Source}, Path: "net:[12]", Err: errors.New("no answer")}}
	q, _ := ByIP("10.0.0.8")
	if _, err := q.Find(snap, (*ns.Namespace).Title); errorText(err) != "no address 10.0.0.8: looked in 2 namespaces; links of net:[12] unreadable" {
		t.Error(err)
	}
	snap.Gaps = append(snap.Gaps, ns.Gap{Sources: []string{Source}, Path: "net:[13]", Err: unix.EPERM})
	if _, err := q.Find(snap, (*ns.Namespace).Title); !strings.HasSuffix(errorText(err), "; links of 2 namespaces unreadable") || !errors.As(err, new(*kernel.DeniedError)) {
		t.Error(err)
	}
}

// One address in very many namespaces is not a page of text.
func TestFindCountsVeryMany(t *testing.T) {
	snap := &ns.Snapshot{}
	for i := range 100 {
		snap.Namespaces = append(snap.Namespaces, ns.Namespace{Inode: uint64(i + 1), Links: []ns.Link{{Name: "eth0"}}})
	}
	q, _ := ByDev("eth0")
	_, err := q.Find(snap, (*ns.Namespace).Title)
	if text := errorText(err); !strings.Contains(text, "fits 100 namespaces: net:[1] by eth0, ") || !strings.Contains(text, "net:[16] by eth0, and 84 more, which list -o wide shows: ") {
		t.Error(text)
	}
}

func TestMalformed(t *testing.T) {
	for text, by := range map[string]func(string) (Query, error){
		"10.0.0.300": ByIP, "10.0.0": ByIP, "": ByIP, "10.0.0.7/24": ByIP, "fe80::1%eth0": ByIP, "eth0": ByIP, "010.0.0.1": ByIP,
		"aa:bb": ByMAC, "aa:bb:cc:dd:ee:gg": ByMAC, " ": ByMAC, "10.0.0.7 ": ByMAC,
		"a b": ByDev, "a/b": ByDev, "\t": ByDev, "a:b": ByDev, strings.Repeat("x", 128): ByDev,
	} {
		if q, err := by(text); err == nil {
			t.Errorf("%q: taken for %+v", text, q)
		} else if !strings.Contains(err.Error(), "malformed ") {
			t.Errorf("%q: %v", text, err)
		}
	}
	if _, err := ByDev(""); err == nil {
		t.Error("an empty name")
	}
}

// message builds netlink messages.
type message []byte

func (m *message) attr(kind int, value ...byte) *message {
	*m = native.AppendUint16(*m, uint16(4+len(value)))
	*m = native.AppendUint16(*m, uint16(kind))
	*m = append(*m, value...)
	for len(*m)%4 != 0 {
		*m = append(*m, 0)
	}
	return m
}

func linkMessage() *message {
	m := message(make([]byte, unix.SizeofIfInfomsg))
	native.PutUint32(m[4:], 7)
	native.PutUint32(m[8:], unix.IFF_UP)
	kind := (&message{}).attr(unix.IFLA_INFO_KIND, []byte("veth\x00")...)
	alt := (&message{}).attr(unix.IFLA_ALT_IFNAME, []byte("alt\x00")...)
	return m.attr(unix.IFLA_IFNAME, []byte("eth0\x00")...).attr(unix.IFLA_ADDRESS, 2, 0, 0, 0, 0, 1).
		attr(unix.IFLA_LINK, native.AppendUint32(nil, 9)...).attr(unix.IFLA_LINK_NETNSID, native.AppendUint32(nil, 3)...).
		attr(unix.IFLA_LINKINFO, *kind...).attr(unix.IFLA_PROP_LIST|unix.NLA_F_NESTED, *alt...)
}

func addressMessage(family, bits byte, attrs func(*message)) []byte {
	m := message{family, bits, 0, 0}
	m = native.AppendUint32(m, 7)
	attrs(&m)
	return m
}

func TestParse(t *testing.T) {
	l, e, err := parseLink(*linkMessage())
	want := ns.Link{Name: "eth0", AltNames: []string{"alt"}, Index: 7, Kind: "veth", MAC: net.HardwareAddr{2, 0, 0, 0, 0, 1}, Up: true}
	if err != nil || !reflect.DeepEqual(l, want) || e != (end{7, 9, 3, "veth"}) {
		t.Errorf("link %+v, end %+v, %v", l, e, err)
	}
	for text, m := range map[string][]byte{
		"10.0.0.7/24": addressMessage(unix.AF_INET, 24, func(m *message) { m.attr(unix.IFA_ADDRESS, 10, 0, 0, 7).attr(unix.IFA_LOCAL, 10, 0, 0, 7) }),
		"10.0.0.8/32": addressMessage(unix.AF_INET, 30, func(m *message) { m.attr(unix.IFA_ADDRESS, 10, 0, 0, 9).attr(unix.IFA_LOCAL, 10, 0, 0, 8) }),
		"::1/128":     addressMessage(unix.AF_INET6, 128, func(m *message) { m.attr(unix.IFA_ADDRESS, append(make([]byte, 15), 1)...) }),
	} {
		if a, err := parseAddress(m); err != nil || a.prefix.String() != text || a.index != 7 {
			t.Errorf("address %+v, %v, want %s", a, err, text)
		}
	}
	if a, err := parseAddress(addressMessage(unix.AF_INET, 24, func(*message) {})); err == nil {
		t.Errorf("an address from nothing: %+v", a)
	}
	if a, err := parseAddress(addressMessage(unix.AF_INET, 99, func(m *message) { m.attr(unix.IFA_ADDRESS, 10, 0, 0, 7) })); err == nil {
		t.Errorf("an address of 99 bits: %+v", a)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(*linkMessage()))
	f.Add(addressMessage(unix.AF_INET, 24, func(m *message) { m.attr(unix.IFA_ADDRESS, 10, 0, 0, 7) }))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, m []byte) {
		l, _, err := parseLink(m)
		if err == nil && (strings.ContainsRune(l.Name, 0) || len(l.Name) > len(m)) {
			t.Errorf("name %q", l.Name)
		}
		if a, err := parseAddress(m); err == nil && !a.prefix.IsValid() {
			t.Errorf("address %v", a)
		}
		for _, value := range attributes(m, 4) {
			if len(value) > len(m) {
				t.Errorf("a value of %d bytes in %d", len(value), len(m))
			}
		}
	})
}
