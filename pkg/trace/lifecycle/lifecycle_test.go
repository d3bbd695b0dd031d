// SPDX-License-Identifier: Apache-2.0

//go:build amd64 || arm64

package lifecycle

import (
	"fmt"
	"os/exec"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/nsinspect/nsinspect/internal/bpfreader"
	"github.com/nsinspect/nsinspect/internal/need"
	"github.com/nsinspect/nsinspect/internal/testlock"
	"github.com/nsinspect/nsinspect/pkg/ns"
	"github.com/nsinspect/nsinspect/pkg/trace"
)

// A namespace is created, gets a name, loses it, and is freed when its process
// ends; and each is reported once.
func TestWatcher(t *testing.T) {
	need.Root(t)
	testlock.Shared(t)
	need.Program(t, "unshare")
	named := fakeNames{}
	watcher, err := Open(named, []ns.Type{ns.Net})
	if err != nil {
		need.Missing(t, "needs the kernel's list of namespaces: "+err.Error())
	}
	defer watcher.Close()
	cmd := exec.Command("unshare", "-n", "sh", "-c", "echo; read end")
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := stdout.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	var st syscall.Stat_t
	if err := syscall.Stat(fmt.Sprintf("/proc/%d/ns/net", cmd.Process.Pid), &st); err != nil {
		t.Fatal(err)
	}
	inode := st.Ino
	var made trace.NS
	var reported []Kind
	look := func(until Kind) Event {
		t.Helper()
		for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
			if err := watcher.Poll(); err != nil {
				t.Fatal(err)
			}
			for _, l := range watcher.Events(time.Now()) {
				if l.NS.Inode != inode || made.Inode != 0 && l.NS != made {
					continue
				}
				reported = append(reported, l.Kind)
				if l.Kind == until {
					return l
				}
			}
		}
		t.Fatalf("no %s of net:[%d]; reported %v", until, inode, reported)
		return Event{}
	}
	made = look(Created).NS
	named[made] = []string{"blue"}
	if l := look(Named); !slices.Equal(l.Names, []string{"blue"}) {
		t.Errorf("%+v", l)
	}
	delete(named, made)
	look(Unnamed)
	stdin.Close()
	if err := cmd.Wait(); err == nil {
		t.Error("read did not see the end")
	}
	if l := look(Freed); l.Lived <= 0 || l.Within <= 0 {
		t.Errorf("%+v", l)
	}
	if want := []Kind{Created, Named, Unnamed, Freed}; !slices.Equal(reported, want) {
		t.Errorf("reported %v", reported)
	}
}

// fakeNames are names that the test changes.
type fakeNames map[trace.NS][]string

func (f fakeNames) Current(_ ns.Type, target trace.NS) []string { return f[target] }
func (f fakeNames) Old(ns.Type, trace.NS) []string              { return nil }
func (f fakeNames) Since() time.Time                            { return time.Time{} }

// fakeList is a kernel's list that the test changes.
type fakeList map[trace.NS]int

func (f fakeList) list(ns.Type) (all []bpfreader.Listed, err error) {
	for target, refs := range f {
		all = append(all, bpfreader.Listed{Inode: uint32(target.Inode), ID: target.Cookie, Refs: refs})
	}
	return all, nil
}

// stepper calls a Watcher as a trace does.
type stepper struct {
	*Watcher
	t     *testing.T
	list  fakeList
	names fakeNames
	boot  time.Time
}

func newStepper(t *testing.T) *stepper {
	s := &stepper{t: t, list: fakeList{}, names: fakeNames{}, boot: time.Now()}
	s.Watcher = newWatcher(s.names, s.list.list, ns.Net)
	if err := s.begin(); err != nil {
		t.Fatal(err)
	}
	return s
}

// poll looks, and returns what is reported once everything up to a time is read.
func (s *stepper) poll(read time.Time) (all []Event) {
	s.t.Helper()
	if err := s.Poll(); err != nil {
		s.t.Fatal(err)
	}
	return s.Events(read)
}

// unshare is a call that has just created a namespace.
func unshare(target trace.NS) trace.Event {
	return trace.Event{Call: trace.Unshare, PID: 42, Flags: trace.FlagOf(ns.Net), To: trace.Set{ns.Net: target}, Time: time.Now()}
}

// check compares the kinds of events.
func check(t *testing.T, what string, got []Event, want ...Kind) {
	t.Helper()
	var kinds []Kind
	for _, e := range got {
		kinds = append(kinds, e.Kind)
	}
	if !slices.Equal(kinds, want) {
		t.Errorf("%s: reported %v, want %v: %+v", what, kinds, want, got)
	}
}

// later is when everything there is has been read.
func later() time.Time { return time.Now().Add(time.Hour) }

// A namespace whose creation was recorded is reported with its creator, and not again when
// it is on the list.
func TestObserve(t *testing.T) {
	s := newStepper(t)
	e := unshare(trace.NS{Inode: 5, Cookie: 6})
	failed, other := e, e
	failed.Errno, other.Flags = 1, trace.FlagOf(ns.Mnt)
	s.Observe([]trace.Event{failed, other})
	check(t, "a call that creates none", s.Events(later()))
	s.Observe([]trace.Event{e, e})
	got := s.Events(later())
	check(t, "a call seen twice", got, Created)
	if len(got) == 1 && (got[0].By == nil || got[0].By.PID != 42 || got[0].Within != 0) {
		t.Errorf("%+v", got)
	}
	s.list[trace.NS{Inode: 5, Cookie: 6}] = 1
	check(t, "on the list", s.poll(later()))
}

