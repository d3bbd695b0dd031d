// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/internal/need"
	"github.com/nsinspect/nsinspect/internal/nstest"
)

// deed is one thing that was done to a namespace, between two times.
type deed struct {
	kind, name    string
	before, after time.Time
}

// life is the truth about one namespace.
type life struct {
	cookie uint64
	held   *os.File
	names  []string
	deeds  []deed
}

// slack is how far the clock that calls have may be from ours.
const slack = time.Millisecond

// lives makes, names, renames, unnames and frees namespaces in random order.
type lives struct {
	t     *testing.T
	rand  *rand.Rand
	dir   string
	all   map[uint64]*life
	alive []*life
	named int // names given so far
}

// do does something to a namespace and keeps that.
func (l *lives) do(n *life, kind, name string, act func() error) {
	l.t.Helper()
	before := time.Now()
	if err := act(); err != nil {
		l.t.Fatalf("%s %q: %v", kind, name, err)
	}
	n.deeds = append(n.deeds, deed{kind, name, before, time.Now()})
}

// create makes a namespace that one open file holds.
func (l *lives) create() {
	l.t.Helper()
	n := &life{}
	l.do(n, "created", "", func() error { return inThread(n.make) })
	l.all[n.cookie] = n
	l.alive = append(l.alive, n)
}

// inThread calls a function in a thread that ends with it.
func inThread(f func() error) error {
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // and never unlocked
		done <- f()
	}()
	return <-done
}

func (n *life) make() error {
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		return err
	}
	s, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(s)
	if n.cookie, err = unix.GetsockoptUint64(s, unix.SOL_SOCKET, unix.SO_NETNS_COOKIE); err != nil {
		return err
	}
	n.held, err = os.Open("/proc/thread-self/ns/net")
	return err
}

// name gives a namespace a name, a mount or a symlink.
func (l *lives) name(n *life) {
	l.t.Helper()
	l.named++
	name := fmt.Sprintf("n%d", l.named)
	path, target := filepath.Join(l.dir, name), fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), n.held.Fd())
	if l.rand.IntN(4) == 0 {
		l.do(n, "named", name, func() error { return os.Symlink(target, path) })
	} else {
		l.do(n, "named", name, func() error {
			if err := os.WriteFile(path, nil, 0o644); err != nil {
				return err
			}
			return unix.Mount(target, path, "", unix.MS_BIND, "")
		})
	}
	n.names = append(n.names, name)
}

// unname takes a name away.
func (l *lives) unname(n *life, i int) {
	l.t.Helper()
	name := n.names[i]
	path := filepath.Join(l.dir, name)
	n.names = slices.Delete(n.names, i, i+1)
	l.do(n, "unnamed", name, func() error {
		// EINVAL: a symlink is no mount.
		if err := unix.Unmount(path, unix.MNT_DETACH|unix.UMOUNT_NOFOLLOW); err != nil && !errors.Is(err, unix.EINVAL) {
			return err
		}
		return os.Remove(path)
	})
}

// rename gives a symlink another name; a mount gets that one and loses the other.
func (l *lives) rename(n *life) {
	l.t.Helper()
	l.name(n)
	l.unname(n, l.rand.IntN(len(n.names)))
}

// free takes a namespace's names and its file away, in random order: a symlink goes before
// the file to which it leads.
func (l *lives) free(i int) {
	l.t.Helper()
	n := l.alive[i]
	l.alive = slices.Delete(l.alive, i, i+1)
	before := time.Now()
	fileLast := l.rand.IntN(2) == 0 || slices.ContainsFunc(n.names, func(name string) bool {
		st, err := os.Lstat(filepath.Join(l.dir, name))
		return err != nil || st.Mode()&os.ModeSymlink != 0
	})
	if !fileLast {
		n.held.Close()
	}
	for len(n.names) > 0 {
		l.unname(n, l.rand.IntN(len(n.names)))
	}
	if fileLast {
		n.held.Close()
	}
	n.deeds = append(n.deeds, deed{"freed", "", before, time.Now()})
}

// step does one thing.
func (l *lives) step() {
	const most = 40
	if len(l.alive) == 0 || len(l.alive) < most && l.rand.IntN(3) == 0 {
		l.create()
		return
	}
	i := l.rand.IntN(len(l.alive))
	n := l.alive[i]
	switch what := l.rand.IntN(6); {
	case what < 2 && len(n.names) < 4:
		l.name(n)
	case what == 2 && len(n.names) > 0:
		l.unname(n, l.rand.IntN(len(n.names)))
	case what == 3 && len(n.names) > 0:
		l.rename(n)
	case what >= 4:
		l.free(i)
	}
}

// pause is as long as chance has it: mostly not at all, at times longer than a poll takes.
func (l *lives) pause() {
	switch l.rand.IntN(20) {
	case 0:
		time.Sleep(time.Duration(l.rand.IntN(150)) * time.Millisecond)
	case 1, 2, 3, 4:
		time.Sleep(time.Duration(l.rand.IntN(5000)) * time.Microsecond)
	}
}

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
		l.checkLife(n, r)
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
	names := nstest.NewNames(t)
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	l := &lives{t: t, rand: rand.New(rand.NewPCG(seed, 0)), dir: names.Dir, all: map[uint64]*life{}}
	t.Cleanup(func() {
		for len(l.alive) > 0 && !t.Failed() {
			l.free(0)
		}
		for _, n := range l.alive {
			for _, name := range n.names {
				_ = unix.Unmount(filepath.Join(l.dir, name), unix.MNT_DETACH|unix.UMOUNT_NOFOLLOW) // it may be a symlink
			}
			n.held.Close()
		}
	})
	events := filepath.Join(t.TempDir(), "events")
	var stderr bytes.Buffer
	cmd := exec.Command(programLink(t), append([]string{"--netns-dir", l.dir, "trace", "-o", "json", "--to", events}, flags...)...)
	cmd.Stderr = &stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := false
	t.Cleanup(func() {
		if !ended {
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
		}
	})
	nstest.Eventually(t, func() string {
		if text, err := os.ReadFile(events); err != nil || !bytes.HasSuffix(text, []byte{'\n'}) {
			return "the trace does not start"
		}
		return ""
	})
	for range steps {
		l.step()
		l.pause()
	}
	nstest.Eventually(t, func() string {
		return l.compare(l.replay(readRecords(t, events), func(*lifeRecord, string) {}))
	})
	l.step() // just before the end
	if err := cmd.Process.Signal(unix.SIGINT); err != nil {
		t.Fatal(err)
	}
	err := cmd.Wait()
	if ended = true; err != nil {
		t.Fatalf("%v: %s", err, stderr.String())
	}
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
