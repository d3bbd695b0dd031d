// SPDX-License-Identifier: Apache-2.0

package links

import (
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/nsinspect/nsinspect/internal/fd/fdtest"
	"github.com/nsinspect/nsinspect/internal/host"
	"github.com/nsinspect/nsinspect/internal/need"
	"github.com/nsinspect/nsinspect/internal/nstest"
	"github.com/nsinspect/nsinspect/pkg/ns"
	"github.com/nsinspect/nsinspect/pkg/scan"
)

func TestMain(m *testing.M) {
	nstest.Main()
	os.Exit(fdtest.Run(m))
}

// lab is a few real namespaces with names in /run/netns.
type lab struct {
	*testing.T
	names *nstest.Names
	ns    map[string]*nstest.Scene
}

func newLab(t *testing.T, names ...string) *lab {
	need.Program(t, "ip")
	l := &lab{t, nstest.NewRunNames(t), map[string]*nstest.Scene{}}
	for _, n := range names {
		l.ns[n] = l.names.Add(n)
	}
	return l
}

// ip runs ip; a word that begins with @ is a namespace of the lab.
func (l *lab) ip(format string, args ...any) []byte {
	l.Helper()
	words := strings.Fields(fmt.Sprintf(format, args...))
	for i, w := range words {
		if name, ok := strings.CutPrefix(w, "@"); ok {
			words[i] = filepath.Base(l.names.Path(name))
		}
	}
	out, err := exec.Command("ip", words...).Output()
	if exit, ok := err.(*exec.ExitError); ok {
		l.Fatalf("ip %s: %v: %s", strings.Join(words, " "), err, exit.Stderr)
	} else if err != nil {
		l.Fatal(err)
	}
	return out
}

// read scans and reads links.
func (l *lab) read(ctx context.Context) *ns.Snapshot {
	l.Helper()
	h, err := host.Open("/")
	if err != nil {
		l.Fatal(err)
	}
	defer h.Close()
	snap, err := scan.Scan(ctx, scan.Options{Host: h, Details: true})
	if err != nil {
		l.Fatal(err)
	}
	if err := Read(ctx, h, snap); err != nil {
		l.Fatal(err)
	}
	return snap
}

func (l *lab) linksOf(snap *ns.Snapshot, name string) []ns.Link {
	l.Helper()
	n := snap.Find(l.ns[name].Inode)
	if n == nil {
		l.Fatalf("%s was not found", name)
	}
	return n.Links
}

func (l *lab) link(snap *ns.Snapshot, name, dev string) ns.Link {
	l.Helper()
	all := l.linksOf(snap, name)
	i := slices.IndexFunc(all, func(x ns.Link) bool { return x.Name == dev })
	if i < 0 {
		l.Fatalf("no %s in %s: %v", dev, name, all)
	}
	return all[i]
}

// oracle is what ip shows of a namespace's links.
func (l *lab) oracle(name string) []ns.Link {
	l.Helper()
	var shown []struct {
		Ifindex  int
		Ifname   string
		Altnames []string
		Flags    []string
		Address  string
		LinkType string `json:"link_type"`
		Linkinfo struct {
			Kind string `json:"info_kind"`
		}
		AddrInfo []struct {
			Local, Address string
			Prefixlen      int
		} `json:"addr_info"`
	}
	if err := json.Unmarshal(l.ip("-d -json -n @%s address", name), &shown); err != nil {
		l.Fatal(err)
	}
	var links []ns.Link
	for _, s := range shown {
		x := ns.Link{
			Name: s.Ifname, AltNames: s.Altnames, Index: s.Ifindex, Kind: s.Linkinfo.Kind, Up: slices.Contains(s.Flags, "UP"),
		}
		switch s.LinkType {
		case "loopback":
			x.Kind = "loopback"
		case "ether":
			for _, b := range strings.Split(s.Address, ":") {
				var v byte
				fmt.Sscanf(b, "%x", &v)
				x.MAC = append(x.MAC, v)
			}
		}
		for _, a := range s.AddrInfo {
			bits := a.Prefixlen
			if a.Address != "" { // the length is that of the other's network
				bits = netip.MustParseAddr(a.Local).BitLen()
			}
			x.Addrs = append(x.Addrs, netip.PrefixFrom(netip.MustParseAddr(a.Local), bits))
		}
		links = append(links, x)
	}
	slices.SortFunc(links, func(a, b ns.Link) int { return a.Index - b.Index })
	return links
}

