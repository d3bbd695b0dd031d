// SPDX-License-Identifier: Apache-2.0

package snapshot

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/internal/explain"
	"github.com/nsinspect/nsinspect/internal/kernel"
	"github.com/nsinspect/nsinspect/pkg/doctor"
	"github.com/nsinspect/nsinspect/pkg/links"
	"github.com/nsinspect/nsinspect/pkg/ns"
	"github.com/nsinspect/nsinspect/pkg/owner"
	"github.com/nsinspect/nsinspect/pkg/scan"
)

// whole returns a file with something of every kind in it.
func whole() *File {
	user := ns.UserAuthority(1000)
	p := &ns.Process{PID: 7, Comm: "web\xff", Cmdline: []string{"/srv/secret", "--password=hunter2"}, UID: 1000, Started: noon.Add(-time.Hour), Born: 3 * time.Second}
	web := with(netNS(3, 11, "blue"), func(n *ns.Namespace) {
		n.UserNS, n.OwnerUID, n.NSID, n.Leader = 40, 1000, new(int), p
		n.References = &ns.References{Total: 4, Explained: 3}
		n.Age = ns.Age{Since: noon.Add(-2 * time.Hour), From: ns.FromName}
		n.Names = append(n.Names, ns.Name{Name: "a b", Path: "/run/user/1000/netns/a b", Kind: ns.NameSymlink, Authority: user})
		pin := ns.Holder{Kind: ns.KindFD, PID: 7, FD: 5, Process: p, Born: p.Born}
		n.Holders = []ns.Holder{
			{Kind: ns.KindProcess, PID: 7, FD: -1, Process: p, Born: p.Born},
			{Kind: ns.KindThread, PID: 9, TID: 10, FD: -1, Via: ns.ViaPIDForChildren},
			{Kind: ns.KindFD, PID: 9, TID: 10, FD: 0},
			{Kind: ns.KindMount, PID: 7, FD: -1, Path: "/run/netns/blue\xfe", MountNS: 90, MountID: 12, Covered: true, Authority: user, Pin: &pin},
			{Kind: ns.KindSocket, PID: 9, FD: 4, Socket: ns.NewSocket(ns.SocketWords{Family: "inet", Type: "stream", State: "fin-wait-1", Peer: "192.0.2.7:443"})},
			{Kind: ns.KindTun, PID: 9, FD: 6, Socket: ns.NewSocket(ns.SocketWords{Device: "tun\xfd"})},
			{Kind: ns.KindKernel, FD: -1, Refs: 1},
		}
		l := link("veth-secret", 2, "192.0.2.1/24", "2001:db8::7/64")
		l.AltNames, l.Peer = []string{"customer-uplink"}, &ns.Peer{Index: 4, Inode: 5, Name: "eth0"}
		n.Links = []ns.Link{l, {Name: "tunl0", Index: 3, MAC: []byte{192, 0, 2, 9}}}
	})
	room := ns.Namespace{Type: ns.User, Inode: 40, OwnerUID: 1000, Parent: 41, UserNS: 41}
	f := machine(noon, web, with(netNS(5, 12), func(n *ns.Namespace) { n.OwnerUID, n.Links = -1, nil }), room)
	s := f.Snapshot
	find := func(inode uint64) *ns.Namespace { return s.Find(inode) }
	find(40).Holders = []ns.Holder{{Kind: ns.KindChild, FD: -1, Child: find(3)}}
	s.Dangling = []ns.DanglingName{{Path: "/run/netns/left\xff", Kind: ns.NameFile, Reason: "a plain file", Authority: ns.RootAuthority}}
	s.NoEngine = unix.EPERM
	s.Gaps = []ns.Gap{
		{Sources: []string{"fd", "socket"}, Path: "/proc/9/fd", Err: fmt.Errorf("read: %w", unix.EACCES)},
		{Sources: []string{"inflight"}, Path: "/proc", Err: scan.ErrNotInProc},
		{Sources: []string{"mmap"}, Path: "/proc", Err: kernel.SinceError{Major: 6, Minor: 8}},
		{Sources: []string{"process"}, Path: "/proc/self/ns/time", Err: kernel.NoTypeError{Type: ns.Time}},
	}
	s.Kept = &ns.Kept{UID: 0, Own: [ns.NumTypes]uint64{5, 90}, Users: map[int]string{1000: "alice"}, Capabilities: []string{"CAP_SYS_ADMIN"},
		Local: map[uint64][]ns.Local{3: {{Prefix: netip.MustParsePrefix("10.9.0.0/16"), Index: 2}}}}
	docker := &owner.Owner{Runtime: "docker", ID: strings.Repeat("ab", 32), Name: "shop", Authority: ns.RootAuthority}
	f.Owners = owner.Recorded([]owner.Container{{Owner: *docker, PID: 7, State: "running", NetNS: 3, IPs: []string{"192.0.2.1"}, Dir: "/var/lib/docker/containers/x"}},
		[]ns.Gap{{Sources: []string{owner.Source}, Path: "/var/lib/lxc", Err: unix.EACCES}})
	f.Owners.AddNamespace(find(3), docker)
	f.Owners.AddHolder(find(3), &find(3).Holders[0], docker)
	f.Answers = map[uint64]explain.Answer{
		3:  {Verdict: "net:[3] (blue) is kept alive by 1 process; to free it, run `ip netns del blue`.", Fix: []string{"ip netns del blue"}, Advice: []string{"Ask alice."}},
		5:  {Verdict: "v", Fix: []string{}, Advice: []string{}},
		40: {Verdict: "v", Fix: []string{}, Advice: []string{}},
	}
	f.Sockets = links.Sockets{Read: []uint64{3}, Hits: []links.PortHit{{Namespace: find(3), Listeners: []ns.Listener{{
		Proto: "tcp", Addr: netip.MustParseAddrPort("192.0.2.1:80"), Index: 2, UID: 1000, Socket: 99, Holders: []ns.Holder{{Kind: ns.KindSocket, PID: 7, FD: 8, Process: p, Born: p.Born}},
	}}}}}
	f.Report = &doctor.Report{Snapshot: s.Of(ns.Net), Findings: []doctor.Finding{{
		ID: "no-process:net:[5]", Check: "no-process", Severity: doctor.Warning, Subject: "net:[5] (blue)", Path: "/run/netns/blue", Namespace: find(5), Owner: docker, Since: noon, Authority: user, PID: 3,
		Text: explain.Text{Summary: "blue has no process", Evidence: []string{"192.0.2.1 is up"}, Meaning: "run `rm x`", Fix: []string{"ip netns del blue"}, Alternative: []string{"true"}, Advice: []string{"see blue"}},
	}}, Undecided: []doctor.Undecided{{Check: "limits", Why: "/proc/sys/user was not read"}}}
	return f
}

