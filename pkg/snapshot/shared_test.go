// SPDX-License-Identifier: Apache-2.0

package snapshot

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nsinspect/nsinspect/internal/explain"
	"github.com/nsinspect/nsinspect/pkg/ns"
	"github.com/nsinspect/nsinspect/pkg/owner"
)

// crowd returns a host with processes in namespaces of three types, and some in others.
func crowd() *File {
	boot := noon.Add(-time.Hour)
	task := func(pid int) ns.Holder {
		born := time.Duration(pid) * time.Second
		p := &ns.Process{PID: ns.TaskID(pid), Comm: fmt.Sprintf("comm-%d", pid), Cmdline: []string{"a"}, UID: pid % 2, Born: born, Started: boot.Add(born)}
		return ns.Holder{Kind: ns.KindProcess, PID: p.PID, FD: -1, Process: p, Born: born}
	}
	all := make([]ns.Holder, 0, 20)
	for pid := 1; pid <= 20; pid++ {
		all = append(all, task(pid))
	}
	all[4].Process.Started = all[4].Process.Started.Add(time.Second) // the clock was set meanwhile
	all[5].Process.Started = time.Time{}
	other := task(9) // which was another one by the time that it was read again
	other.Process.Comm = "other"
	unknown := ns.Holder{Kind: ns.KindProcess, PID: 10, FD: -1}
	room := func(typ ns.Type, inode uint64, holders ...ns.Holder) ns.Namespace {
		return ns.Namespace{Type: typ, Inode: inode, UserNS: 40, OwnerUID: -1, Initial: inode < 100, Holders: holders, Leader: holders[0].Process}
	}
	later := all[2]
	later.Via = ns.ViaPIDForChildren
	f := machine(noon,
		room(ns.Net, 10, all...), room(ns.Mnt, 20, all[:8]...), room(ns.Net, 110, all[3], other, unknown, all[11], all[12]),
		room(ns.PID, 30, append(append([]ns.Holder{}, all[:3]...), later, all[4])...), room(ns.User, 40, all...), room(ns.UTS, 50, all[7:9]...))
	s := f.Snapshot
	s.Find(110).UserNS = 0
	for i := range s.Namespaces {
		if n := &s.Namespaces[i]; n.UserNS != 0 {
			s.Find(40).Holders = append(s.Find(40).Holders, ns.Holder{Kind: ns.KindChild, FD: -1, Child: n})
		}
	}
	s.Find(10).Holders = append(s.Find(10).Holders, ns.Holder{Kind: ns.KindFD, PID: 7, FD: 3, Process: all[6].Process, Born: all[6].Born})
	s.Kept = &ns.Kept{}
	outside, inside := &owner.Owner{Runtime: "systemd", Unit: "a.service", Guest: true}, &owner.Owner{Runtime: "podman", Name: "web", Namesake: true}
	outside.Authority, inside.Authority = ns.RootAuthority, ns.RootAuthority
	f.Owners.AddHolder(s.Find(10), &all[3], outside)
	f.Owners.AddHolder(s.Find(110), &all[3], inside)
	f.Owners.AddHolder(s.Find(10), &all[11], outside) // and nobody's inside
	f.Owners.AddHolder(s.Find(110), &all[12], inside) // and nobody's outside
	f.Answers = map[uint64]explain.Answer{}
	for i := range s.Namespaces {
		n := &s.Namespaces[i]
		f.Answers[n.Inode] = explain.Answer{Verdict: n.String() + " is 100% in use", Fix: []string{}, Advice: []string{}}
	}
	return f
}

