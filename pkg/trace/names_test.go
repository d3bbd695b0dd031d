// SPDX-License-Identifier: Apache-2.0

package trace

import (
	"fmt"
	"slices"
	"strconv"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/internal/need"
	"github.com/nsinspect/nsinspect/internal/nstest"
	"github.com/nsinspect/nsinspect/pkg/ns"
)

// entering is an event that enters a namespace.
func entering(s *nstest.Scene) []Event {
	e := Event{Call: Setns, Time: time.Now()}
	e.To[ns.Net] = NS{s.Inode, s.Cookie}
	return []Event{e}
}

func TestNamesFollowChanges(t *testing.T) {
	dir := nstest.NewNames(t)
	first := dir.Add("first")
	n, err := NewNames([]string{dir.Dir})
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	called := func(s *nstest.Scene) []string { return n.Names(ns.Net, entering(s)[0].To[ns.Net]) }

	// update asks until what is to come has come: a machine may be slow.
	update := func(s *nstest.Scene, want ...string) {
		t.Helper()
		nstest.Eventually(t, func() string {
			if n.Update(entering(s)); slices.Equal(called(s), want) {
				return ""
			}
			return fmt.Sprintf("called %q, want %q", called(s), want)
		})
	}
	update(first, "first")
	second := dir.Add("second")
	update(second, "second")
	dir.Bind("zweite", second)
	other := dir.Add("other") // an event without a name has it looked for, and the rest with it
	update(other, "other")
	update(second, "second", "zweite")

	target := NS{first.Inode, first.Cookie + 1}
	if !need.KernelIs(t, 5, 14) {
		t.Log("no cookies before Linux 5.14")
	} else if got := n.Names(ns.Net, target); got != nil {
		t.Errorf("a namespace with that inode and another cookie is called %q", got)
	}
	if got := n.Names(ns.Net, NS{Inode: first.Inode}); !slices.Equal(got, []string{"first"}) {
		t.Errorf("where no cookie is known it is called %q", got)
	}
	if got := n.Names(ns.Mnt, NS{Inode: first.Inode}); got != nil {
		t.Errorf("a namespace of another type is called %q", got)
	}
	second.Free()
	update(second) // in the end it has no name any more
}

func TestNamesOfHost(t *testing.T) {
	n, err := NewNames(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	if !n.Initial(ns.User, NS{Inode: 4026531837}) || n.Initial(ns.User, NS{Inode: 4026531838}) || n.Initial(ns.Net, NS{}) {
		t.Error("which namespaces are the machine's own is wrong")
	}
}

// With a thousand names an event waits for a look, if it has to, and no longer.
func BenchmarkNamesUpdate(b *testing.B) {
	dir := nstest.NewNames(b)
	scene := dir.Add("0")
	for i := range 1000 {
		dir.Bind(strconv.Itoa(i+1), scene)
	}
	n, err := NewNames([]string{dir.Dir})
	if err != nil {
		b.Fatal(err)
	}
	defer n.Close()
	known, unknown := entering(scene), []Event{{Call: Setns, To: Set{{Inode: 1, Cookie: 1}}}}
	n.Update(unknown)
	b.Run("known", func(b *testing.B) {
		for b.Loop() {
			n.Update(known)
		}
	})
	b.Run("unknown", func(b *testing.B) {
		for b.Loop() {
			n.Update(unknown)
		}
	})
	b.Run("mounts", func(b *testing.B) {
		var longest time.Duration
		for b.Loop() {
			if err := unix.Mount("none", dir.Dir, "tmpfs", 0, ""); err != nil {
				b.Fatal(err)
			}
			if err := unix.Unmount(dir.Dir, unix.MNT_DETACH); err != nil {
				b.Fatal(err)
			}
			began := time.Now()
			n.Update(unknown)
			longest = max(longest, time.Since(began))
		}
		b.ReportMetric(float64(longest.Milliseconds()), "longest-ms")
	})
}
