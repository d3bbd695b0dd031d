// SPDX-License-Identifier: Apache-2.0

package render

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nsinspect/nsinspect/internal/explain"
	"github.com/nsinspect/nsinspect/internal/filter"
	"github.com/nsinspect/nsinspect/internal/wire/wiretest"
	"github.com/nsinspect/nsinspect/pkg/doctor"
	"github.com/nsinspect/nsinspect/pkg/ns"
	"github.com/nsinspect/nsinspect/pkg/owner"
	"github.com/nsinspect/nsinspect/pkg/snapshot"
)

// fileAt returns a snapshot with the namespace of the host and some others.
func fileAt(at time.Time, all ...ns.Namespace) *snapshot.File {
	host := ns.Namespace{Type: ns.Net, Inode: 4026531833, Initial: true, Links: []ns.Link{}, OwnerUID: -1}
	s := &ns.Snapshot{
		Taken: at, Engine: "bpf", Root: "/", Machine: ns.Machine{Host: "node1", MachineID: "m1", BootID: "b1"}, MountNS: 90,
		Sources: []string{"process", "thread", "fd", "socket", "mmap", "inflight", "kernel", "mount", "child", "name"},
		Types:   []ns.Type{ns.Net}, NamesDirs: []string{"/run/netns"}, MountsAll: true, LoneMounts: true,
		Namespaces: append([]ns.Namespace{host}, all...),
	}
	s.Initial[ns.Net] = host.Inode
	s.Sort()
	owners := owner.Recorded(nil, nil)
	for i := range s.Namespaces {
		if n := &s.Namespaces[i]; n.Inode%2 == 0 {
			owners.AddNamespace(n, &owner.Owner{Runtime: "docker", Name: fmt.Sprint("c", n.Inode), Authority: ns.RootAuthority})
		}
	}
	return &snapshot.File{Snapshot: s, Report: &doctor.Report{Snapshot: s}, Owners: owners}
}

func named(inode uint64, name string, links ...ns.Link) ns.Namespace {
	path := "/run/netns/" + name
	return ns.Namespace{
		Type: ns.Net, Inode: inode, Cookie: inode, OwnerUID: 0, Links: append([]ns.Link{}, links...),
		Names:   []ns.Name{{Name: name, Path: path, Kind: ns.NameMount, Authority: ns.RootAuthority}},
		Holders: []ns.Holder{{Kind: ns.KindMount, Path: path, MountNS: 90, FD: -1}},
	}
}

func ether(name string, index int, addrs ...string) ns.Link {
	l := ns.Link{Name: name, Index: index, Kind: "veth", Up: true, MAC: net.HardwareAddr{2, 0, 0, 0, 0, byte(index)}}
	for _, a := range addrs {
		l.Addrs = append(l.Addrs, netip.MustParsePrefix(a))
	}
	return l
}

