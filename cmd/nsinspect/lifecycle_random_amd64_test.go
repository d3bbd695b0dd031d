// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/internal/need"
	"github.com/nsinspect/nsinspect/internal/nstest"
)

// lifeRecord is what is compared of a record of the trace.
type lifeRecord struct {
	Time      time.Time
	Event     string
	PID       int
	Duration  time.Duration `json:"duration_ns"`
	Within    time.Duration `json:"within_ns"`
	Lifetime  time.Duration `json:"lifetime_ns"`
	Names     []string
	Namespace struct{ Cookie uint64 }
	By        *struct{ PID int }
	Total     uint64 // of a kind of loss
}

// callsLost reports whether calls were lost, which may have created namespaces: other tests
// may make more of them than the buffer holds.
func callsLost(records []lifeRecord) bool {
	return slices.ContainsFunc(records, func(r lifeRecord) bool { return r.Event == "lost" && r.Total > 0 })
}

// readRecords reads the whole lines of a file.
func readRecords(t *testing.T, path string) (all []lifeRecord) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for line := range bytes.Lines(text) {
		if !bytes.HasSuffix(line, []byte{'\n'}) {
			break
		}
		var r lifeRecord
		if err := json.Unmarshal(line, &r); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		all = append(all, r)
	}
	return all
}

// replay returns the names of every namespace that is alive by the records. What does not
// follow from those before is passed to wrong.
func (l *lives) replay(records []lifeRecord, wrong func(*lifeRecord, string)) map[uint64][]string {
	alive, ended := map[uint64][]string{}, map[uint64]bool{}
	for i := range records {
		r := &records[i]
		cookie := r.Namespace.Cookie
		if l.all[cookie] == nil {
			continue // somebody else's
		}
		names, is := alive[cookie]
		switch {
		case r.Event == "created" && (is || ended[cookie]):
			wrong(r, "created twice")
		case r.Event != "created" && !is:
			wrong(r, "not alive")
		case r.Event == "created":
			alive[cookie] = slices.Clone(r.Names)
		case r.Event == "named":
			for _, name := range r.Names {
				if slices.Contains(names, name) {
					wrong(r, "named before")
				}
			}
			alive[cookie] = append(names, r.Names...)
		case r.Event == "unnamed":
			for _, name := range r.Names {
				if !slices.Contains(names, name) {
					wrong(r, "not named before")
				}
			}
			alive[cookie] = slices.DeleteFunc(names, func(name string) bool { return slices.Contains(r.Names, name) })
		case r.Event == "freed":
			delete(alive, cookie)
			ended[cookie] = true
		}
	}
	return alive
}

// compare returns how what is alive by the records differs from the truth.
func (l *lives) compare(alive map[uint64][]string) string {
	want := map[uint64][]string{}
	for _, n := range l.alive {
		want[n.cookie] = n.names
	}
	sorted := func(a []string) []string { return slices.Sorted(slices.Values(a)) }
	if maps.EqualFunc(alive, want, func(a, b []string) bool { return slices.Equal(sorted(a), sorted(b)) }) {
		return ""
	}
	return fmt.Sprintf("by the records there are %v, in truth %v", alive, want)
}

// checkTimes checks that each record has a time at which what it shows can have happened,
// and returns how long after that it was noticed, where it was.
func (l *lives) checkTimes(records []lifeRecord) (late []time.Duration) {
	lost := callsLost(records)
	if lost {
		l.t.Log("calls were lost: who has created what is not compared")
	}
	for i := range records {
		r := &records[i]
		n := l.all[r.Namespace.Cookie]
		if n == nil {
			continue
		}
		names := r.Names
		if r.Event == "created" || r.Event == "freed" {
			names = []string{""}
		}
		for _, name := range names {
			at := slices.IndexFunc(n.deeds, func(d deed) bool { return d.kind == r.Event && d.name == name })
			if at < 0 {
				l.t.Errorf("%s %q of %d never was: %+v", r.Event, name, n.cookie, r)
				continue
			}
			d := n.deeds[at]
			if r.Time.Before(d.before.Add(-slack)) || r.Time.Add(-r.Within).After(d.after.Add(slack)) && r.Event != "freed" {
				l.t.Errorf("%s %q of %d was between %v and %v: %+v", r.Event, name, n.cookie, d.before, d.after, r)
			}
			if r.Event == "named" || r.Event == "unnamed" {
				late = append(late, r.Time.Sub(d.after))
			}
		}
		if r.Event != "created" || !lost {
			l.checkLife(n, r)
		}
	}
	return late
}