// Links are what ip shows, of every kind.
func TestAsIP(t *testing.T) {
	l := newLab(t, "a", "b")
	l.ip("-n @a link add ea type veth peer name eb netns @b")
	l.ip("-n @a link property add dev ea altname much-longer-than-fifteen-bytes")
	l.ip("-n @a address add 10.1.2.3/24 dev ea")
	l.ip("-n @a address add 10.1.2.4/16 dev ea")
	l.ip("-n @a address add fd00::7/64 dev ea")
	l.ip("-n @a address add 10.9.0.1 peer 10.9.0.2/30 dev ea")
	l.ip("-n @a link set ea up")
	l.ip("-n @a link set lo up")
	for _, dev := range []string{
		"link add br0 type bridge", "link add dummy0 type dummy", "link add link eb name eb.7 type vlan id 7",
		"link add link eb name mv type macvlan", "tuntap add dev tun0 mode tun", "link add sit1 type sit remote 10.0.0.1 local 10.0.0.2",
	} {
		args := append([]string{"-n", filepath.Base(l.names.Path("b"))}, strings.Fields(dev)...)
		if out, err := exec.Command("ip", args...).CombinedOutput(); err != nil {
			t.Logf("this kernel does not do ip %s: %s", dev, out)
		}
	}
	snap := l.read(t.Context())
	for name := range l.ns {
		got := l.linksOf(snap, name)
		diff := cmp.Diff(l.oracle(name), got, cmpopts.IgnoreFields(ns.Link{}, "Peer"), cmp.Comparer(func(a, b netip.Prefix) bool { return a == b }))
		if diff != "" {
			t.Errorf("links of %s, as ip has them (-) and as they were read (+):\n%s", name, diff)
		}
		if len(got) < 2 {
			t.Errorf("%s has %d links", name, len(got))
		}
	}
}

// The other end of a veth is found wherever it is.
func TestPeers(t *testing.T) {
	l := newLab(t, "a", "b")
	l.ip("-n @a link add ea type veth peer name eb netns @b")
	l.ip("-n @a link add one type veth peer name two")
	l.ip("-n @b tuntap add dev tun0 mode tun")
	snap := l.read(t.Context())
	for _, want := range []struct{ ns, dev, otherNS, other string }{
		{"a", "ea", "b", "eb"}, {"b", "eb", "a", "ea"}, {"a", "one", "a", "two"}, {"a", "two", "a", "one"},
	} {
		peer := l.link(snap, want.ns, want.dev).Peer
		if peer == nil || peer.Inode != l.ns[want.otherNS].Inode || peer.Name != want.other || peer.Index != l.link(snap, want.otherNS, want.other).Index {
			t.Errorf("peer of %s in %s: %+v, want %s in %s (%d)", want.dev, want.ns, peer, want.other, want.otherNS, l.ns[want.otherNS].Inode)
		}
	}
	if peer := l.link(snap, "b", "tun0").Peer; peer != nil {
		t.Errorf("a tun device has a peer: %+v", peer)
	}
}

