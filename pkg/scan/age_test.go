// SPDX-License-Identifier: Apache-2.0

package scan

import (
	"testing"
	"time"

	"github.com/nsinspect/nsinspect/internal/nstest"
)

func TestAgeTell(t *testing.T) {
	monday := time.Unix(1700000000, 0)
	var a Age
	a.Tell(time.Time{}, FromName)
	if !a.Since.IsZero() || a.From != "" {
		t.Errorf("age %+v, want nothing of the zero time", a)
	}
	a.Tell(monday, FromProcess)
	a.Tell(monday, FromName)
	a.Tell(monday.Add(time.Hour), FromFile)
	if want := (Age{monday, FromProcess}); a != want {
		t.Errorf("age %+v, want %+v: the oldest word, the first of two that are alike", a, want)
	}
	a.Tell(monday.Add(-time.Hour), FromName)
	if want := (Age{monday.Add(-time.Hour), FromName}); a != want {
		t.Errorf("age %+v, want %+v", a, want)
	}
}

// What tells the age of real namespaces. No time is waited for: each is to lie
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
	for inode, from := range map[uint64]AgeFrom{named.Inode: FromName, process.Inode: FromProcess, open.Inode: FromFile} {
		n := snap.Find(inode)
		if n == nil {
			t.Fatalf("net:[%d] is not there", inode)
		}
		earliest := before
		if from == FromProcess {
			earliest = before.Add(-second)
		}
		if n.Age.From != from || n.Age.Since.Before(earliest) || n.Age.Since.After(after) {
			t.Errorf("%s: age %+v, want one from %q between %v and %v", n, n.Age, from, before, after)
		}
	}
	if n := snap.Find(socket.Inode); n == nil || n.Age != (Age{}) {
		t.Errorf("namespace %+v, want it with an age that nothing tells: the scan itself opened its file first", n)
	}
	if host := snap.Find(snap.Initial[Net]); host.Age.From != FromBoot || host.Age.Since.After(before) {
		t.Errorf("the host's age is %+v, want it from boot", host.Age)
	}
	if n := scanLive(t, Options{NamesDirs: []string{dir.Dir}}).Find(named.Inode); n.Age != (Age{}) {
		t.Errorf("age %+v without details asked for", n.Age)
	}
}