func written(t testing.TB, f *File, how Encoding) []byte {
	t.Helper()
	var out bytes.Buffer
	if err := f.Write(&out, how, func() (*doctor.Report, error) { return f.Report, nil }); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// What is written is read again.
func TestReadWhatWasWritten(t *testing.T) {
	compareWithWhole(t, written(t, whole(), Encoding{}))
}

// What an earlier version has written is read.
func TestReadV1(t *testing.T) {
	text, err := os.ReadFile("testdata/v1.json.gz") // whole, by the last version that wrote nsinspect/v1
	if err != nil {
		t.Fatal(err)
	}
	compareWithWhole(t, text)
}

func compareWithWhole(t *testing.T, text []byte) {
	t.Helper()
	want := whole()
	got, err := Read(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	same := []cmp.Option{
		cmp.Comparer(func(a, b netip.Prefix) bool { return a == b }), cmp.Comparer(func(a, b netip.AddrPort) bool { return a == b }),
		cmp.Comparer(func(a, b error) bool {
			if a == nil || b == nil {
				return a == b
			}
			for _, errno := range []error{unix.EACCES, unix.EPERM} {
				if errors.Is(a, errno) != errors.Is(b, errno) {
					return false
				}
			}
			return a.Error() == b.Error()
		}),
		cmp.Comparer(func(a, b *ns.Namespace) bool {
			return a == nil && b == nil || a != nil && b != nil && a.Inode == b.Inode
		}),
		cmpopts.EquateEmpty(), cmpopts.IgnoreUnexported(owner.Container{}, doctor.Finding{}, explain.Text{}), cmpopts.EquateApproxTime(0),
	}
	for _, part := range []struct {
		name      string
		want, got any
	}{
		{"snapshot", want.Snapshot, got.Snapshot}, {"answers", want.Answers, got.Answers}, {"containers", want.Owners.Containers(), got.Owners.Containers()},
		{"gaps of owners", want.Owners.Gaps(), got.Owners.Gaps()}, {"owner", want.Owner(want.Snapshot.Find(3)), got.Owner(got.Snapshot.Find(3))},
		{"owner of a process", want.Owners.Holder(want.Snapshot.Find(3), &want.Snapshot.Find(3).Holders[0]), got.Owners.Holder(got.Snapshot.Find(3), &got.Snapshot.Find(3).Holders[0])},
		{"findings", want.Report.Findings, got.Report.Findings}, {"undecided", want.Report.Undecided, got.Report.Undecided},
	} {
		if diff := cmp.Diff(part.want, part.got, same...); diff != "" {
			t.Errorf("%s (-written +read):\n%s", part.name, diff)
		}
	}
	if hit := got.Sockets.Hits; len(hit) != 1 || hit[0].Namespace != got.Snapshot.Find(3) || cmp.Diff(want.Sockets.Hits[0].Listeners, hit[0].Listeners, same...) != "" {
		t.Errorf("listeners: %v", hit)
	}
	if got.Snapshot.Find(40).Holders[0].Child != got.Snapshot.Find(3) {
		t.Error("a child is another namespace than the one in the snapshot")
	}
	for _, g := range got.Snapshot.Gaps {
		if g.Path == "/proc" && g.Of("inflight") && g.Err != scan.ErrNotInProc {
			t.Errorf("the gap of what /proc does not show has error %#v", g.Err)
		}
	}
}

// Nothing less than the whole is a snapshot.
func TestReadCutOff(t *testing.T) {
	all := written(t, whole(), Encoding{})
	z, err := gzip.NewReader(bytes.NewReader(all))
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range [][]byte{all, bytes.TrimSpace(text)} {
		for n := range len(file) {
			if _, err := Read(bytes.NewReader(file[:n])); err == nil {
				t.Fatalf("%d bytes of %d are read as a snapshot", n, len(file))
			} else if n > 2 && !errors.Is(err, errCutOff) {
				t.Fatalf("%d bytes of %d: %v", n, len(file), err)
			}
		}
		broken := bytes.Clone(file)
		broken[len(broken)/2] ^= 0x80
		if _, err := Read(bytes.NewReader(broken)); err == nil && file[0] == 0x1f {
			t.Error("a broken file is read")
		}
	}
}

// A small file of a stranger's does not take all memory.
func TestReadTooMuch(t *testing.T) {
	head := `{"schema":"nsinspect/v1","document":"snapshot","taken":"2026-03-01T12:00:00Z",`
	for name, text := range map[string]io.Reader{
		"holders":    io.MultiReader(strings.NewReader(head+`"namespaces":[{"type":"net","inode":1,"holders":[`), &repeated{text: "{},"}),
		"namespaces": io.MultiReader(strings.NewReader(head+`"namespaces":[`), &repeated{text: `{"type":"net","inode":1},`}),
		"a string":   io.MultiReader(strings.NewReader(head+`"host":"`), &repeated{text: "a"}),
		"members":    io.MultiReader(strings.NewReader(head), &repeated{text: `"a":{},`}),
		"depth":      io.MultiReader(strings.NewReader(head+`"x":`), &repeated{text: `[`}),
	} {
		if _, err := Read(text); err == nil {
			t.Errorf("%s without end are read", name)
		}
	}
}

// repeated is a text again and again, without end.
type repeated struct {
	text string
	at   int
}

func (r *repeated) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = r.text[r.at]
		r.at = (r.at + 1) % len(r.text)
	}
	return len(p), nil
}

