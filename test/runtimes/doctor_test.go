// SPDX-License-Identifier: Apache-2.0

package runtimes

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/internal/wire/wiretest"
)

// doctorAnswer is the output of `doctor -o json`.
type doctorAnswer struct {
	head
	Status   string
	Findings []finding
	Unknown  []struct{ Check, Why string }
}

type finding struct {
	Check, Severity, Title, Path, Summary string
	Evidence, Fix                         []string
	Subject                               *namespace
}

// doctor runs `doctor -o json` and checks its exit status.
func (n nsinspect) doctor(t testing.TB, args ...string) doctorAnswer {
	t.Helper()
	stdout, stderr, status := n.run(t, append([]string{"doctor", "--min-age", "0", "-o", "json"}, args...)...)
	var a doctorAnswer
	if err := json.Unmarshal([]byte(stdout), &a); err != nil {
		t.Fatalf("nsinspect doctor: exit status %d: parse its JSON: %v: %s%s", status, err, stdout, stderr)
	}
	if err := wiretest.Validate([]byte(stdout)); err != nil {
		t.Error(err)
	}
	checkHead(t, a.head)
	if want := map[string]int{"ok": 0, "warning": 1, "critical": 2, "unknown": 3}[a.Status]; status != want {
		t.Errorf("doctor: exit status %d with status %q", status, a.Status)
	}
	return a
}

// ward is what the doctor's findings are to be about: the runtimes of this test.
// Other tests break things meanwhile.
type ward struct {
	homes  []*home
	inodes []uint64
	dirs   []string // names below are ours, and names that begin so
}

func (w *ward) admit(t *testing.T, containers ...container) {
	t.Helper()
	for _, c := range containers {
		w.inodes = append(w.inodes, c.netns(t))
		if c.sandboxKey != "" {
			w.dirs = append(w.dirs, c.sandboxKey)
		}
	}
}

