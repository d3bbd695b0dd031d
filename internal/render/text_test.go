// SPDX-License-Identifier: Apache-2.0

package render

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"sigs.k8s.io/yaml"

	"github.com/nsinspect/nsinspect/internal/explain"
	"github.com/nsinspect/nsinspect/internal/text"
	"github.com/nsinspect/nsinspect/internal/wire"
	"github.com/nsinspect/nsinspect/pkg/links"
	"github.com/nsinspect/nsinspect/pkg/ns"
	"github.com/nsinspect/nsinspect/pkg/owner"
	"github.com/nsinspect/nsinspect/pkg/trace"
	"github.com/nsinspect/nsinspect/pkg/trace/lifecycle"
)

// hostile returns a snapshot in which a stranger chose every text.
func hostile(s string) *ns.Snapshot {
	snap := sample()
	n := &snap.Namespaces[1]
	n.Names = []ns.Name{{Name: s, Path: "/run/netns/" + s, Kind: ns.NameMount}}
	n.Leader = &ns.Process{PID: 7, Comm: s, Cmdline: []string{s, s}}
	n.Links = []ns.Link{{Name: s, AltNames: []string{s}, Index: 1, Kind: "veth", Peer: &ns.Peer{Index: 2, Inode: n.Inode, Name: s}}}
	n.Holders = []ns.Holder{
		{Kind: ns.KindProcess, PID: 7, Process: n.Leader},
		{Kind: ns.KindTun, PID: 7, FD: 3, Socket: ns.NewSocket(ns.SocketWords{Device: s}), Process: n.Leader},
		{Kind: ns.KindMount, Path: "/run/netns/" + s, MountNS: 1},
	}
	snap.Gaps = []ns.Gap{{Sources: []string{"name"}, Path: "/run/user/" + s, Err: errors.New(s)}}
	snap.Dangling = []ns.DanglingName{{Path: "/run/netns/" + s, Reason: "a symlink to " + s}}
	return snap
}

// allFormats returns everything that a snapshot and a trace are printed as.
func allFormats(t *testing.T, s string) map[string]string {
	t.Helper()
	return formatsOf(t, hostile(s), s)
}

// formatsOf is what every format has of a snapshot as hostile makes it.
func formatsOf(t *testing.T, snap *ns.Snapshot, s string) map[string]string {
	t.Helper()
	out := map[string]string{}
	n := &snap.Namespaces[1]
	for _, f := range []Format{Table, Wide, JSON, YAML, Name} {
		var list, uses, by bytes.Buffer
		hit := links.Hit{Link: &n.Links[0], At: n, Namespace: n}
		if err := errors.Join(List(&list, snap, nil, View{Format: f}, Style{}, false), Uses(&uses, &explain.Adviser{Snapshot: snap}, n, nil, f, Style{}),
			UsesBy(&by, &explain.Adviser{Snapshot: snap}, links.Query{By: "dev"}, hit, nil, f, Style{})); err != nil {
			t.Fatalf("%s of %q: %v", f, s, err)
		}
		out["list "+string(f)], out["who-uses "+string(f)], out["--dev "+string(f)] = list.String(), uses.String(), by.String()
	}
	for _, verbose := range []bool{false, true} {
		out["notes"] += strings.Join(append(GapNotes(snap, nil, verbose), DanglingNotes(snap, verbose)...), "\n")
	}
	for _, f := range []Format{Table, JSON} {
		e := NewEvents(f, Style{}, fakeNames{blue.Inode: {s, "green"}})
		ev := setnsBlue()
		ev.Comm, ev.Via.Path = s, s
		line := e.Append(nil, &Trip{Event: ev, Owner: hostileOwner(s)})
		line = e.Life(line, &lifecycle.Event{Time: time.Unix(1, 0), Kind: lifecycle.Named, Names: []string{s}, By: &trace.Event{PID: 1, TID: 1, Comm: s}})
		out["trace "+string(f)] = string(line)
		out["trace notes"] += strings.Join(e.TraceNotes(TraceStats{Summary: &trace.Summary{Disagreements: []trace.Disagreement{{TID: 1, Comm: s, Found: blue}}}}), "\n")
	}
	out["owner"] = ownerCell(hostileOwner(s), true)
	return out
}

func hostileOwner(s string) *owner.Owner {
	return &owner.Owner{Runtime: "podman", ID: s, Name: s, Pod: "x/" + s, Unit: s, Service: s}
}

// Whatever a stranger called something, no format has a hidden character, no cell is
// longer than may be, and JSON and YAML have the same string.
func FuzzFormats(f *testing.F) {
	f.Add("\x7f\u0085\u009f\ufeff\ufffe\u2028: - #")
	f.Add("\xff\xfe")
	f.Add("a\u202eb\u200bc\ufe0f\u3164\u2800\u034f\U000e0041\U0001f600")
	f.Add("(host)")
	f.Fuzz(func(t *testing.T, s string) {
		checkFormats(t, s[:min(len(s), 512)])
	})
}