// What has many namespaces is written once, and read as it was everywhere.
func TestSharedParts(t *testing.T) {
	want := crowd()
	file := written(t, want, Encoding{})
	z, err := gzip.NewReader(bytes.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	for word, most := range map[string]int{`"comm-3"`: 1, `"comm-20"`: 1, "100%": 1, `"kind":"child"`: 0} {
		if n := strings.Count(string(text), word); n > most {
			t.Errorf("%s is written %d times", word, n)
		}
	}
	got, err := Read(bytes.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	asNumbers := cmp.Comparer(func(a, b *ns.Namespace) bool {
		return a == b || a != nil && b != nil && a.Type == b.Type && a.Inode == b.Inode
	})
	for i := range want.Snapshot.Namespaces {
		n, m := &want.Snapshot.Namespaces[i], &got.Snapshot.Namespaces[i]
		for j := range n.Holders {
			n.Holders[j].Authority = ns.Authority{}
		}
		if diff := cmp.Diff(n.Holders, m.Holders, asNumbers); diff != "" {
			t.Fatalf("holders of %s (-written +read):\n%s", n, diff)
		}
		if diff := cmp.Diff(n.Leader, m.Leader); diff != "" {
			t.Errorf("leader of %s (-written +read):\n%s", n, diff)
		}
		for j := range n.Holders {
			a, b := want.Owners.Holder(n, &n.Holders[j]), got.Owners.Holder(m, &m.Holders[j])
			if diff := cmp.Diff(a, b); diff != "" {
				t.Errorf("owner of pid %d in %s (-written +read):\n%s", n.Holders[j].PID, n, diff)
			}
		}
		if diff := cmp.Diff(want.Answers[n.Inode], got.Answers[m.Inode]); diff != "" {
			t.Errorf("answer for %s (-written +read):\n%s", n, diff)
		}
	}
}

// What refers to what is not there is an error.
func TestReadWrongReferences(t *testing.T) {
	const head = `{"schema":"nsinspect/v2","document":"snapshot","taken":"2026-03-01T12:00:00Z",`
	for _, rest := range []string{
		`"processes":[{"pid":7}],"namespaces":[{"type":"net","inode":1,"members":[0,1]}]`,
		`"processes":[{"pid":7}],"namespaces":[{"type":"net","inode":1,"members":[-1,0]}]`,
		`"processes":[{"pid":7}],"namespaces":[{"type":"net","inode":1,"members":[0]}]`,
		`"processes":[{"pid":7}],"namespaces":[{"type":"net","inode":1,"members":[0,0,0,0]}]`,
		`"processes":[{"pid":7},{"pid":7}],"namespaces":[]`,
		`"processes":[{"pid":0}],"namespaces":[]`,
		`"namespaces":[{"type":"net","inode":1,"answer":{"verdict":1,"fix":[],"advice":[]}}],"texts":["a"]`,
		`"namespaces":[{"type":"net","inode":1,"answer":{"verdict":0,"fix":[],"advice":[]}}],"texts":["%x"]`,
		`"namespaces":[],"doctor":{"findings":[{"severity":"warning","authority":"root","on":4}]}`,
	} {
		if _, err := Read(strings.NewReader(head + rest + "}")); err == nil {
			t.Errorf("%s is read", rest)
		}
	}
	crowds := fmt.Sprintf(`"processes":[{"pid":1}%s],"namespaces":[{"type":"net","inode":1}%s]`, numbered(`,{"pid":%d}`, 2, 3000), numbered(`,{"type":"net","inode":%d,"members":[0,2998]}`, 2, 3000))
	if _, err := Read(strings.NewReader(head + crowds + "}")); err != errTooLarge {
		t.Errorf("millions of members: %v", err)
	}
	amplified := fmt.Sprintf(`"namespaces":[{"type":"net","inode":1,"names":[{"path":"/%s","kind":"mount","authority":"root"}],"answer":{"verdict":0,"fix":[],"advice":[]}}],"texts":["%s"]`,
		strings.Repeat("a", 4000), strings.Repeat("%p", 1000))
	if _, err := Read(strings.NewReader(head + amplified + "}")); err == nil {
		t.Error("a small text that becomes a large one is read")
	}
}

func numbered(format string, from, to int) string {
	var out strings.Builder
	for i := from; i <= to; i++ {
		fmt.Fprintf(&out, format, i)
	}
	return out.String()
}

// A leader that was read more exactly than its process is the same one, and not written again.
func TestLeaderIsWrittenOnce(t *testing.T) {
	f := whole()
	leader := *f.Snapshot.Find(3).Leader
	leader.Born += 123
	f.Snapshot.Find(3).Leader = &leader
	inTicks(f.Snapshot)
	text := textWritten(t, f)
	if want := `"leader":{"pid":7}`; !strings.Contains(string(text), want) {
		t.Errorf("there is no %s in\n%s", want, text)
	}
}