// checkLife checks who has created a namespace, and how long it lived.
func (l *lives) checkLife(n *life, r *lifeRecord) {
	switch r.Event {
	case "created":
		if r.By == nil || r.By.PID != os.Getpid() || r.Within != 0 {
			l.t.Errorf("created by %+v, in truth by process %d: %+v", r.By, os.Getpid(), r)
		}
	case "freed":
		least := n.deeds[len(n.deeds)-1].before.Sub(n.deeds[0].after)
		if r.Lifetime < least-slack || r.Lifetime-r.Within < 0 || r.Within == 0 {
			l.t.Errorf("it existed for %v or longer: %+v", least, r)
		}
	}
}

// checkOrder checks that records are in order of time, but for calls that took too long.
func checkOrder(t *testing.T, records []lifeRecord) {
	t.Helper()
	var last time.Time
	for i := range records {
		r := &records[i]
		if r.Event == "start" || r.Event == "lost" || r.Event == "end" || r.Duration >= orderWait/2 {
			continue
		}
		if r.Time.Before(last) {
			t.Errorf("%+v comes after one of %v", r, last)
		}
		last = r.Time
	}
}

// TestLifecycleRandom makes, names, renames, unnames and frees namespaces in random order
// and at random speed, while a trace runs: its records, replayed, give what there is, and
// what they have of times and creators is true.
func TestLifecycleRandom(t *testing.T) {
	need.Root(t)
	if !mayTrace() {
		need.Missing(t, "needs to trace")
	}
	if !need.KernelIs(t, 5, 14) {
		need.Missing(t, "needs cookies, to know one namespace from the next")
	}
	steps := 600
	if *full {
		steps = 12_000 // 2,000 namespaces and more
	}
	for _, flags := range [][]string{{"--lifecycle"}, {"--lifecycle", "--syscalls"}} {
		t.Run(fmt.Sprint(flags), func(t *testing.T) { randomLives(t, steps, flags) })
	}
}

func randomLives(t *testing.T, steps int, flags []string) {
	runtime.LockOSThread() // the trace gets Pdeathsig when the thread that started it ends
	defer runtime.UnlockOSThread()
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	l := newLives(t, seed)
	events := filepath.Join(t.TempDir(), "events")
	end := traceLives(t, l, events, flags)
	for range steps {
		l.step()
		l.pause()
	}
	nstest.Eventually(t, func() string {
		return l.compare(l.replay(readRecords(t, events), func(*lifeRecord, string) {}))
	})
	l.step() // just before the end
	end()
	records := readRecords(t, events)
	if wrong := l.compare(l.replay(records, func(r *lifeRecord, what string) { t.Errorf("%s: %+v", what, r) })); wrong != "" {
		t.Error(wrong)
	}
	late := l.checkTimes(records)
	checkOrder(t, records)
	slices.Sort(late)
	if len(late) == 0 {
		t.Fatal("no name was reported")
	}
	t.Logf("%d namespaces, %d names, %d of their changes reported: half within %v, 99 %% within %v, all within %v", len(l.all), l.named, len(late),
		late[len(late)/2].Round(time.Millisecond), late[len(late)*99/100].Round(time.Millisecond), late[len(late)-1].Round(time.Millisecond))
}

// traceLives starts a trace that writes to a file, and returns a function that ends it.
func traceLives(t *testing.T, l *lives, events string, flags []string) (end func()) {
	var stderr bytes.Buffer
	cmd := exec.Command(program(t), append([]string{"--netns-dir", l.dir, "trace", "-o", "json", "--buffer", "128M", "--to", events}, flags...)...)
	cmd.Stderr = &stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	wait := sync.OnceValue(cmd.Wait)
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // it may have ended
		_ = wait()
	})
	nstest.Eventually(t, func() string {
		if text, err := os.ReadFile(events); err != nil || !bytes.HasSuffix(text, []byte{'\n'}) {
			return "the trace does not start"
		}
		return ""
	})
	return func() {
		if err := cmd.Process.Signal(unix.SIGINT); err != nil {
			t.Fatal(err)
		}
		if err := wait(); err != nil {
			t.Fatalf("%v: %s", err, stderr.String())
		}
	}
}
