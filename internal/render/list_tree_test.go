// SPDX-License-Identifier: Apache-2.0

package render

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nsinspect/nsinspect/internal/filter"
	"github.com/nsinspect/nsinspect/internal/wire"
	"github.com/nsinspect/nsinspect/internal/wire/wiretest"
	"github.com/nsinspect/nsinspect/pkg/ns"
)

// family returns the namespaces of a host on which user namespace 20 is below the initial
// one, 10, and owns 21 and 30; 30 owns 31. PID namespace 41 is below 40, and 30 owns it.
func family() *ns.Snapshot {
	s := &ns.Snapshot{Root: "/", Engine: "proc", Sources: []string{}, Types: ns.Types(), Initial: [ns.NumTypes]uint64{ns.User: 10, ns.Net: 11, ns.PID: 40}}
	add := func(t ns.Type, inode, owner, parent uint64) {
		s.Namespaces = append(s.Namespaces, ns.Namespace{Type: t, Inode: inode, UserNS: owner, Parent: parent, OwnerUID: -1, Initial: s.Initial[t] == inode})
	}
	add(ns.User, 10, 0, 0)
	add(ns.Net, 11, 10, 0)
	add(ns.User, 20, 10, 10)
	add(ns.Net, 21, 20, 0)
	add(ns.User, 30, 20, 20)
	add(ns.Net, 31, 30, 0)
	add(ns.PID, 40, 10, 0)
	add(ns.PID, 41, 30, 40)
	add(ns.Net, 51, 50, 0) // of a user namespace that is not there
	s.Sort()
	return s
}

func treeOf(t *testing.T, v View, s *ns.Snapshot, style Style) string {
	t.Helper()
	var err error
	if v.Columns == nil {
		if v.Columns, err = ParseColumns("INODE,TYPE", Table, 2); err != nil {
			t.Fatal(err)
		}
	}
	v.Format, style.NoHeaders = Table, true
	return "\n" + strings.Join(foldedList(t, s, v, style), "\n") + "\n"
}

func TestTree(t *testing.T) {
	inner, bad := filter.Parse("inode == 31", ListFields())
	if bad != nil {
		t.Fatal(bad)
	}
	backwards, err := ParseOrder("-inode")
	if err != nil {
		t.Fatal(err)
	}
	s := family()
	for _, c := range []struct {
		what, want string
		view       View
		style      Style
	}{
		{"owners", `
51        net
10        user
├─11      net
├─20      user
│ ├─21    net
│ └─30    user
│   ├─31  net
│   └─41  pid
└─40      pid
`, View{Tree: OwnerTree, Types: ns.Types()}, Style{}},
		{"owners in ASCII, from the greatest on", "\n" +
			"51        net\n" +
			"10        user\n" +
			"|-40      pid\n" +
			"|-20      user\n" +
			"| |-30    user\n" +
			"| | |-41  pid\n" +
			"| | `-31  net\n" +
			"| `-21    net\n" +
			"`-11      net\n",
			View{Tree: OwnerTree, Types: ns.Types(), Order: backwards}, Style{ASCII: true}},
		{"parents", `
10      user
└─20    user
  └─30  user
40      pid
└─41    pid
`, View{Tree: ParentTree, Types: []ns.Type{ns.User, ns.PID}}, Style{}},
		{"one, with what is above it", `
10        user
└─20      user
  └─30    user
    └─31  net
`, View{Tree: OwnerTree, Types: ns.Types(), Filter: inner}, Style{}},
		{"one type, with what is above", `
10        user
├─20      user
│ └─30    user
│   └─41  pid
└─40      pid
`, View{Tree: OwnerTree, Types: []ns.Type{ns.PID}}, Style{}},
		{"a reference, with what is above and below", `
10        user
└─20      user
  └─30    user
    ├─31  net
    └─41  pid
`, View{Tree: OwnerTree, Types: ns.Types(), Only: []*ns.Namespace{s.Find(30)}}, Style{}},
	} {
		if diff := cmp.Diff(c.want, treeOf(t, c.view, s, c.style)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.what, diff)
		}
	}
}