var noonUTC = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// everything is a diff with every kind of change.
func everything() *snapshot.Diff {
	old := fileAt(noonUTC,
		named(1, "gone", ether("eth9", 9, "10.9.0.1/24")), named(3, "blue", ether("eth0", 2, "10.0.0.1/24", "10.0.0.3/24"), ether("eth1", 3)),
		named(5, "same"), named(7, "source", ether("wan0", 4, "192.0.2.1/24")))
	now := fileAt(noonUTC.Add(time.Hour),
		named(3, "red", ether("eth0", 2, "10.0.0.2/24", "10.0.0.3/24"), ether("wan0", 4, "192.0.2.1/24")),
		named(5, "same"), named(7, "source"), named(8, "new", ether("eth0", 2, "10.9.0.1/24")))
	blue, red := &old.Snapshot.Namespaces[1], &now.Snapshot.Namespaces[0]
	red.Links[0].Up = false
	nginx := &ns.Process{PID: 7, Comm: "nginx", Cmdline: []string{"nginx", "-g"}, UID: -1}
	blue.Holders = append([]ns.Holder{{Kind: ns.KindFD, PID: 7, FD: 3, Born: 1, Process: nginx}}, blue.Holders...)
	red.Holders = append(red.Holders, ns.Holder{Kind: ns.KindSocket, PID: 9, FD: 4, Socket: ns.NewSocket(ns.SocketWords{Family: "inet", Type: "stream"}), Born: 1})
	old.Owners.AddNamespace(&ns.Namespace{Inode: 3}, &owner.Owner{Runtime: "docker", Name: "web", Authority: ns.RootAuthority})
	finding := func(f *snapshot.File, check string, n *ns.Namespace, severity doctor.Severity) {
		f.Report.Findings = append(f.Report.Findings, doctor.Finding{ID: check + n.String(), Check: check, Severity: severity, Subject: n.String(), Namespace: n, Authority: ns.RootAuthority, Text: explain.Text{Summary: "it is empty"}})
	}
	finding(old, "split-thread", blue, doctor.Critical)
	finding(old, "limits", blue, doctor.Warning)
	finding(now, "limits", red, doctor.Critical)
	finding(now, "no-process", red, doctor.Warning)
	now.Snapshot.Dangling = []ns.DanglingName{{Path: "/run/netns/left", Kind: ns.NameFile, Reason: "a plain file", Authority: ns.RootAuthority}}
	return snapshot.Compare(old, now, snapshot.Options{})
}

func tableOf(t *testing.T, d *snapshot.Diff, style Style) string {
	t.Helper()
	var out bytes.Buffer
	if err := Diff(&out, d, DiffNames{Old: "old.json.gz"}, Table, style); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestDiffTable(t *testing.T) {
	_, got, _ := strings.Cut(tableOf(t, everything(), Style{}), "\n+++ ") // the times are of this time zone
	_, got, _ = strings.Cut(got, "\n")
	want := `- net:[1] (gone): 1 mount; eth9 10.9.0.1/24
  - address 10.9.0.1/24 of eth9, moved to net:[8] (new)
~ net:[3] (red)
  - name /run/netns/blue
  + name /run/netns/red
  - owner docker container web
  ~ fds 1 -> 0
    - fd 3 pid 7 (nginx -g)
  ~ mounts: 1 lost, 1 gained
    - mount /run/netns/blue
    + mount /run/netns/red
  ~ sockets 0 -> 1
    + socket 4 pid 9, inet stream
  ~ link eth0: state up -> down
  - address 10.0.0.1/24 of eth0
  + address 10.0.0.2/24 of eth0
  - link eth1 (veth)
  + link wan0 (veth) 192.0.2.1/24, moved from net:[7] (source)
~ net:[7] (source)
  - link wan0 (veth) 192.0.2.1/24, moved to net:[3] (red)
+ net:[8] (new), docker:c8: 1 mount; eth0 10.9.0.1/24
  + address 10.9.0.1/24 of eth0, moved from net:[1] (gone)
~ critical: limits: net:[3], was warning
+ warning: no-process: net:[3]: it is empty
- critical: split-thread: net:[3]
+ /run/netns/left is not a namespace: it is a plain file
1 created, 1 freed, 2 changed, 1 finding new, 1 finding gone, 1 finding changed, 1 dangling name changed
`
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestDiffPeer shows where the other end of a pair was and is.
func TestDiffPeer(t *testing.T) {
	at := func(inode uint64) *snapshot.File {
		l := ether("eth0", 2)
		l.Peer = &ns.Peer{Index: 9, Inode: inode, Name: "v\x1b"}
		return fileAt(noonUTC, named(3, "blue", l), named(6, "red"))
	}
	got := tableOf(t, snapshot.Compare(at(4026531833), at(6), snapshot.Options{}), Style{})
	want := "  ~ link eth0: peer \"v\\x1b\" in net:[4026531833] (host) -> \"v\\x1b\" in net:[6] (red), docker:c6\n"
	if !strings.Contains(got, want) {
		t.Errorf("no %q in:\n%s", want, got)
	}
}

func TestDiffJSON(t *testing.T) {
	for _, d := range []*snapshot.Diff{everything(), snapshot.Compare(fileAt(noonUTC), fileAt(noonUTC), snapshot.Options{})} {
		var out bytes.Buffer
		if err := Diff(&out, d, DiffNames{}, JSON, Style{}); err != nil {
			t.Fatal(err)
		}
		if err := wiretest.Validate(out.Bytes()); err != nil {
			t.Errorf("%v in:\n%s", err, out.String())
		}
		if d.Same() != strings.Contains(out.String(), `"same": true`) {
			t.Errorf("Same() is %v of:\n%s", d.Same(), out.String())
		}
	}
	if out := tableOf(t, snapshot.Compare(fileAt(noonUTC), fileAt(noonUTC), snapshot.Options{}), Style{}); out != "" {
		t.Errorf("nothing is different, and printed is %q", out)
	}
}

// TestDiffAcross reports in the first lines that only names and owners connect the two.
func TestDiffAcross(t *testing.T) {
	old, now := fileAt(noonUTC, named(3, "blue"), ns.Namespace{Type: ns.Net, Inode: 9}), fileAt(noonUTC, named(5, "blue"))
	now.Snapshot.Machine.BootID = "b2"
	got := tableOf(t, snapshot.Compare(old, now, snapshot.Options{}), Style{})
	for _, want := range []string{
		"--- old.json.gz  2026-", "+++ the running machine  2026-",
		"! the machine was booted between the two: namespaces are compared by name and owner alone\n",
		"! without a name or an owner, and not compared: 1 before, 0 now\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in:\n%s", want, got)
		}
	}
	if n := strings.Count(got, "\n"); n != 4 {
		t.Errorf("%d lines:\n%s", n, got)
	}
}

