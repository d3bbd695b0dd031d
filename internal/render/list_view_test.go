// SPDX-License-Identifier: Apache-2.0

package render

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/nsinspect/nsinspect/internal/filter"
	"github.com/nsinspect/nsinspect/pkg/ns"
)

// many returns a snapshot of n network namespaces, each with a name and a process.
func many(n int) *ns.Snapshot {
	s := &ns.Snapshot{Taken: time.Unix(1_700_000_000, 0), Root: "/", Types: []ns.Type{ns.Net}}
	for i := range n {
		name := fmt.Sprintf("cni-%d", i)
		p := &ns.Process{PID: ns.TaskID(i + 1), Comm: "pause", Cmdline: []string{"/pause"}}
		s.Namespaces = append(s.Namespaces, ns.Namespace{
			Type: ns.Net, Inode: uint64(4026532000 + i), OwnerUID: -1, Leader: p, Age: ns.Age{Since: s.Taken.Add(-time.Duration(i) * time.Second), From: "name"},
			Names:   []ns.Name{{Name: name, Path: "/run/netns/" + name, Kind: ns.NameMount, Authority: ns.RootAuthority}},
			Holders: []ns.Holder{{Kind: ns.KindProcess, PID: p.PID, Process: p}},
		})
	}
	return s
}

// TestEveryField has every field have a value of its kind, or none, of every namespace, and
// every column a cell, by which the output can be sorted.
func TestEveryField(t *testing.T) {
	s := hostile("y")
	for _, f := range ListFields() {
		for i := range s.Namespaces {
			r := listRow{Namespace: &s.Namespaces[i], snap: s, owner: hostileOwner("y")}
			for _, value := range []filter.Value{fieldsByName.get()[f.Name].value(&r), fieldsByName.get()[f.Name].value(&listRow{Namespace: &ns.Namespace{OwnerUID: -1}, snap: s})} {
				if filter.Compare(&value, &filter.Value{}) != 0 && value.Kind() != f.Kind {
					t.Errorf("%s is %s, want %s", f.Name, value.Kind(), f.Kind)
				}
			}
		}
		order, err := ParseOrder("-" + f.Name)
		if err != nil {
			t.Errorf("sort by %s: %v", f.Name, err)
		}
		v := View{Format: Name, Order: order}
		if got := len(v.rows(s, nil)); got != len(s.Namespaces) {
			t.Errorf("sorted by %s there are %d namespaces of %d", f.Name, got, len(s.Namespaces))
		}
	}
	for i := range listColumns {
		if _, err := ParseColumns(listColumns[i].title, Table, 1); err != nil {
			t.Error(err)
		}
		if c := &listColumns[i]; c.help == "" || c.cell == nil || c.value == nil || strings.ToUpper(c.title) != c.title {
			t.Errorf("column %s has not everything", c.title)
		}
	}
}

// TestViewReads has only be read what is shown or asked about: links cost a look into each
// namespace.
func TestViewReads(t *testing.T) {
	for _, c := range []struct {
		format         Format
		columns, order string
		details, links bool
	}{
		{Table, "", "", false, false},
		{Table, "", "age", true, false},
		{Table, "", "links.mac", true, true},
		{Table, "+ADDRS", "", true, true},
		{Wide, "", "", true, true},
		{Wide, "-LINKS", "", true, false},
		{CSV, "INODE,AGE", "", true, false},
		{CSV, "INODE,LINKS", "", true, true},
		{JSON, "", "", true, true},
		{Name, "", "", false, false},
	} {
		v := View{Format: c.format}
		var err error
		if c.columns != "" {
			if v.Columns, err = ParseColumns(c.columns, c.format, 1); err != nil {
				t.Fatal(err)
			}
		}
		if c.order != "" {
			if v.Order, err = ParseOrder(c.order); err != nil {
				t.Fatal(err)
			}
		}
		if v.Details() != c.details || v.Links() != c.links {
			t.Errorf("-o %s --columns %q --sort %q: details %v, links %v", c.format, c.columns, c.order, v.Details(), v.Links())
		}
	}
}

// TestUserWordInFilter has the words of a user, other than root, not be taken for those of
// root by a filter.
func TestUserWordInFilter(t *testing.T) {
	s := many(1)
	n := &s.Namespaces[0]
	n.Names[0].Name, n.Names[0].Authority = "blue", ns.UserAuthority(1000)
	for src, want := range map[string]int{`names == blue`: 0, `names == "user:1000/blue"`: 1} {
		f, bad := filter.Parse(src, ListFields())
		if bad != nil {
			t.Fatal(bad)
		}
		if got := len((View{Format: Name, Filter: f}).rows(s, nil)); got != want {
			t.Errorf("%s fits %d, want %d", src, got, want)
		}
	}
}

func BenchmarkFilterAndSort(b *testing.B) {
	s := many(8000)
	f, bad := filter.Parse(`procs >= 1 and names =~ "cni-.*7" and not age < 1h`, ListFields())
	if bad != nil {
		b.Fatal(bad)
	}
	order, err := ParseOrder("-age,names")
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		(View{Format: Table, Filter: f, Order: order}).rows(s, nil)
	}
}

func BenchmarkSort(b *testing.B) {
	s := many(8000)
	order, err := ParseOrder("-procs,names")
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		(View{Format: Table, Order: order}).rows(s, nil)
	}
}

// What is left of a format's columns may be empty, of some namespaces or of none.
func TestNothingInColumns(t *testing.T) {
	for titles, f := range map[string]Format{
		"-INODE,-NAMES,-PROCS,-KEPT-BY,-PID,-COMMAND":                                                    Table,
		"-TYPE,-INODE,-NAMES,-PROCS,-THREADS,-KEPT-BY,-LINKS,-AGE,-MADE-BY,-USER,-STARTED,-PID,-COMMAND": Wide,
	} {
		for _, n := range []int{0, 2} {
			v := View{Format: f}
			var err error
			if v.Columns, err = ParseColumns(titles, f, 1); err != nil {
				t.Fatal(err)
			}
			var out strings.Builder
			if err := List(&out, many(n), nil, v, Style{}, false); err != nil {
				t.Fatal(err)
			}
			if lines := strings.Count(out.String(), "\n"); lines != 1+n {
				t.Errorf("%s of %d namespaces: %q, want %d lines", titles, n, &out, 1+n)
			}
		}
	}
}
