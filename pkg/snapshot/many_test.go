// SPDX-License-Identifier: Apache-2.0

package snapshot

import (
	"bytes"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/nsinspect/nsinspect/internal/explain"
	"github.com/nsinspect/nsinspect/pkg/ns"
)

// manyHolders returns a namespace without a name that has n holders of each of some kinds: its
// first mount is far behind. Processes after the first two are no members, as they have it for
// their children alone.
func manyHolders(n int) ns.Namespace {
	room := ns.Namespace{Type: ns.PID, Inode: 70, OwnerUID: -1}
	for i := range n {
		p := process(ns.TaskID(100+i), time.Second)
		p.Process = &ns.Process{PID: p.PID, Comm: "sh", UID: 7, Born: time.Second}
		if i > 1 {
			p.Via = ns.ViaPIDForChildren
		}
		room.Holders = append(room.Holders, p)
	}
	for i := range n {
		h := fd(100, i)
		h.Process = room.Holders[0].Process
		room.Holders = append(room.Holders, h)
	}
	for i := range n {
		room.Holders = append(room.Holders, ns.Holder{Kind: ns.KindMount, FD: -1, Path: fmt.Sprintf("/mnt/secret%04d", i), MountNS: 90, MountID: int32(i + 1), Authority: ns.RootAuthority})
	}
	return room
}

// The holders of a namespace are encoded some at once: all are read again, in their order.
func TestReadManyHolders(t *testing.T) {
	for _, n := range []int{mostAtOnce/3 - 1, mostAtOnce / 2, mostAtOnce, mostAtOnce + 1, 3*mostAtOnce + 7} {
		made := func() *File {
			f := machine(noon, manyHolders(n))
			f.Snapshot.Kept = &ns.Kept{}
			f.Answers = map[uint64]explain.Answer{70: {Verdict: "Unmount /mnt/secret0000.", Fix: []string{"umount /mnt/secret0000"}, Advice: []string{}}}
			return f
		}
		got, err := Read(bytes.NewReader(written(t, made(), Encoding{})))
		if err != nil {
			t.Fatalf("%d holders of each kind: %v", n, err)
		}
		want := made()
		same := []cmp.Option{cmpopts.EquateEmpty(), cmpopts.IgnoreFields(ns.Process{}, "Started"), cmpopts.IgnoreFields(ns.Holder{}, "Process")}
		if diff := cmp.Diff(want.Snapshot.Find(70).Holders, got.Snapshot.Find(70).Holders, same...); diff != "" {
			t.Errorf("%d holders of each kind (-written +read):\n%.2000s", n, diff)
		}
		if diff := cmp.Diff(want.Answers, got.Answers); diff != "" {
			t.Errorf("%d holders of each kind: answer (-written +read):\n%s", n, diff)
		}
	}
}

// Those that are encoded later are redacted, too.
func TestRedactManyHolders(t *testing.T) {
	f := machine(noon, manyHolders(2*mostAtOnce))
	f.Snapshot.Kept = &ns.Kept{}
	got, err := Read(bytes.NewReader(written(t, f, Encoding{Redact: NewRedaction(make([]byte, 32))})))
	if err != nil {
		t.Fatal(err)
	}
	all := got.Snapshot.Find(70).Holders
	if len(all) != 6*mostAtOnce {
		t.Fatalf("%d holders, want %d", len(all), 6*mostAtOnce)
	}
	for i := range all {
		if h := &all[i]; h.Kind == ns.KindMount && bytes.Contains([]byte(h.Path), []byte("secret")) {
			t.Fatalf("holder %d has path %q", i, h.Path)
		}
	}
}

// The holders of one namespace take little more than they do in memory, while they are read too.
func TestReadHoldersMemory(t *testing.T) {
	const many, most = 100_000, 1000 // bytes of each that are allocated in all; it was 2,500
	text := `{"schema":"nsinspect/v2","document":"snapshot","taken":"2026-03-01T12:00:00Z","types":["net"],"namespaces":[{"type":"net","inode":1,"holders":[` +
		strings.TrimSuffix(strings.Repeat(`{"kind":"mount","path":"/a","authority":"root"},`, many), ",") + `]}],"texts":[]}`
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f, err := Read(strings.NewReader(text))
	runtime.ReadMemStats(&after)
	if err != nil {
		t.Fatal(err)
	}
	if n := len(f.Snapshot.Find(1).Holders); n != many {
		t.Errorf("%d holders, want %d", n, many)
	}
	if each := (after.TotalAlloc - before.TotalAlloc) / many; each > most {
		t.Errorf("%d bytes a holder, want at most %d", each, most)
	}
}