// TestDiffIsSafe escapes what strangers chose, and bounds the lines; on a terminal the
// number of them, too.
func TestDiffIsSafe(t *testing.T) {
	evil := "x\x1b[31m\u202e" + strings.Repeat("y", 5000)
	var some []ns.Link
	for i := range 50 {
		some = append(some, ether(fmt.Sprint("eth", i), i+1))
	}
	now := fileAt(noonUTC.Add(time.Hour), named(3, evil, append(some, ether(evil, 99))...))
	d := snapshot.Compare(fileAt(noonUTC, named(3, "blue")), now, snapshot.Options{})
	for style, most := range map[Style]int{{}: 80, {Width: 80}: 25} {
		out := tableOf(t, d, style)
		for line := range strings.Lines(out) {
			if strings.ContainsAny(line, "\x1b\u202e") || len(line) > 2000 {
				t.Errorf("%d bytes: %.200q", len(line), line)
			}
		}
		if n := strings.Count(out, "\n"); n > most || style.Width == 0 && n < 50 {
			t.Errorf("%d lines with %+v", n, style)
		}
	}
}

func TestDiffFilter(t *testing.T) {
	for src, want := range map[string]string{
		"change == created":                     "+ net:[8]",
		"change == moved and names == gone":     "- net:[1]",
		"change == renamed":                     "~ net:[3]",
		"change == finding and change != freed": "~ critical|+ warning|- critical",
		"change == dangling":                    "+ /run/netns/left",
		"names == nosuch":                       "",
		"owner.name == c8":                      "+ net:[8]",
	} {
		by, bad := filter.Parse(src, DiffFields())
		if bad != nil {
			t.Fatal(bad)
		}
		d := FilterDiff(everything(), by)
		var got []string
		for line := range strings.Lines(tableOf(t, d, Style{})) {
			if words := strings.FieldsFunc(line, func(r rune) bool { return r == ' ' || r == ':' && strings.Contains(line, "critical") || r == '\n' }); strings.IndexByte("+-~", line[0]) >= 0 && len(words[0]) == 1 {
				got = append(got, words[0]+" "+strings.TrimSuffix(words[1], ":"))
			}
		}
		if strings.Join(got, "|") != want || d.Same() != (want == "") || d.Unfit == 0 {
			t.Errorf("%s: %q, %d left out, want %q", src, got, d.Unfit, want)
		}
	}
}

