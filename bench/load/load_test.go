// SPDX-License-Identifier: Apache-2.0

package load

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/internal/need"
	"github.com/nsinspect/nsinspect/internal/testlock"
)

// asMaker has this test binary make the load it describes and wait.
const asMaker = "NSINSPECT_TEST_LOAD"

func TestMain(m *testing.M) {
	if spec := os.Getenv(asMaker); spec != "" {
		if err := makeAndWait(spec); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	os.Exit(m.Run())
}

// makeAndWait makes a load, prints which and stays until it is killed.
func makeAndWait(spec string) error {
	var s Spec
	if err := json.Unmarshal([]byte(spec), &s); err != nil {
		return err
	}
	l, err := Start(s)
	if err != nil {
		return err
	}
	if err := json.NewEncoder(os.Stdout).Encode(l); err != nil {
		return err
	}
	for {
		time.Sleep(time.Hour)
	}
}

func TestLoadMatchesReport(t *testing.T) {
	need.Root(t)
	testlock.Shared(t)
	s := Spec{Processes: 50, Threads: 3, Namespaces: 7, FDs: 4, Sessions: true}
	l := start(t, s)
	if len(l.PIDs) != s.Processes || len(l.Namespaces) != s.Namespaces {
		t.Fatalf("%d processes in %d namespaces, expected %d in %d", len(l.PIDs), len(l.Namespaces), s.Processes, s.Namespaces)
	}
	next, total := 0, 0
	for _, ns := range l.Namespaces {
		want := fmt.Sprintf("net:[%d]", ns.Inode)
		for i := range ns.Processes {
			pid := l.PIDs[next+i]
			checkProcess(t, pid, s, want)
			if sid, _ := unix.Getsid(pid); sid != l.PIDs[next] {
				t.Errorf("process %d: session %d, expected the first one's, %d", pid, sid, l.PIDs[next])
			}
		}
		next += ns.Processes
		total += count(t, "/proc/[0-9]*/ns/net", want)
	}
	if total != s.Processes {
		t.Errorf("%d processes of the machine in the namespaces, expected %d", total, s.Processes)
	}
}

func checkProcess(t *testing.T, pid int, s Spec, ns string) {
	t.Helper()
	dir := fmt.Sprintf("/proc/%d", pid)
	if n := count(t, dir+"/task/*/ns/net", ns); n != s.Threads {
		t.Errorf("process %d: %d threads in %s, expected %d", pid, n, ns, s.Threads)
	}
	if n := count(t, dir+"/fd/*", ns); n != s.FDs {
		t.Errorf("process %d: %d files of %s, expected %d", pid, n, ns, s.FDs)
	}
	if n := count(t, dir+"/fd/*", os.DevNull); n != 3 {
		t.Errorf("process %d: %d files of %s, expected 3", pid, n, os.DevNull)
	}
	if n := count(t, dir+"/fd/*", ""); n != s.FDs+3 {
		t.Errorf("process %d: %d open files, expected %d", pid, n, s.FDs+3)
	}
	if cmdline, err := os.ReadFile(dir + "/cmdline"); err != nil || len(cmdline) == 0 {
		t.Errorf("process %d: command line %q, error %v", pid, cmdline, err)
	}
}

func TestLoadInOwnNamespaceAndSession(t *testing.T) {
	need.Root(t)
	testlock.Shared(t)
	l := start(t, Spec{Processes: 10})
	own, err := os.Readlink("/proc/self/ns/net")
	if err != nil {
		t.Fatal(err)
	}
	sid, err := unix.Getsid(0)
	if err != nil {
		t.Fatal(err)
	}
	for _, pid := range l.PIDs {
		checkProcess(t, pid, Spec{Threads: 1}, own)
		if got, _ := unix.Getsid(pid); got != sid {
			t.Errorf("process %d: session %d, expected %d", pid, got, sid)
		}
	}
}

func TestStartRefusesEmptyNamespaces(t *testing.T) {
	if _, err := Start(Spec{Processes: 3, Namespaces: 4}); err == nil {
		t.Error("3 processes were spread over 4 namespaces")
	}
}

// TestKilledMakerLeavesNothing kills makers at work and one that is done.
func TestKilledMakerLeavesNothing(t *testing.T) {
	need.Root(t)
	testlock.Shared(t)
	// What loses its parent becomes this process's child, so none can hide.
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		t.Fatal(err)
	}
	spec, err := json.Marshal(Spec{Processes: complete, Threads: 2, Namespaces: 8, FDs: 2, Sessions: true})
	if err != nil {
		t.Fatal(err)
	}
	for _, at := range []int{1, 2, 60, 150, 300, 390, complete} {
		t.Run(fmt.Sprintf("at %d", at), func(t *testing.T) { killMaker(t, string(spec), at) })
	}
}

const complete = 400

// killMaker kills a maker that has at least so many descendants.
func killMaker(t *testing.T, spec string, at int) {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), asMaker+"="+spec)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var l Load
	if at == complete {
		if err := json.NewDecoder(out).Decode(&l); err != nil {
			t.Errorf("read what the maker made: %v", err)
		}
	}
	made := descendants(t, cmd.Process.Pid)
	for end := time.Now().Add(time.Minute); len(made) < at && time.Now().Before(end); {
		made = descendants(t, cmd.Process.Pid)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	io.Copy(io.Discard, out)
	cmd.Wait()
	if at == complete && !slices.Equal(slices.Sorted(slices.Values(l.PIDs)), made) {
		t.Errorf("%d processes below the maker, it reported %d", len(made), len(l.PIDs))
	}
	t.Logf("killed with at least %d processes", len(made))
	reapAll(t)
}

// reapAll waits until this process has no child: everything the dead maker left
// is one.
func reapAll(t *testing.T) {
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); {
		pid, err := unix.Wait4(-1, nil, unix.WNOHANG, nil)
		if err == unix.ECHILD {
			return
		}
		if pid == 0 {
			time.Sleep(time.Millisecond)
		}
	}
	left := descendants(t, os.Getpid())
	t.Errorf("%d processes outlived their maker", len(left))
	for _, pid := range left {
		unix.Kill(pid, unix.SIGKILL)
	}
}

// descendants lists the descendants of a process, sorted.
func descendants(t *testing.T, ancestor int) []int {
	t.Helper()
	files, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		t.Fatal(err)
	}
	children := map[int][]int{}
	for _, file := range files {
		stat, err := os.ReadFile(file)
		if err != nil {
			continue // it is gone
		}
		var pid, ppid int
		var state string
		fmt.Sscan(string(stat), &pid)
		_, rest, _ := strings.Cut(string(stat), ") ")
		fmt.Sscan(rest, &state, &ppid)
		children[ppid] = append(children[ppid], pid)
	}
	var found []int
	for queue := children[ancestor]; len(queue) > 0; queue = queue[1:] {
		found = append(found, queue[0])
		queue = append(queue, children[queue[0]]...)
	}
	slices.Sort(found)
	return found
}

func start(t *testing.T, s Spec) *Load {
	t.Helper()
	l, err := Start(s)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
		for _, pid := range l.PIDs {
			if err := unix.Kill(pid, 0); err != unix.ESRCH {
				t.Errorf("process %d is there after Close: %v", pid, err)
			}
		}
	})
	return l
}

// count returns how many links that fit the pattern read as want, or how many
// there are if want is empty.
func count(t *testing.T, pattern, want string) int {
	t.Helper()
	links, err := filepath.Glob(pattern)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, link := range links {
		if text, err := os.Readlink(link); err == nil && (want == "" || text == want) {
			n++
		}
	}
	return n
}
