// SPDX-License-Identifier: Apache-2.0

//go:build amd64 || arm64

package doctor

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/internal/need"
	"github.com/nsinspect/nsinspect/internal/testlock"
	"github.com/nsinspect/nsinspect/pkg/ns"
	"github.com/nsinspect/nsinspect/pkg/scan"
	"github.com/nsinspect/nsinspect/pkg/scan/bpf"
)

// wideEngine is the bpf engine for namespaces of all types.
var wideEngine = sync.OnceValues(func() (scan.Engine, error) { return bpf.New(ns.Types()...) })

// newWidePatient returns one with a namespace of another type than the network's.
func newWidePatient(t *testing.T, typ ns.Type, inode uint64) *patient {
	t.Helper()
	p := newPatient(t)
	e, err := wideEngine()
	if err != nil {
		t.Fatal(err)
	}
	home := inodeAt(t, "/proc/self/ns/"+typ.String()) // tests have mounts of their own
	p.opts.Types = []ns.Type{ns.Net, typ}
	p.opts.ScanAll = func(ctx context.Context) (*ns.Snapshot, error) {
		snap, err := scan.Scan(ctx, scan.Options{Host: p.host, Engine: e, Types: ns.Types(), Details: true})
		if err == nil {
			snap.Namespaces = slices.DeleteFunc(snap.Namespaces, func(n ns.Namespace) bool { return !n.Initial && n.Inode != inode && n.Inode != home })
		}
		return snap, err
	}
	return p
}

func inodeAt(t *testing.T, path string) uint64 {
	t.Helper()
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		t.Fatal(err)
	}
	return st.Ino
}

// A thread that left its process's mount namespace is found where that type is asked for.
func TestSplitThreadOfTypes(t *testing.T) {
	for typ, flag := range map[ns.Type]int{ns.Mnt: unix.CLONE_NEWNS, ns.UTS: unix.CLONE_NEWUTS, ns.IPC: unix.CLONE_NEWIPC} {
		t.Run(typ.String(), func(t *testing.T) {
			need.Root(t)
			left, end := make(chan int), make(chan struct{})
			go func() {
				runtime.LockOSThread() // for good: the thread ends with the goroutine
				if err := unix.Unshare(unix.CLONE_FS | flag); err != nil {
					t.Error(err)
				}
				left <- unix.Gettid()
				<-end
			}()
			tid := <-left
			file := fmt.Sprintf("/proc/self/task/%d/ns/%s", tid, typ)
			p := newWidePatient(t, typ, inodeAt(t, file))
			f := p.expect(t, "split-thread")[0]
			if want := fmt.Sprintf("thread %d ", tid); !strings.Contains(strings.Join(f.Evidence, "\n"), want) || f.Namespace.Type != typ || int(f.PID) != os.Getpid() {
				t.Errorf("finding %+v, want %s", f, want)
			}
			narrow := *p
			narrow.opts.Types = nil
			narrow.expect(t)
			close(end)
			until(t, "the thread's end", func() bool { return unix.Access(file, unix.F_OK) != nil })
			p.expect(t)
		})
	}
}

// A user namespace is unused once the last process in it, or in what it owns, has ended, and a
// descriptor alone is left.
func TestUnusedUserNS(t *testing.T) {
	need.Root(t)
	cmd := run(t, "unshare", "-U", "sleep", "600")
	file := fmt.Sprintf("/proc/%d/ns/user", cmd.Process.Pid)
	until(t, "the user namespace", func() bool {
		comm, _ := os.ReadFile(fmt.Sprintf("/proc/%d/comm", cmd.Process.Pid))
		return string(comm) == "sleep\n"
	})
	kept, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer kept.Close()
	p := newWidePatient(t, ns.User, inodeAt(t, file))
	p.expect(t)
	end(cmd)
	f := p.expect(t, "unused-userns")[0]
	if want := fmt.Sprintf("fd %d of ", kept.Fd()); !strings.Contains(strings.Join(f.Evidence, "\n"), want) {
		t.Errorf("evidence %q, want %s", f.Evidence, want)
	}
	kept.Close()
	p.expect(t)
}

// What doctor counts is what the kernel counts: it refuses the next namespace at that limit, and
// not at one more. Half of them are in user namespaces below, one of those in another one.
func TestLimits(t *testing.T) {
	need.Root(t)
	need.Program(t, "unshare", "go")
	testlock.Shared(t)
	if err := buildProgram(); err != nil {
		t.Fatal(err)
	}
	const script = `set -e; sys=/proc/sys/user/max_net_namespaces; pids=
add() { "$@" sleep 600 & pids="$pids $!"; until [ "$(cat /proc/$!/comm)" = sleep ]; do sleep .02; done; }
trap 'kill $pids' EXIT
add unshare -n; add unshare -n; add unshare -U -r -n; add unshare -U -r unshare -U -r -n
n=0; until echo $n >$sys; unshare -n true 2>>"$0/err"; do n=$((n+1)); [ $n -lt 50 ]; done
grep -q 'No space left' "$0/err"; echo kernel $((n-1))
for limit in $((n-1)) 8; do echo $limit >$sys; echo limit $limit; nsinspect doctor --check limits 2>/dev/null || true; done
for limit in $((n-1)); do echo $limit >$sys; eval "$(nsinspect doctor --check limits -o sh 2>/dev/null | sed -n 's/^#\([^ !]\)/\1/p')"; cat $sys; unshare -n true; done
echo 0 >$sys; echo limit 0; nsinspect doctor --check limits 2>/dev/null || true`
	cmd := exec.Command("unshare", "-U", "-r", "sh", "-c", script, t.TempDir())
	cmd.Env = append(os.Environ(), "PATH="+programDir+":"+os.Getenv("PATH"))
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for _, want := range []string{
		`\Akernel 4\nlimit 4\nWARNING: 1 limits `,
		`what +uid 0 has 4 net namespaces, and a user may have 4: creating another one fails with ENOSPC`,
		`created in user:\[\d+\] itself: 2;`, `created in user namespaces that it created: 2\n`,
		`limit 8\nUNKNOWN: nothing wrong seen`, `\n8\nlimit 0\nUNKNOWN: nothing wrong seen`,
	} {
		if !regexp.MustCompile(want).Match(out) {
			t.Errorf("no match for %q in:\n%s", want, out)
		}
	}
}