func TestUnreadNotes(t *testing.T) {
	d := &snapshot.Diff{Unread: []snapshot.Unread{
		{What: "sockets", Old: true}, {What: "links", Old: true, Count: 1200}, {What: "owners", New: true}, {What: "findings of doctor", Old: true, New: true},
	}}
	want := []string{
		"not compared, as OLD does not have it: sockets, links (1,200)", "not compared, as NEW does not have it: owners",
		"not compared, as neither has it: findings of doctor",
	}
	if diff := cmp.Diff(want, UnreadNotes(d)); diff != "" {
		t.Error(diff)
	}
}

func TestLeaksTable(t *testing.T) {
	grew := func(n int) snapshot.Growth {
		return snapshot.Growth{Before: fmt.Sprintf("h/%d.json.gz", n), After: fmt.Sprintf("h/%d.json.gz", n+1), Taken: noonUTC, Count: n}
	}
	l := snapshot.Leak{
		Group: snapshot.Group{Type: ns.Net, Runtime: "cni", Names: "cni-*", Creator: 0}, Count: 1168, Grown: 1167, FirstSeen: noonUTC, PerHour: 7,
		First: grew(1), Last: grew(2), Oldest: snapshot.Member{Inode: 3, Cookie: 4, Name: "cni-1\x1b"}, Newest: snapshot.Member{Inode: 5},
	}
	all := []snapshot.Series{
		{Machine: ns.Machine{Host: "node1", BootID: "b"}, Snapshots: 168, First: noonUTC, Last: noonUTC, Leaks: []snapshot.Leak{l}},
		{Machine: ns.Machine{Host: "node2"}, Snapshots: 2, First: noonUTC, Last: noonUTC},
	}
	skipped := []Skipped{{"h/README\x1b", errors.New("no snapshot")}}
	var out, doc bytes.Buffer
	if err := errors.Join(Leaks(&out, all, skipped, Table, Style{}), Leaks(&doc, all, skipped, JSON, Style{})); err != nil {
		t.Fatal(err)
	}
	if err := wiretest.Validate(doc.Bytes()); err != nil {
		t.Errorf("%v in:\n%s", err, doc.String())
	}
	for _, want := range []string{
		"node1: 168 snapshots from 2026-03-01", "TYPE  OWNER  NAMES  MADE-BY  COUNT  GROWN  PER-HOUR  FIRST-SEEN\nnet   cni    cni-*  root     1,168  1,167      7.00  2026-03-01",
		"  oldest net:[3] (\"cni-1\\x1b\"), newest net:[5]\n  grew first by 1 between h/1.json.gz and h/2.json.gz\n  grew last  by 2 between h/2.json.gz and h/3.json.gz\n",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in:\n%s", want, out.String())
		}
	}
	if strings.Contains(out.String(), "node2") {
		t.Errorf("a series without leaks is in:\n%s", out.String())
	}
	notes := []string{`skipped "h/README\x1b": no snapshot`, "node2: too few snapshots of the boot at hand to show a leak: 2, of at least 4"}
	if diff := cmp.Diff(notes, LeakNotes(all, skipped, false)); diff != "" {
		t.Error(diff)
	}
}

func BenchmarkDiff(b *testing.B) {
	var before, after []ns.Namespace
	for i := range uint64(4000) {
		before, after = append(before, named(3+2*i, "blue")), append(after, named(100003+2*i, "red", ether("eth0", 2, "10.0.0.1/24")))
	}
	d := snapshot.Compare(fileAt(noonUTC, before...), fileAt(noonUTC.Add(time.Hour), after...), snapshot.Options{})
	for _, f := range []Format{Table, JSON, YAML} {
		b.Run(string(f), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := Diff(io.Discard, d, DiffNames{}, f, Style{}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
