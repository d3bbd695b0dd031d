// SPDX-License-Identifier: Apache-2.0

package snapshot

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net/netip"
	"regexp"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/internal/explain"
	"github.com/nsinspect/nsinspect/internal/text"
	"github.com/nsinspect/nsinspect/pkg/doctor"
	"github.com/nsinspect/nsinspect/pkg/ns"
	"github.com/nsinspect/nsinspect/pkg/owner"
)

// Nothing is left of a name, in whatever form a sentence or command has it.
func TestRedactSentences(t *testing.T) {
	long := "/run/netns/" + strings.Repeat("acme", 62) + "x"
	for _, name := range []string{"acme", "acme.", "acme.1..", "acme one", "it's acme", `acme "two" acmè`, "acme\nthree\tacme", "acme\xff;acme", "\u202eacme", "-acme"} {
		netns := netNS(3, 11, name)
		path := netns.Names[0].Path
		quoted := "'" + strings.ReplaceAll(name, "'", `'\''`) + "'"
		f := machine(noon, netns)
		f.Snapshot.Kept = &ns.Kept{}
		f.Answers = map[uint64]explain.Answer{3: {
			Verdict: fmt.Sprintf("net:[3] (%s) is kept alive by 1 mount; run `ip netns del %s`, and unmount %s.", text.Name(name), quoted, text.Name(path)),
			Fix:     []string{"ip netns del " + quoted}, Advice: []string{"Unmount " + text.Name(path) + "."},
		}}
		noneLeft(t, f)
	}
	wide := strings.Repeat("acme\x01", 50) // it is cut itself
	f := machine(noon, netNS(3, 11, wide))
	f.Snapshot.Kept = &ns.Kept{}
	f.Answers = map[uint64]explain.Answer{3: {Verdict: "net:[3] (" + text.Name(wide) + ")", Fix: []string{}, Advice: []string{}}}
	noneLeft(t, f)
	f = machine(noon, netNS(3, 11, strings.TrimPrefix(long, "/run/netns/")))
	f.Snapshot.Kept = &ns.Kept{}
	f.Answers = map[uint64]explain.Answer{3: {Verdict: "unmount " + text.Name(long), Fix: []string{}, Advice: []string{}}}
	noneLeft(t, f)
}

// Nor of what is no name of a namespace: where a symlink leads to, what could not be read, the
// ID of a container, the directory that was read.
func TestRedactPaths(t *testing.T) {
	f := machine(noon, netNS(3, 11, "blue"))
	s := f.Snapshot
	s.Root, s.Kept = "/mnt/acme", &ns.Kept{}
	s.Dangling = []ns.DanglingName{{
		Path: "/run/netns/gone", Kind: ns.NameSymlink, Target: "/srv/acme/acme-two", Authority: ns.RootAuthority,
		Reason: "a symlink to /srv/acme/acme-two, which does not exist",
	}}
	s.Gaps = []ns.Gap{
		{Sources: []string{"name"}, Path: "/opt/acme3", Err: unix.EACCES},
		{Sources: []string{"mount"}, Path: "/proc/9/root/home/acme4", Err: unix.EACCES},
		{Sources: []string{"fd"}, Path: "/proc/9/fd", Err: unix.EACCES},
	}
	id := strings.Repeat("ab", 32)
	f.Owners = owner.Recorded([]owner.Container{
		{Owner: owner.Owner{Runtime: "containerd", ID: "acme5", Authority: ns.RootAuthority}, Dir: "/run/containerd"},
		{Owner: owner.Owner{Runtime: "docker", ID: id, Authority: ns.RootAuthority}, Dir: "/var/lib/docker"},
	}, []ns.Gap{{Sources: []string{owner.Source}, Path: "/var/lib/cni/results/acmenet-acme6-eth0", Err: unix.EACCES}})
	f.Report = &doctor.Report{Snapshot: s.Of(ns.Net), Findings: []doctor.Finding{{
		ID: "dangling-link:/run/netns/gone", Check: "dangling-link", Severity: doctor.Warning, Authority: ns.RootAuthority,
		Text: explain.Text{Summary: s.Dangling[0].Reason, Evidence: []string{"see containerd:acme5 and docker:" + id[:12]}},
	}}, Undecided: []doctor.Undecided{{Check: "limits", Why: "unreadable: /opt/acme3, /var/lib/cni/results/acmenet-acme6-eth0"}}}
	out := noneLeft(t, f)
	if strings.Contains(out, id[:12]) {
		t.Errorf("the ID is left: %s", out)
	}
	if !strings.Contains(out, `"/proc/9/fd"`) {
		t.Errorf("more is left out than names: %s", out)
	}
}

