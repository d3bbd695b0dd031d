// SPDX-License-Identifier: Apache-2.0

//go:build amd64 || arm64

package engines

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/nsinspect/nsinspect/internal/bpfreader"
	"github.com/nsinspect/nsinspect/internal/need"
	"github.com/nsinspect/nsinspect/internal/nstest"
)

// confined is a way to run the program with less than root has.
type confined struct {
	name   string
	needs  string   // a program that the wrapper is
	wrap   []string // the command comes after it
	engine string   // the one that auto takes
	notes  []string // what -v has on stderr, with --engine auto
	proc   []string // and with --engine proc
	ownPID bool     // PIDs are of a namespace of its own
}

const unreadable = "processes unreadable: run as root, or grant CAP_SYS_PTRACE"

var confinements = []confined{
	{
		name: "no CAP_BPF", needs: "setpriv",
		wrap:   []string{"setpriv", "--bounding-set=-bpf,-perfmon,-sys_admin", "--inh-caps=-bpf,-perfmon,-sys_admin"},
		engine: "proc", notes: []string{"engine proc: the bpf engine did not start", "needs CAP_BPF and CAP_PERFMON", "not looked at: "},
	},
	{
		name: "no CAP_SYS_ADMIN", needs: "setpriv",
		wrap:   []string{"setpriv", "--bounding-set=-sys_admin", "--inh-caps=-sys_admin"},
		engine: "bpf",
	},
	{
		name: "no CAP_SYS_PTRACE", needs: "setpriv",
		wrap:   []string{"setpriv", "--bounding-set=-sys_ptrace", "--inh-caps=-sys_ptrace"},
		engine: "bpf", proc: []string{unreadable},
	},
	{
		name: "nobody", needs: "setpriv",
		wrap:   []string{"setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"},
		engine: "proc", notes: []string{unreadable}, proc: []string{unreadable},
	},
	{
		name: "own PID namespace", needs: "unshare",
		wrap:   []string{"unshare", "--pid", "--fork", "--kill-child", "--mount-proc"},
		engine: "bpf", notes: []string{"PID namespace"}, proc: []string{"PID namespace"}, ownPID: true,
	},
	{
		name: "own PID namespace, /proc of another one", needs: "unshare",
		wrap:   []string{"unshare", "--pid", "--fork", "--kill-child"},
		engine: "proc", notes: []string{"another PID namespace"}, proc: []string{"another PID namespace"},
	},
	{
		name: "hidepid=2", needs: "unshare",
		wrap: []string{"unshare", "--mount", "sh", "-c", `mount -t proc -o hidepid=2 proc /proc &&
			exec setpriv --reuid=65534 --regid=65534 --clear-groups "$@"`, "sh"},
		engine: "proc", notes: []string{"hidepid"}, proc: []string{"hidepid"},
	},
}

// TestConfined runs the program with less than it would like: what it shows is
// true, what it misses is a gap, and `complete` agrees.
func TestConfined(t *testing.T) {
	CheckKernel(t)
	scenes := []*nstest.Scene{nstest.Make(t, nstest.Process), nstest.Make(t, nstest.FD), nstest.Make(t, nstest.Socket)}
	program := binary(t)
	for _, c := range confinements {
		t.Run(c.name, func(t *testing.T) {
			need.Program(t, c.needs, "setpriv", "sh", "readlink")
			for _, engine := range []string{"auto", "proc"} {
				var r result
				nstest.Eventually(t, func() string { // what comes and goes meanwhile is on neither list
					alive := kernelNets(t)
					r = run(t, slices.Concat(c.wrap, []string{program, "list", "-v", "-o", "json", "--engine", engine})...)
					return untrue(r, alive, kernelNets(t))
				})
				checkReported(t, c, engine, r)
				checkScenes(t, c, r, scenes)
			}
		})
	}
}

// checkReported checks that what is missing is stated, on stderr and in the answer.
func checkReported(t *testing.T, c confined, engine string, r result) {
	t.Helper()
	notes := c.proc
	if engine == "auto" {
		engine, notes = c.engine, c.notes
	}
	if r.status != 0 || r.Engine != engine {
		t.Errorf("status %d, engine %q, want 0, %q: %s", r.status, r.Engine, engine, r.stderr)
	}
	if r.Complete != (len(r.Gaps) == 0) || c.ownPID && r.Complete || engine == "proc" && r.Complete {
		t.Errorf("engine %s: complete %v with %d gaps", engine, r.Complete, len(r.Gaps))
	}
	for _, g := range r.Gaps {
		if !strings.Contains(r.stderr, g.Path) && !strings.Contains(r.stderr, "not looked at: ") {
			t.Errorf("engine %s: the gap %v is not reported: %s", engine, g, r.stderr)
		}
	}
	for _, words := range notes {
		if !strings.Contains(r.stderr, words) {
			t.Errorf("engine %s: %q is not reported: %s", engine, words, r.stderr)
		}
	}
}

