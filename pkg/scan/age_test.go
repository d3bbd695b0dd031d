// SPDX-License-Identifier: Apache-2.0

package scan

import (
	"testing"
	"time"

	"github.com/nsinspect/nsinspect/internal/nstest"
	"github.com/nsinspect/nsinspect/pkg/ns"
)

func TestAgeSource(t *testing.T) {
	monday := time.Unix(1700000000, 0)
	var a ns.Age
	a.Add(time.Time{}, ns.FromName)
	if !a.Since.IsZero() || a.From != "" {
		t.Errorf("age %+v, want nothing of the zero time", a)
	}
	a.Add(monday, ns.FromProcess)
	a.Add(monday, ns.FromName)
	a.Add(monday.Add(time.Hour), ns.FromFile)
	if want := (ns.Age{Since: monday, From: ns.FromProcess}); a != want {
		t.Errorf("age %+v, want %+v: the oldest word, the first of two that are alike", a, want)
	}
	a.Add(monday.Add(-time.Hour), ns.FromName)
	if want := (ns.Age{Since: monday.Add(-time.Hour), From: ns.FromName}); a != want {
		t.Errorf("age %+v, want %+v", a, want)
	}
}

// The facts that the age of real namespaces is taken from. No time is waited for: each is to lie
// between two looks at the clock, give or take what the kernel rounds: times of
// files to a tick, the time of boot that a process's start is added to to a second.
func TestAgeLive(t *testing.T) {
	const tick, second = 50 * time.Millisecond, time.Second + 50*time.Millisecond
	before := time.Now().Add(-tick)
	dir := nstest.NewNames(t)
	named := dir.Add("named")
	process := nstest.Make(t, nstest.Process)
	dir.Bind("late", process)
	open := nstest.Make(t, nstest.FD)
	socket := nstest.Make(t, nstest.Socket)
	after := time.Now().Add(tick)

	snap := scanLive(t, Options{NamesDirs: []string{dir.Dir}, Details: true})
	for inode, from := range map[uint64]ns.AgeFrom{named.Inode: ns.FromName, process.Inode: ns.FromProcess, open.Inode: ns.FromFile} {
		n := snap.Find(inode)
		if n == nil {
			t.Fatalf("net:[%d] is not there", inode)
		}
		earliest := before
		if from == ns.FromProcess {
			earliest = before.Add(-second)
		}
		if n.Age.From != from || n.Age.Since.Before(earliest) || n.Age.Since.After(after) {
			t.Errorf("%s: age %+v, want one from %q between %v and %v", n, n.Age, from, before, after)
		}
	}
	if n := snap.Find(socket.Inode); n == nil || n.Age != (ns.Age{}) {
		t.Errorf("namespace %+v, want it without an age: the scan itself opened its file first", n)
	}
	if host := snap.Find(snap.Initial[ns.Net]); host.Age.From != ns.FromBoot || host.Age.Since.After(before) {
		t.Errorf("the host's age is %+v, want it from boot", host.Age)
	}
	if n := scanLive(t, Options{NamesDirs: []string{dir.Dir}}).Find(named.Inode); n.Age != (ns.Age{}) {
		t.Errorf("age %+v without details asked for", n.Age)
	}
}