// Neither end need be in a namespace that has a name or a process.
func TestPeersWithoutNames(t *testing.T) {
	nstest.CheckLeaks(t)
	scene := nstest.Make(t, nstest.Veth)
	l := &lab{T: t, ns: map[string]*nstest.Scene{"near": scene, "far": {Truth: *scene.Peer}}}
	snap := l.read(t.Context())
	near, far := l.link(snap, "near", "nsnear"), l.link(snap, "far", "nsfar")
	if near.Peer == nil || near.Peer.Inode != scene.Peer.Inode || near.Peer.Name != "nsfar" {
		t.Errorf("peer of nsnear: %+v, want nsfar in %d", near.Peer, scene.Peer.Inode)
	}
	if far.Peer == nil || far.Peer.Inode != scene.Inode || far.Peer.Name != "nsnear" {
		t.Errorf("peer of nsfar: %+v, want nsnear in %d", far.Peer, scene.Inode)
	}
}

// Where the links of all namespaces have the same name and index, each pair is
// distinguished from the others all the same, and also where hardware addresses are alike.
func TestManyIdenticalPairs(t *testing.T) {
	const n = 6 // more than are asked for one by one
	var names []string
	for i := range n {
		names = append(names, fmt.Sprintf("p%d", i), fmt.Sprintf("q%d", i))
	}
	l := newLab(t, names...)
	for i := range n {
		address := ""
		if i < 2 {
			address = "address 02:00:00:00:00:01"
		}
		l.ip("-n @p%d link add eth0 %s type veth peer name eth0 %s netns @q%d", i, address, address, i)
	}
	snap := l.read(t.Context())
	for i := range n {
		p, q := fmt.Sprintf("p%d", i), fmt.Sprintf("q%d", i)
		for from, to := range map[string]string{p: q, q: p} {
			if peer := l.link(snap, from, "eth0").Peer; peer == nil || peer.Inode != l.ns[to].Inode {
				t.Errorf("peer of eth0 in %s: %+v, want that in %s, %d", from, peer, to, l.ns[to].Inode)
			}
		}
	}
}

// A name may have whatever bytes the kernel lets through.
func TestHostileNames(t *testing.T) {
	l := newLab(t, "a")
	for _, name := range []string{"\x1b[31mred", "\xff\xfe", "-rf", "a,b", "\u202egnp", "x@if2"} {
		l.ip("-n @a link add name %s type veth peer name other", name)
		if got := l.link(l.read(t.Context()), "a", name).Name; got != name {
			t.Errorf("name %q, want %q", got, name)
		}
		l.ip("-n @a link del dev other")
	}
}

// A namespace that has ended since the scan is no gap, and what has its inode by
// now is not taken for it.
func TestEnded(t *testing.T) {
	l := newLab(t, "a", "b")
	h, err := host.Open("/")
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	snap, err := scan.Scan(t.Context(), scan.Options{Host: h, Details: true})
	if err != nil {
		t.Fatal(err)
	}
	gone, other := snap.Find(l.ns["a"].Inode), snap.Find(l.ns["b"].Inode)
	if gone.Cookie == 0 || other.Cookie == 0 {
		need.Missing(t, "needs cookies: Linux 5.14")
	}
	l.ns["a"].Free()
	other.Cookie-- // as if another one had its inode
	if err := Read(t.Context(), h, snap); err != nil {
		t.Fatal(err)
	}
	if gone.Links != nil || other.Links != nil {
		t.Errorf("links %v and %v of namespaces that are no more", gone.Links, other.Links)
	}
	for _, g := range snap.Gaps {
		if g.Of(Source) && (g.Path == gone.String() && namespaceIDs() || g.Path == other.String() && namespaceIDs()) {
			t.Errorf("a gap of a namespace that has ended: %v", g)
		}
	}
}

// namespaceIDs reports whether the kernel opens namespaces by their cookies, and
// so shows that one has ended: from Linux 6.18 on.
func namespaceIDs() bool {
	var major, minor int
	release, err := os.ReadFile("/proc/sys/kernel/osrelease")
	_, err2 := fmt.Sscanf(string(release), "%d.%d", &major, &minor)
	return err == nil && err2 == nil && (major > 6 || major == 6 && minor >= 18)
}