// Whatever bytes are read: an error, or a file that can be written.
func FuzzRead(f *testing.F) {
	f.Add(textOfWhole(f))
	f.Add([]byte(`{}"`))
	f.Add([]byte(`{"schema":"nsinspect/v2","document":"snapshot","taken":"2026-03-01T12:00:00Z","boot":"2026-03-01T11:00:00Z","processes":[{"pid":7,"comm":"a"},{"pid":9}],"namespaces":[{"type":"user","inode":1,"parent":1,"owns":true,"members":[0,1],"answer":{"verdict":0,"fix":[1],"advice":["x"]}}],"texts":["%r %n","%p%%"]}`))
	f.Add([]byte(`{"schema":"nsinspect/v1","document":"snapshot","taken":"2026-03-01T12:00:00Z","namespaces":[{"type":"net","inode":1,"holders":[{"kind":"child"}]}]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		sameAsJSON(t, text, func(r io.Reader) io.Reader { return r })
		file, err := Read(bytes.NewReader(text))
		if err != nil {
			if strings.ContainsRune(err.Error(), '\n') {
				t.Errorf("an error of several lines: %q", err)
			}
			return
		}
		file.Distrust()
		for _, a := range file.Answers {
			if len(a.Fix)+len(a.Advice) > 0 || strings.Contains(a.Verdict, "`") || strings.Contains(a.Verdict, "; to free it,") {
				t.Errorf("a command is left: %q", a)
			}
		}
		written(t, file, Encoding{})
	})
}

// Nothing that names anybody is left, and equal names stay equal.
func TestRedact(t *testing.T) {
	read := func(key string) string {
		z, err := gzip.NewReader(bytes.NewReader(written(t, whole(), Encoding{Redact: NewRedaction([]byte(key))})))
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(z)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	one, same, other := read("0123456789abcdef"), read("0123456789abcdef"), read("0123456789abcdeX")
	for _, secret := range []string{"blue", "node1", "\"m1\"", "a b", "veth-secret", "customer", "192.0.2", "2001:db8::7", "hunter2", "/srv/secret", "shop", "alice\"", "eth0", "10.9."} {
		if strings.Contains(one, secret) {
			t.Errorf("%q is left: …%s", secret, one[max(strings.Index(one, secret)-120, 0):][:200])
		}
	}
	if one != same {
		t.Error("two files with one key are different")
	}
	if one == other {
		t.Error("the key makes no difference")
	}
	if !strings.Contains(one, `"comm":"web`) || !strings.Contains(one, `"boot_id":"b1"`) {
		t.Error("more is left out than names")
	}
	f, err := Read(strings.NewReader(one))
	if err != nil {
		t.Fatal(err)
	}
	n := f.Snapshot.Find(3)
	if !f.Redacted || !strings.Contains(f.Answers[3].Verdict, "("+n.Names[0].Name+")") {
		t.Errorf("%q has another name than %q", f.Answers[3].Verdict, n.Names[0].Name)
	}
}