// The same of strings that are cut.
func TestLongStrings(t *testing.T) {
	for _, s := range []string{strings.Repeat("x", 70_000), strings.Repeat("網\u3164", 20_000), strings.Repeat("\xff", 70_000)} {
		checkFormats(t, s)
	}
}

func checkFormats(t *testing.T, s string) {
	all := allFormats(t, s)
	for format, out := range all {
		if !utf8.ValidString(out) {
			t.Errorf("%s of %q is not UTF-8: %q", format, s, out)
		}
		for _, r := range out {
			if r != '\n' && text.Hidden(r) {
				t.Errorf("%s of %q has %U: %q", format, s, r, out)
				break
			}
		}
	}
	for _, format := range []string{"list json", "list yaml"} {
		var back wire.List
		parse := json.Unmarshal
		if format == "list yaml" {
			parse = func(text []byte, v any) error { return yaml.Unmarshal(text, v) }
		}
		if err := parse([]byte(all[format]), &back); err != nil {
			t.Fatalf("%s of %q: %v\n%s", format, s, err, all[format])
		}
		roundTrip(t, format, s, &back.Namespaces[1])
	}
}

// roundTrip compares what a parser reads with what was printed.
func roundTrip(t *testing.T, format, s string, back *wire.Namespace) {
	t.Helper()
	name, link := back.Names[0], back.Links[0]
	switch {
	case !utf8.ValidString(s):
		if want := s[:min(len(s), 49_149)]; string(name.NameBase64) != want || string(link.NameBase64) != want || string(link.AltNamesBase64[0]) != want {
			t.Errorf("%s of %q has the bytes %q", format, s, name.NameBase64)
		}
	case len(s) > wire.MaxString:
		start, ok := strings.CutSuffix(name.Name, wire.CutMark)
		if !ok || !strings.HasPrefix(s, start) || len(name.Name) > 64<<10 || len(start) < wire.MaxString-utf8.UTFMax {
			t.Errorf("%s of %d bytes has %d", format, len(s), len(name.Name))
		}
	case name.Name != s || name.NameBase64 != nil || link.AltNames[0] != s:
		t.Errorf("%s of %q comes back as %q", format, s, name.Name)
	}
}

// What looks like a part of the output is quoted.
func TestQuotedNames(t *testing.T) {
	for _, s := range []string{"(host)", "-", "host", "a b", "a,b", "x (uid 1000)", "`id`", `"a"`} {
		all := allFormats(t, s)
		for _, format := range []string{"list table", "list wide", "who-uses table", "--dev table", "trace table", "trace notes", "owner"} {
			if want := text.Name(s); !strings.Contains(all[format], want) && !strings.Contains(all[format], text.Name("/run/netns/"+s)) {
				t.Errorf("%s of %q has no %s:\n%s", format, s, want, all[format])
			}
		}
	}
}

// One huge text makes no other row longer, and no line longer than its cells.
func TestBoundedLines(t *testing.T) {
	checkLines(t, allFormats(t, strings.Repeat("y", 100_000)))
}

// No more do many of them: names, links, their further names and addresses.
func TestBoundedNumbers(t *testing.T) {
	const many = 10_000
	snap := hostile("y")
	n := &snap.Namespaces[1]
	for i := range many {
		s := fmt.Sprintf("y%d", i)
		n.Names = append(n.Names, ns.Name{Name: s, Path: "/run/netns/" + s, Kind: ns.NameMount})
		n.Links = append(n.Links, ns.Link{Name: s, Index: i + 2, Addrs: []netip.Prefix{netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 9, 9, 9}), 32)}})
		n.Links[0].AltNames = append(n.Links[0].AltNames, s)
		n.Links[0].Addrs = append(n.Links[0].Addrs, netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 1, byte(i >> 8), byte(i)}), 32))
	}
	all := formatsOf(t, snap, "y")
	checkLines(t, all)
	for _, format := range []string{"list json", "list yaml"} {
		if all := all[format]; !strings.Contains(all, "y9999") || !strings.Contains(all, "10.1.39.15/32") {
			t.Errorf("%s has not all of them", format)
		}
	}
}

// checkLines checks that no line for people has more than a few cells can have.
func checkLines(t *testing.T, all map[string]string) {
	t.Helper()
	for format, out := range all {
		if strings.HasSuffix(format, "json") || strings.HasSuffix(format, "yaml") {
			continue
		}
		for line := range strings.Lines(out) {
			if len(line) > 8*text.CellWidth {
				t.Errorf("a line of %s has %d bytes", format, len(line))
			}
		}
	}
}
