// SPDX-License-Identifier: Apache-2.0

package render

import (
	"bytes"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nsinspect/nsinspect/pkg/ns"
)

// unused returns n network namespaces like those that a broken CNI plugin leaves: each has
// a name and a mount, and only lo.
func unused(n int) *ns.Snapshot {
	s := many(n)
	for i := range s.Namespaces {
		m := &s.Namespaces[i]
		m.Leader, m.Holders = nil, []ns.Holder{{Kind: ns.KindMount, Path: m.Names[0].Path, MountNS: 1, Authority: ns.RootAuthority}}
		m.Links = []ns.Link{{Name: "lo", Kind: "loopback", Index: 1}}
	}
	return s
}

func foldedList(t testing.TB, s *ns.Snapshot, v View, style Style) []string {
	t.Helper()
	var out bytes.Buffer
	if err := List(&out, s, nil, v, style, false); err != nil {
		t.Fatal(err)
	}
	return strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
}

var screen = Style{Width: 80, Height: 24}

// TestFoldEqual has 8,000 namespaces fit a screen, with what is unlike them.
func TestFoldEqual(t *testing.T) {
	s := unused(8000)
	s.Namespaces[0].Initial = true
	blue := &s.Namespaces[4711]
	blue.Names[0].Name, blue.Names[0].Path = "blue", "/run/netns/blue"
	want := []string{
		"     INODE  NAMES         PROCS  KEPT-BY  PID  COMMAND",
		"4026532000  (host),cni-0      0  1 mount    -  -",
		"4026532001  cni-1             0  1 mount    -  -",
		"4026532002  cni-2             0  1 mount    -  -",
		"4026532003  cni-3             0  1 mount    -  -",
		"… 7,995 more like it: cni-*, only lo, 1 mount each (--all lists them)",
		"4026536711  blue              0  1 mount    -  -",
	}
	if diff := cmp.Diff(want, foldedList(t, s, View{Format: Table}, screen)); diff != "" {
		t.Error(diff)
	}
	order, err := ParseOrder("-inode")
	if err != nil {
		t.Fatal(err)
	}
	sorted := foldedList(t, s, View{Format: Table, Order: order}, Style{Width: 80, Height: 24, ASCII: true, NoHeaders: true})
	want = []string{
		"4026539999  cni-7999      0  1 mount  -  -",
		"4026539998  cni-7998      0  1 mount  -  -",
		"4026539997  cni-7997      0  1 mount  -  -",
		"... 7,995 more like it: cni-*, only lo, 1 mount each (--all lists them)",
		"4026536711  blue          0  1 mount  -  -",
		"4026532000  (host),cni-0  0  1 mount  -  -",
	}
	if diff := cmp.Diff(want, sorted); diff != "" {
		t.Error(diff)
	}
}

// TestFoldNot has nothing folded where the output is no longer than a screen, or not for
// people at one.
func TestFoldNot(t *testing.T) {
	s := unused(30)
	only := []*ns.Namespace{}
	for i := range s.Namespaces {
		only = append(only, &s.Namespaces[i])
	}
	for what, c := range map[string]struct {
		view  View
		style Style
	}{
		"a pipe":       {View{Format: Table}, Style{}},
		"--all":        {View{Format: Table, All: true}, screen},
		"references":   {View{Format: Table, Only: only}, screen},
		"a big screen": {View{Format: Table}, Style{Width: 80, Height: 32}},
		"names":        {View{Format: Name}, screen},
		"CSV":          {View{Format: CSV}, screen},
		"JSON":         {View{Format: JSON}, screen},
		"YAML":         {View{Format: YAML}, screen},
	} {
		out := strings.Join(foldedList(t, s, c.view, c.style), "\n")
		if got := strings.Count(out, "40265320"); got != len(s.Namespaces) || strings.Contains(out, "more like it") {
			t.Errorf("for %s %d of %d namespaces are listed", what, got, len(s.Namespaces))
		}
	}
	if got := len(foldedList(t, s, View{Format: Table}, Style{Width: 80, Height: 31})); got != 5 {
		t.Errorf("on a screen that is a line too small there are %d lines, want 5", got)
	}
}