// findings are those that are about what is ours, or of our processes.
func (w *ward) findings(t *testing.T, a doctorAnswer) (all []finding) {
	t.Helper()
	var pids []string
	for _, h := range w.homes {
		of, err := processesOf(h.dir, nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, pid := range of {
			pids = append(pids, fmt.Sprintf("(pid %d)", pid))
		}
	}
	for _, f := range a.Findings {
		text := f.Title + f.Summary + strings.Join(f.Evidence, "\n")
		if f.Subject != nil && slices.Contains(w.inodes, f.Subject.Inode) || containsAny(text, pids) ||
			slices.ContainsFunc(w.dirs, func(dir string) bool { return f.Path != "" && strings.HasPrefix(f.Path, dir) }) {
			all = append(all, f)
		}
	}
	return all
}

// healthy checks that doctor reports nothing of ours.
func (w *ward) healthy(t *testing.T, n nsinspect, when string) {
	t.Helper()
	for _, f := range w.findings(t, n.doctor(t)) {
		t.Errorf("%s: a false alarm: %+v", when, f)
	}
}

// TestDoctorDocker checks that the doctor reports nothing of a dockerd at any
// moment of its containers' lives, and everything when it has been killed.
func TestDoctorDocker(t *testing.T) {
	d := startDocker(t)
	n := newInspect(t, "--netns-dir", d.netnsDir)
	w := &ward{homes: []*home{d.home}, dirs: []string{d.netnsDir}}
	web := d.run(t, "web")
	peer := d.run(t, "peer", "--network", "container:web")
	alone := d.run(t, "alone", "--network", "none")
	d.run(t, "host", "--network", "host")
	w.admit(t, web, peer, alone)
	w.healthy(t, n, "running")
	d.exec(t, "--detach", "alone", "sleep", "599")
	d.command(t, "pause", "web")
	w.healthy(t, n, "paused")
	d.command(t, "unpause", "web")
	d.command(t, "network", "disconnect", "net", "web")
	d.command(t, "network", "connect", "net", "web")
	w.healthy(t, n, "reconnected")
	d.command(t, "stop", "alone") // its name is a plain file now, until dockerd removes it
	w.healthy(t, n, "stopped")
	d.command(t, "start", "alone")
	d.command(t, "restart", "web")
	d.remove(t, "peer")
	web, alone = d.inspect(t, "web"), d.inspect(t, "alone")
	w.admit(t, web, alone)
	w.healthy(t, n, "restarted")

	// Killed, so that nobody takes away what the containers had.
	killNow(t, d.daemon.cmd.Process.Pid)
	<-d.daemon.done
	for _, f := range w.findings(t, n.doctor(t)) {
		if f.Check != "leftover-file" { // of what ran before: nobody is there any more to remove it
			t.Errorf("without dockerd: a false alarm: %+v", f)
		}
	}
	killNow(t, web.pid)
	waitEnded(t, web.pid)
	found := w.findings(t, n.doctor(t))
	if len(found) == 0 {
		t.Fatal("the doctor finds nothing wrong with a network without its container")
	}
	for _, f := range found {
		if f.Check == "leftover-file" && f.Path != web.sandboxKey {
			continue // as above
		}
		if f.Check != "dead-container" || f.Path != web.sandboxKey || f.Severity != "warning" {
			t.Errorf("finding %+v, want dead-container of %s", f, web.sandboxKey)
		}
	}
	if command := "umount -- " + web.sandboxKey + " && rm -- " + web.sandboxKey; !slices.ContainsFunc(found, func(f finding) bool {
		return len(f.Fix) == 1 && f.Fix[0] == command
	}) {
		t.Errorf("findings %+v, want the command %q", found, command)
	}
}

// TestDoctorPodman does the same with a Podman, which has no daemon to kill.
func TestDoctorPodman(t *testing.T) {
	p := startPodman(t)
	n := newInspect(t)
	w := &ward{homes: []*home{p.home}}
	web := p.run(t, "web")
	alone := p.run(t, "alone", "--network", "none")
	infra := p.pod(t, "pod")
	a := p.run(t, "a", "--pod", "pod")
	w.admit(t, web, alone, infra, a)
	w.healthy(t, n, "running")
	p.command(t, "stop", "--time", "0", "web")
	w.healthy(t, n, "stopped")
	p.command(t, "start", "web")
	web = p.inspect(t, "web")
	w.admit(t, web)
	w.healthy(t, n, "started again")

	// conmon would clean up.
	killNow(t, parentOf(t, web.pid))
	killNow(t, web.pid)
	waitEnded(t, web.pid)
	found := w.findings(t, n.doctor(t))
	if len(found) != 1 || found[0].Check != "dead-container" || found[0].Path != web.sandboxKey {
		t.Fatalf("findings %+v, want dead-container of %s", found, web.sandboxKey)
	}
	if want := fmt.Sprintf("podman stop -t 0 -- %[1]s; podman container cleanup -- %[1]s", web.id); len(found[0].Fix) != 1 || found[0].Fix[0] != want {
		t.Errorf("fix %q, want %q", found[0].Fix, want)
	}
	p.command(t, "stop", "-t", "0", "--", web.id) // as doctor advises, with our roots
	p.command(t, "container", "cleanup", "--", web.id)
	w.healthy(t, n, "cleaned up")
}

// TestDoctorContainerd does the same with a containerd, in whose containers' names
// nobody sees a runtime's: a name without processes is just that.
func TestDoctorContainerd(t *testing.T) {
	c := startCtr(t)
	names := c.home.mkdir(t, "names")
	n := newInspect(t, "--netns-dir", names)
	key := filepath.Join(names, "blue")
	pinNamespace(t, key)
	web := c.run(t, "web", "--with-ns", "network:"+key)
	web.sandboxKey = key
	alone := c.run(t, "alone")
	w := &ward{homes: []*home{c.home}}
	w.admit(t, web, alone)
	w.healthy(t, n, "running")
	c.remove(t, web.id)
	if found := w.findings(t, n.doctor(t)); len(found) != 1 || found[0].Check != "no-process" || found[0].Path != key {
		t.Errorf("findings %+v, want no-process of %s", found, key)
	}
}

// TestDoctorLXC checks that doctor reports nothing of an LXC container.
func TestDoctorLXC(t *testing.T) {
	l := newLXC(t)
	web := l.run(t, "web")
	w := &ward{homes: []*home{l.home}}
	w.admit(t, web)
	w.healthy(t, newInspect(t), "running")
}

func killNow(t *testing.T, pid int) {
	t.Helper()
	if err := unix.Kill(pid, unix.SIGKILL); err != nil {
		t.Fatalf("kill process %d: %v", pid, err)
	}
}

// parentOf is the process that a container's first one was started by.
func parentOf(t *testing.T, pid int) int {
	t.Helper()
	status, err := os.ReadFile(filepath.Join("/proc", fmt.Sprint(pid), "status"))
	if err != nil {
		t.Fatal(err)
	}
	var parent int
	_, rest, _ := strings.Cut(string(status), "\nPPid:")
	if _, err := fmt.Sscan(rest, &parent); err != nil || parent <= 1 {
		t.Fatalf("process %d has no conmon: its parent is %d: %v", pid, parent, err)
	}
	return parent
}

// waitEnded waits until a process is no more, or a zombie, which is in no
// namespace.
func waitEnded(t *testing.T, pid int) {
	t.Helper()
	link := filepath.Join("/proc", fmt.Sprint(pid), "ns/net")
	for end := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
		if _, err := os.Readlink(link); err != nil {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("process %d does not end", pid)
		}
	}
}