// What is on the list before its call was read is reported with that call; without, only
// when no call has come for some time.
func TestCreatedWaitsForCall(t *testing.T) {
	s := newStepper(t)
	target, silent := trace.NS{Inode: 5, Cookie: 6}, trace.NS{Inode: 7, Cookie: 8}
	s.list[target], s.list[silent] = 1, 1
	e := unshare(target)
	e.Duration = time.Millisecond
	check(t, "before its call was read", s.poll(time.Now()))
	delete(s.list, silent) // freed before anything is known of its call
	check(t, "freed before its call was read", s.poll(time.Now()))
	s.Observe([]trace.Event{e})
	got := s.Events(e.Time.Add(e.Duration))
	check(t, "with its call", got, Created)
	if len(got) == 1 && got[0].By == nil {
		t.Errorf("%+v", got)
	}
	got = s.poll(later())
	check(t, "without a call", got, Created, Freed)
	if len(got) == 2 && (got[0].NS != silent || got[0].By != nil || got[0].Time.Add(-got[0].Within).After(e.Time) || got[1].Time.Before(got[0].Time)) {
		t.Errorf("%+v", got)
	}
}

// Within of what was freed goes back to when it was last known to be there: to the look
// before, or to its creation.
func TestFreedWithin(t *testing.T) {
	s := newStepper(t)
	before := trace.NS{Inode: 1, Cookie: 1}
	s.list[before] = 1
	s.poll(later())
	looked := s.polled
	e := unshare(trace.NS{Inode: 5, Cookie: 6})
	s.Observe([]trace.Event{e})
	s.list[before] = 0
	got := s.poll(later())
	check(t, "both gone", got, Created, Freed, Freed)
	if len(got) != 3 {
		return
	}
	if old := got[1]; old.NS != before || !old.Time.Add(-old.Within).Equal(looked) || old.Lived < old.Within {
		t.Errorf("%+v, and the look before at %v", old, looked)
	}
	if short := got[2]; short.NS == before || !short.Time.Add(-short.Within).Equal(e.Time) || short.Lived != short.Within {
		t.Errorf("%+v, created %v", short, e.Time)
	}
}

// A last name that goes together with its namespace is that one's; a namespace that goes on
// is unnamed, and freed without a name.
func TestUnnamed(t *testing.T) {
	s := newStepper(t)
	a, b := trace.NS{Inode: 1, Cookie: 1}, trace.NS{Inode: 2, Cookie: 2}
	s.list[a], s.list[b] = 1, 1
	s.names[a], s.names[b] = []string{"a"}, []string{"b"}
	check(t, "both", s.poll(later()), Created, Created)
	deleted := time.Now()
	delete(s.names, a)
	delete(s.names, b)
	check(t, "just lost", s.poll(later()))
	if !s.Eager() {
		t.Error("the next poll is not asked for")
	}
	delete(s.list, a)
	got := s.poll(later())
	check(t, "one is freed", got, Freed)
	if len(got) == 1 && !slices.Equal(got[0].Names, []string{"a"}) {
		t.Errorf("%+v", got)
	}
	n := s.alive[id{b, ns.Net}]
	n.lost = n.lost.Add(-parting)
	got = s.poll(later())
	check(t, "the other goes on", got, Unnamed)
	if len(got) == 1 && (!slices.Equal(got[0].Names, []string{"b"}) || got[0].Time.Add(-got[0].Within).After(deleted)) {
		t.Errorf("%+v", got)
	}
	delete(s.list, b)
	got = s.poll(later())
	check(t, "the other is freed", got, Freed)
	if len(got) == 1 && got[0].Names != nil {
		t.Errorf("%+v", got)
	}
}

// Where events have no cookies, as in tier 3, each inode is that of the namespace that the
// last call created.
func TestWithoutCookies(t *testing.T) {
	s := newStepper(t)
	call := unshare(trace.NS{Inode: 5})
	s.Observe([]trace.Event{call})
	s.list[trace.NS{Inode: 5, Cookie: 6}] = 1
	got := s.poll(later())
	check(t, "a call without a cookie", got, Created)
	if len(got) == 1 && (got[0].NS.Cookie != 6 || got[0].By == nil) {
		t.Errorf("%+v", got)
	}
	s.Observe([]trace.Event{unshare(trace.NS{Inode: 5}), unshare(trace.NS{Inode: 5})})
	delete(s.list, trace.NS{Inode: 5, Cookie: 6})
	check(t, "the inode twice again", s.poll(later()), Freed, Created, Freed, Created, Freed)
}

// The last look reports what was waiting, and nothing that may have come after the last
// event.
func TestFinish(t *testing.T) {
	s := newStepper(t)
	seen, named, late := trace.NS{Inode: 1, Cookie: 1}, trace.NS{Inode: 2, Cookie: 2}, trace.NS{Inode: 3, Cookie: 3}
	s.list[named], s.names[named] = 1, []string{"blue"}
	check(t, "one with a name", s.poll(later()), Created)
	s.list[seen] = 1
	check(t, "one whose call may come", s.poll(time.Now()))
	delete(s.names, named)
	check(t, "the name just lost", s.poll(time.Now()))
	s.list[late] = 1
	got, err := s.Finish()
	if err != nil {
		t.Fatal(err)
	}
	check(t, "the end", got, Unnamed, Created)
	if len(got) == 2 && (got[0].NS != named || got[1].NS != seen) {
		t.Errorf("%+v", got)
	}
}