// TestFoldDiffers has no namespace in a group of others that it differs from in one thing.
func TestFoldDiffers(t *testing.T) {
	for what, change := range map[string]func(*ns.Namespace){
		"another type":             func(n *ns.Namespace) { n.Type = ns.UTS },
		"another user namespace":   func(n *ns.Namespace) { n.UserNS = 4026533333 },
		"another maker":            func(n *ns.Namespace) { n.OwnerUID = 1000 },
		"a thread":                 func(n *ns.Namespace) { n.Threads = 1 },
		"no name":                  func(n *ns.Namespace) { n.Names = nil },
		"a name of its own":        func(n *ns.Namespace) { n.Names[0].Name = "blue" },
		"another directory":        func(n *ns.Namespace) { n.Names[0].Path = "/run/docker/netns/cni-3" },
		"a user's name":            func(n *ns.Namespace) { n.Names[0].Authority = ns.UserAuthority(1000) },
		"another kind of name":     func(n *ns.Namespace) { n.Names[0].Kind = ns.NameSymlink },
		"one mount more":           func(n *ns.Namespace) { n.Holders = append(n.Holders, n.Holders[0]) },
		"another kind of holder":   func(n *ns.Namespace) { n.Holders[0].Kind = ns.KindFD },
		"another mount namespace":  func(n *ns.Namespace) { n.Holders[0].MountNS = 2 },
		"a user's mount":           func(n *ns.Namespace) { n.Holders[0].Authority = ns.UserAuthority(1000) },
		"a covered mount":          func(n *ns.Namespace) { n.Holders[0].Covered = true },
		"a detached mount":         func(n *ns.Namespace) { n.Holders[0].Via = ns.ViaDetached },
		"a process":                func(n *ns.Namespace) { n.Leader = &ns.Process{PID: 7, Comm: "x", UID: -1} },
		"one link more":            func(n *ns.Namespace) { n.Links = append(n.Links, ns.Link{Name: "eth0", Kind: "veth"}) },
		"another link":             func(n *ns.Namespace) { n.Links[0].Name = "dummy0" },
		"a link that is up":        func(n *ns.Namespace) { n.Links[0].Up = true },
		"an address":               func(n *ns.Namespace) { n.Links[0].Addrs = []netip.Prefix{netip.MustParsePrefix("10.0.0.7/24")} },
		"links that were not read": func(n *ns.Namespace) { n.Links = nil },
		"an unknown age":           func(n *ns.Namespace) { n.Age = ns.Age{} },
		"unexplained references":   func(n *ns.Namespace) { n.Holders[0] = ns.Holder{Kind: ns.KindKernel, Refs: 2} },
		"an unread count":          func(n *ns.Namespace) { n.References = &ns.References{Total: 1, Explained: 1} },
	} {
		s := unused(50)
		change(&s.Namespaces[30])
		out := strings.Join(foldedList(t, s, View{Format: Table}, screen), "\n")
		if !strings.Contains(out, "4026532030") || !strings.Contains(out, "… 46 more like it") {
			t.Errorf("with %s it is not listed for itself:\n%s", what, out)
		}
	}
	s := unused(50)
	if out := strings.Join(foldedList(t, s, View{Format: Table}, screen), "\n"); !strings.Contains(out, "… 47 more like it") {
		t.Errorf("with nothing else it is not folded:\n%s", out)
	}
}

// TestFoldOrder has namespaces that differ in what they are sorted by, or in a column that
// was asked for, not be folded.
func TestFoldOrder(t *testing.T) {
	s := unused(50)
	for i := range s.Namespaces {
		s.Namespaces[i].References = &ns.References{Total: 1 + i%2, Explained: 1}
	}
	order, err := ParseOrder("refs")
	if err != nil {
		t.Fatal(err)
	}
	columns, err := ParseColumns("+REFS", Table, 1)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		view View
		want int
	}{
		{View{Format: Table}, 1 + 4}, {View{Format: Table, Order: order}, 1 + 2*4}, {View{Format: Table, Columns: columns}, 1 + 2*4},
	} {
		if got := foldedList(t, s, c.view, screen); len(got) != c.want {
			t.Errorf("%d lines, want %d:\n%s", len(got), c.want, strings.Join(got, "\n"))
		}
	}
}

// TestFoldMany shows fewer of each group where there are too many groups.
func TestFoldMany(t *testing.T) {
	s := unused(100)
	for i := range s.Namespaces {
		s.Namespaces[i].OwnerUID = i % 6
	}
	got := foldedList(t, s, View{Format: Table}, screen)
	if len(got) != 1+6*2 {
		t.Errorf("%d lines:\n%s", len(got), strings.Join(got, "\n"))
	}
}

func BenchmarkFold(b *testing.B) {
	s := unused(8000)
	for b.Loop() {
		v := View{Format: Wide}
		v.folded(v.branches(v.rows(s, nil)), screen)
	}
}