// TestTreeColumns has the tree be drawn in the inode's column, or the first.
func TestTreeColumns(t *testing.T) {
	s := family()
	view := View{Tree: ParentTree, Types: []ns.Type{ns.PID}}
	for titles, want := range map[string]string{
		"TYPE,PROCS":                     "\npid    0\n└─pid  0\n",
		"TYPE,INODE":                     "\npid  40\npid  └─41\n",
		"+USERNS,-PROCS,-COMMAND,-NAMES": "\n40    pid  -  -  10\n└─41  pid  -  -  30\n",
	} {
		var err error
		if view.Columns, err = ParseColumns(titles, Table, 2); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, treeOf(t, view, s, Style{})); diff != "" {
			t.Errorf("with %s (-want +got):\n%s", titles, diff)
		}
	}
}

// TestTreeCircle lists namespaces that were read as being below each other.
func TestTreeCircle(t *testing.T) {
	s := family()
	s.Find(10).UserNS = 30
	got := treeOf(t, View{Tree: OwnerTree, Types: ns.Types()}, s, Style{})
	if strings.Count(got, "\n") != len(s.Namespaces)+1 {
		t.Errorf("not every namespace once:%s", got)
	}
	s.Find(40).Parent = 40
	got = treeOf(t, View{Tree: ParentTree, Types: []ns.Type{ns.PID}, Only: []*ns.Namespace{s.Find(41)}}, s, Style{})
	if strings.Count(got, "\n") != 3 {
		t.Errorf("not both PID namespaces:%s", got)
	}
}

// TestTreeFold folds those that are equal and below the same namespace.
func TestTreeFold(t *testing.T) {
	s := unused(50)
	s.Types = []ns.Type{ns.Net, ns.User}
	for i := range s.Namespaces {
		s.Namespaces[i].UserNS = uint64(1 + i%2)
	}
	s.Namespaces = append(s.Namespaces, ns.Namespace{Type: ns.User, Inode: 1, OwnerUID: -1, Initial: true}, ns.Namespace{Type: ns.User, Inode: 2, UserNS: 1, OwnerUID: -1})
	got := treeOf(t, View{Tree: OwnerTree, Types: ns.Types()}, s, screen)
	want := `
1               user
├─4026532000    net
├─4026532002    net
├─4026532004    net
├─… 22 more like it: net, cni-*, only lo, 1 mount each (--all lists them)
└─2             user
  ├─4026532001  net
  ├─4026532003  net
  ├─4026532005  net
  └─… 22 more like it: net, cni-*, only lo, 1 mount each
`
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// TestTreeJSON has the edges of the tree in JSON.
func TestTreeJSON(t *testing.T) {
	var out bytes.Buffer
	v := View{Format: JSON, Tree: OwnerTree, Types: []ns.Type{ns.PID}}
	if err := List(&out, family(), nil, v, Style{}, false); err != nil {
		t.Fatal(err)
	}
	if err := wiretest.Validate(out.Bytes()); err != nil {
		t.Error(err)
	}
	var list wire.List
	if err := json.Unmarshal(out.Bytes(), &list); err != nil {
		t.Fatal(err)
	}
	var inodes, context []uint64
	children := map[uint64][]uint64{}
	for _, n := range list.Namespaces {
		inodes = append(inodes, n.Inode)
		children[n.Inode] = n.Children
		if n.Context {
			context = append(context, n.Inode)
		}
	}
	if want := []uint64{10, 20, 30, 41, 40}; !slices.Equal(inodes, want) || list.Tree != "owner" {
		t.Errorf("tree of %q: %v, want %v", list.Tree, inodes, want)
	}
	if want := []uint64{10, 20, 30}; !slices.Equal(context, want) {
		t.Errorf("context: %v, want %v", context, want)
	}
	want := map[uint64][]uint64{10: {20, 40}, 20: {30}, 30: {41}, 40: nil, 41: nil}
	if diff := cmp.Diff(want, children); diff != "" {
		t.Error(diff)
	}
}