// Addresses of every length are replaced, wherever they are, and a file is read again.
func TestRedactAddresses(t *testing.T) {
	f := machine(noon, linked(netNS(3, 11, "blue"),
		changedLink(link("sit0", 2), func(l *ns.Link) { l.MAC, l.Kind = []byte{198, 51, 100, 7}, "sit" }),
		changedLink(link("ip6tnl0", 3), func(l *ns.Link) { l.MAC = netip.MustParseAddr("2001:db8:acde::7").AsSlice() }),
		changedLink(link("wpan0", 4), func(l *ns.Link) { l.MAC = []byte{2, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77} }),
		changedLink(link("ib0", 5), func(l *ns.Link) { l.MAC = bytes.Repeat([]byte{0x5a}, 20) }),
	))
	f.Snapshot.Kept = &ns.Kept{}
	f.Answers = map[uint64]explain.Answer{3: {
		Verdict: "at 04:08:25 it has fd00:acde::/64, fd01:acde::1: ::ffff:10.11.12.13, 10.11.12.14:80, [fd00:acde::9]:80, 02:ac:de:00:00:01.", Fix: []string{}, Advice: []string{},
	}}
	text := written(t, f, Encoding{Redact: NewRedaction([]byte("0123456789abcdef"))})
	got, err := Read(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	for i, l := range got.Snapshot.Find(3).Links {
		if old := f.Snapshot.Find(3).Links[i].MAC; len(l.MAC) != len(old) || bytes.Equal(l.MAC, old) {
			t.Errorf("%s for %s", l.MAC, old)
		}
	}
	verdict := got.Answers[3].Verdict
	for _, left := range []string{"acde", "10.11", "ac:de"} {
		if strings.Contains(verdict, left) {
			t.Errorf("%s is left: %s", left, verdict)
		}
	}
	if !strings.HasPrefix(verdict, "at 04:08:25 it has 2001:db8:") || !strings.HasSuffix(verdict, ".") {
		t.Errorf("%s", verdict)
	}
}

// Nor of cgroups, and the owners and devices of holders, that sentences have before them.
func TestRedactCgroups(t *testing.T) {
	n := with(netNS(3, 11, "blue"), func(n *ns.Namespace) {
		for pid := range ns.TaskID(100) {
			n.Holders = append(n.Holders, ns.Holder{Kind: ns.KindThread, PID: 100, TID: 101 + pid, FD: -1})
		}
		n.Holders = append(n.Holders, ns.Holder{Kind: ns.KindTun, PID: 7, FD: 6, Socket: ns.NewSocket(ns.SocketWords{Device: "acmetap"})})
		n.Holders = sorted(n.Holders)
	})
	f := machine(noon, n)
	f.Snapshot.Kept = &ns.Kept{}
	f.Owners.AddHolder(&n, &ns.Holder{Kind: ns.KindTun, PID: 7}, &owner.Owner{Runtime: "systemd", Unit: "acme-db.service", Authority: ns.RootAuthority})
	f.Snapshot.Gaps = []ns.Gap{{Sources: []string{"name"}, Path: "/sys/fs/cgroup/acme.slice", Err: unix.EACCES}}
	f.Answers = map[uint64]explain.Answer{3: {
		Verdict: "run `systemctl stop acme-db.service` for acmetap",
		Fix:     []string{`kill 7 && echo THAWED > '/sys/fs/cgroup/freezer/docker/acme one/it'\''s acme/freezer.state' && echo THAWED > /sys/fs/cgroup/freezer/acme2/freezer.state`},
		Advice:  []string{},
	}}
	if out := noneLeft(t, f); !strings.Contains(out, "/sys/fs/cgroup/freezer/docker/n-") {
		t.Errorf("no path is left: %s", out)
	}
}

// Names are of one shape as hashes if they were.
func TestRedactShape(t *testing.T) {
	r := NewRedaction([]byte("0123456789abcdef"))
	names := []string{"cni-1", "cni-27d0a9f1c2b3", "blue", "red", "blue2", "a1.service"}
	hashes := map[string]string{}
	for _, name := range names {
		hash := name
		r.name(&hash)
		hashes[name] = hash
	}
	for _, a := range names {
		for _, b := range names {
			if was, is := text.Shape(a) == text.Shape(b), text.Shape(hashes[a]) == text.Shape(hashes[b]); was != is {
				t.Errorf("%s and %s are of one shape: %v, as %s and %s: %v", a, b, was, hashes[a], hashes[b], is)
			}
			if a != b && hashes[a] == hashes[b] {
				t.Errorf("%s and %s are both %s", a, b, hashes[a])
			}
		}
	}
}

// Hashes by two keys are not compared, and those by one key are.
func TestCompareRedacted(t *testing.T) {
	redacted := func(key, boot string) *File {
		f := whole()
		f.Snapshot.Machine.BootID = boot
		got, err := Read(bytes.NewReader(written(t, f, Encoding{Redact: NewRedaction([]byte(key))})))
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	plain, err := Read(bytes.NewReader(written(t, whole(), Encoding{})))
	if err != nil {
		t.Fatal(err)
	}
	const what = "names, owners, links and findings: "
	for _, tt := range []struct {
		name     string
		old, now *File
		identity Identity
		unread   string
	}{
		{"one key", redacted("0123456789abcdef", "b1"), redacted("0123456789abcdef", "b1"), ByKernel, ""},
		{"two keys", redacted("0123456789abcdef", "b1"), redacted("0123456789abcdeX", "b1"), ByKernel, "unread both " + what + "they are redacted with two keys 0"},
		{"one of them", plain, redacted("0123456789abcdef", "b1"), ByKernel, "unread new " + what + "one of them is redacted 0"},
		{"two keys and boots", redacted("0123456789abcdef", "b1"), redacted("0123456789abcdeX", "b2"), ByGuess, "unread both " + what + "they are redacted with two keys 0"},
	} {
		d := Compare(tt.old, tt.now, Options{})
		got := describe(d)
		if !d.Same() || d.Identity != tt.identity || tt.unread != "" && !strings.Contains(got, tt.unread) || tt.unread == "" && strings.Contains(got, what) {
			t.Errorf("%s: by %s:\n%s", tt.name, d.Identity, got)
		}
	}
}

var acme = regexp.MustCompile(`(?i).{0,60}acm.{0,60}`)

// noneLeft reports what is left of acme in a file that is redacted, which it returns.
func noneLeft(t *testing.T, f *File) string {
	t.Helper()
	z, err := gzip.NewReader(bytes.NewReader(written(t, f, Encoding{Redact: NewRedaction([]byte("0123456789abcdef"))})))
	if err != nil {
		t.Fatal(err)
	}
	out, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(bytes.ToLower(out), []byte("acm")) {
		for _, left := range acme.FindAllString(string(out), 9) {
			t.Errorf("left: %s", left)
		}
	}
	return string(out)
}

// Names that are more than words cost no more than others, however many somebody makes.
func TestRedactManyNames(t *testing.T) {
	var all []ns.Namespace
	answers := map[uint64]explain.Answer{}
	for i := range 10000 { // seconds where each sentence was searched for each
		n := netNS(uint64(100+i), uint64(i+1), fmt.Sprintf("acme '%d", i))
		all = append(all, n)
		answers[n.Inode] = explain.Answer{Verdict: text.Title(&n) + " is kept alive by 1 mount.", Fix: []string{}, Advice: []string{}}
	}
	f := machine(noon, all...)
	f.Snapshot.Kept, f.Answers = &ns.Kept{}, answers
	noneLeft(t, f)
}
