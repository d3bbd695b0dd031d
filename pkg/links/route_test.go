// SPDX-License-Identifier: Apache-2.0

package links

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/nsinspect/nsinspect/internal/host"
	"github.com/nsinspect/nsinspect/internal/nstest"
	"github.com/nsinspect/nsinspect/internal/text"
	"github.com/nsinspect/nsinspect/pkg/ns"
)

// One address has many forms.
func TestFormsOfAddress(t *testing.T) {
	const link = "fe80::a1"
	snap := &ns.Snapshot{Namespaces: []ns.Namespace{{Inode: 7, Links: []ns.Link{
		{Name: "lo", Index: 1, Addrs: []netip.Prefix{netip.MustParsePrefix("10.0.0.7/24")}},
		{Name: "eth0", Index: 2, AltNames: []string{"enp1s0"}, Addrs: []netip.Prefix{netip.MustParsePrefix(link + "/64"), netip.MustParsePrefix("fd00::b7/64")}},
	}}}}
	for form, fits := range map[string]bool{
		"10.0.0.7": true, "10.0.0.7/24": true, "10.0.0.7/16": true, "::ffff:10.0.0.7": true, "::FFFF:a00:7": true, "[::ffff:10.0.0.7]": true,
		"fd00::b7": true, "FD00::B7": true, "fd00:0:0:0:0:0:0:b7": true, "fd00:0000::00b7": true, "fd00::b7/64": true, "[fd00::b7]": true, "[fd00::b7]/64": true,
		link: true, link + "%eth0": true, link + "%2": true, link + "%enp1s0": true, "[" + link + "%eth0]": true, link + "%eth0/64": true,
		link + "%lo": false, link + "%1": false, "fd00::b8": false, "10.0.0.8": false,
	} {
		q, err := ByIP(form)
		if err != nil {
			t.Errorf("%s: %v", form, err)
			continue
		}
		if _, err := q.Find(snap, text.Title); (err == nil) != fits || q.String() != form {
			t.Errorf("%s: %v, want found: %v", form, err, fits)
		}
	}
}

// What is local by a route alone is found as ip route get has it; a link's own address comes first.
func TestLocalRoutes(t *testing.T) {
	l := newLab(t, "any", "addr", "far")
	v4, v6 := nstest.Addr(0), nstest.Addr6(9)
	for name := range l.ns {
		l.ip("-n @%s link set lo up", name)
	}
	l.ip("-n @any route add local %s/24 dev lo", netip.PrefixFrom(v4, 24).Masked().Addr())
	l.ip("-n @any -6 route add local %s/64 dev lo", netip.PrefixFrom(v6, 64).Masked().Addr())
	l.ip("-n @far route add blackhole %s/24", netip.PrefixFrom(v4, 24).Masked().Addr())
	l.ip("-n @addr address add %s/32 dev lo", v4.Next())
	h, err := host.Open("/")
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	for ip, want := range map[netip.Addr]struct {
		in    string
		route bool
	}{v4: {"any", true}, v6: {"any", true}, v4.Next(): {"addr", false}} {
		snap := l.read(t.Context())
		q, err := ByIP(ip.String())
		if err != nil {
			t.Fatal(err)
		}
		if q, err = q.WithRoutes(t.Context(), h, snap); err != nil {
			t.Fatal(err)
		}
		hit, err := q.Find(snap, text.Title)
		if err != nil {
			t.Errorf("%s: %v", ip, err)
			continue
		}
		if hit.Namespace.Inode != l.ns[want.in].Inode || hit.Route.IsValid() != want.route || hit.Link.Name != "lo" {
			t.Errorf("%s: by %v of %s in %v, want in %s", ip, hit.Route, hit.Link.Name, hit.Namespace, want.in)
		}
		if got := string(l.ip("-n @%s route get %s", want.in, ip)); !strings.HasPrefix(got, "local "+ip.String()+" ") || !strings.Contains(got, " dev lo ") {
			t.Errorf("ip has it as %s", got)
		}
	}
}