// untrue returns in words which namespace is shown that is on none of the kernel's lists.
func untrue(r result, lists ...map[uint64]bpfreader.Net) string {
	var alive []uint64
	for _, list := range lists {
		for _, n := range list {
			alive = append(alive, uint64(n.Inode))
		}
	}
	for _, n := range r.Namespaces {
		if !slices.Contains(alive, n.Inode) {
			return fmt.Sprintf("engine %s: net:[%d] is not on the kernel's list", r.Engine, n.Inode)
		}
	}
	return ""
}

// checkScenes checks of the scenes' holders, which stay as they are, that they
// are shown where the same eyes can read them in /proc, and with the bpf engine
// anyway, and nothing else of them.
func checkScenes(t *testing.T, c confined, r result, scenes []*nstest.Scene) {
	t.Helper()
	kinds := []string{"process", "fd", "socket"}
	for i, scene := range scenes {
		pid := scene.Holders[0].PID
		want := 0
		if !c.ownPID && (r.Engine == "bpf" || readable(t, c, pid)) {
			want = 1
		}
		if want == 1 && kinds[i] == "socket" && r.Engine == "proc" && r.hasGap("socket") {
			want = max(0, r.holders(scene.Inode, "socket"))
		}
		if got := max(0, r.holders(scene.Inode, kinds[i])); got != want {
			t.Errorf("engine %s: %d holders of kind %s of net:[%d], want %d", r.Engine, got, kinds[i], scene.Inode, want)
		}
	}
}

func (r *result) hasGap(source string) bool {
	for _, g := range r.Gaps {
		if slices.Contains(g.Sources, source) {
			return true
		}
	}
	return false
}

// readable is the oracle: readlink, run as the program is.
func readable(t *testing.T, c confined, pid int) bool {
	t.Helper()
	args := slices.Concat(c.wrap, []string{"readlink", "/proc/" + strconv.Itoa(pid) + "/ns/net"})
	cmd := exec.Command(args[0], args[1:]...)
	out, err := cmd.Output()
	if err != nil {
		return false
	}
	own, err := os.Readlink("/proc/" + strconv.Itoa(pid) + "/ns/net")
	if err != nil || string(bytes.TrimSpace(out)) != own {
		t.Errorf("readlink of process %d: %s, want %s, %v", pid, out, own, err)
	}
	return true
}

// TestUnreadableMountNamespace looks at a mount namespace of root's with what starts the bpf engine and
// no more: that a process is in it is known, and what is mounted there is not.
func TestUnreadableMountNamespace(t *testing.T) {
	CheckKernel(t)
	need.Program(t, "setpriv")
	scene := nstest.Make(t, nstest.MountPrivate)
	program := binary(t)
	const caps = "+bpf,+perfmon"
	wrap := []string{"setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--inh-caps=" + caps, "--ambient-caps=" + caps}
	r := run(t, slices.Concat(wrap, []string{program, "list", "-v", "-o", "json", "--engine", "bpf"})...)
	if r.status != 0 {
		t.Fatalf("status %d: %s", r.status, r.stderr)
	}
	if got := max(0, r.holders(scene.Inode, "mount")); got != 0 {
		t.Errorf("%d mounts of net:[%d], want none", got, scene.Inode)
	}
	if !r.hasGap("mount") {
		t.Errorf("gaps %v, want one of mounts", r.Gaps)
	}
	if note := "unreadable: run as root, or grant CAP_SYS_PTRACE"; !strings.Contains(r.stderr, note) {
		t.Error(r.stderr)
	}
	args := append(slices.Clone(wrap[1:]), program, "who-uses", "--engine", "bpf", strconv.FormatUint(scene.Inode, 10))
	if out, err := exec.Command(wrap[0], args...).Output(); err != nil || bytes.Contains(out, []byte("no process is in and")) || bytes.Contains(out, []byte("no process is in)")) {
		t.Errorf("a process is in the mount namespace: %v, %s", err, out)
	}
}
