// SPDX-License-Identifier: Apache-2.0

//go:build amd64 || arm64

package runtimes

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/bench/load"
	"github.com/nsinspect/nsinspect/internal/need"
	"github.com/nsinspect/nsinspect/internal/nstest"
	"github.com/nsinspect/nsinspect/pkg/ns"
	"github.com/nsinspect/nsinspect/pkg/scan"
	"github.com/nsinspect/nsinspect/pkg/scan/bpf"
	"github.com/nsinspect/nsinspect/test/engines"
)

// shared are the kinds of holders that both engines find.
var shared = []ns.Kind{ns.KindProcess, ns.KindThread, ns.KindFD, ns.KindMount, ns.KindSocket, ns.KindTun}

// TestEnginesAgree has both engines read a machine that is busy: containers of
// two runtimes, processes with threads and files, a scene of every kind, and
// namespaces that come and go. Fifty times in a row they report the same
// holders, and so the same namespaces.
func TestEnginesAgree(t *testing.T) {
	needDocker(t)
	needPodman(t)
	engines.CheckKernel(t)
	nstest.CheckLeaks(t)
	e, err := bpf.New()
	if err != nil {
		need.Missing(t, "needs the bpf engine: "+err.Error())
	}
	defer e.Close()
	lasting := []int{startDocker(t).run(t, "web").pid, startPodman(t).run(t, "web").pid}
	lasting = append(lasting, startLoad(t)...)
	for _, k := range nstest.Kinds() {
		if (k.Holder() != "mount" || k == nstest.Mount) && k != nstest.Macvtap { // for the bpf engine alone
			lasting = append(lasting, nstest.Make(t, k).Child)
		}
	}
	churn(t)
	excused := 0
	for round := range 50 {
		wrong, n := compare(t, e)
		excused += n
		for _, line := range wrong {
			t.Errorf("round %d: %s", round, line)
		}
		if t.Failed() {
			break
		}
	}
	t.Logf("%d differences excused: one engine or the other saw otherwise a moment later", excused)
	checkSeen(t, e, lasting)
}

func startLoad(t *testing.T) []int {
	t.Helper()
	l, err := load.Start(load.Spec{Processes: 300, Threads: 3, Namespaces: 40, FDs: 3})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Errorf("end the load: %v", err)
		}
	})
	return l.PIDs
}

// churn makes and drops namespaces, in processes and under names, until the
// test ends.
func churn(t *testing.T) {
	t.Helper()
	need.Program(t, "unshare", "ip", "true")
	shareRunNetns(t)
	ctx, stop := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	name := fmt.Sprintf("nstest-churn-%d", os.Getpid())
	for _, commands := range [][][]string{
		{{"unshare", "-n", "true"}},
		{{"ip", "netns", "add", name}, {"ip", "netns", "del", name}},
	} {
		wg.Go(func() {
			runtime.LockOSThread() // the signal comes when the thread that forked ends
			defer runtime.UnlockOSThread()
			for ctx.Err() == nil {
				for _, args := range commands {
					cmd := exec.Command(args[0], args[1:]...)
					cmd.SysProcAttr = &unix.SysProcAttr{Pdeathsig: unix.SIGKILL}
					if out, err := cmd.CombinedOutput(); err != nil {
						t.Errorf("churn: %v: %v: %s", args, err, out)
						return
					}
				}
				time.Sleep(5 * time.Millisecond)
			}
		})
	}
	t.Cleanup(func() { stop(); wg.Wait() })
}

// compare scans by both engines. Where they differ each scans again, many times: a
// race it was if once they agree on what one of them alone saw. What is made and
// dropped all the time may look the same to the same engine several times in a row.
func compare(t *testing.T, e scan.Engine) (wrong []string, excused int) {
	t.Helper()
	const again = 20
	only := differ(holdersBy(t, nil), holdersBy(t, e))
	for try := 0; try < again && len(only) > 0; try++ {
		now := differ(holdersBy(t, nil), holdersBy(t, e))
		for what, engine := range only {
			if now[what] != engine {
				excused++
				delete(only, what)
			}
		}
	}
	for what, engine := range only {
		wrong = append(wrong, fmt.Sprintf("only %s, %d times: %s", engine, again+1, what))
	}
	slices.Sort(wrong)
	return wrong, excused
}

// seen is what one scan reports, each holder as a line.
type seen struct {
	has    map[string]bool
	pid    map[string]int
	closed map[int]bool // processes that it could not read
}

// differ returns what only one of two scans has, and which. What the proc engine
// was refused is a gap, which is all that can be asked.
func differ(p, b seen) map[string]string {
	only := map[string]string{}
	for what := range p.has {
		if !b.has[what] {
			only[what] = "proc"
		}
	}
	for what := range b.has {
		if !p.has[what] && !p.closed[b.pid[what]] {
			only[what] = "bpf"
		}
	}
	return only
}

func holdersBy(t *testing.T, e scan.Engine) seen {
	t.Helper()
	var opts scan.Options
	if e != nil {
		opts.Engine = e
	}
	snap, err := scan.Scan(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	s := seen{map[string]bool{}, map[string]int{}, map[int]bool{}}
	for _, n := range snap.Namespaces {
		for _, h := range n.Holders {
			if h.Via != ns.NoVia || !slices.Contains(shared, h.Kind) {
				continue // io_uring: for the bpf engine alone
			}
			socket := h.Socket.Words()
			line := fmt.Sprintf("%s %s: pid %d tid %d fd %d %s %s %s %s mount %d in %d covered %v",
				n.String(), h.Kind, h.PID, h.TID, h.FD, socket.Family, socket.Type, socket.Device, h.Path, h.MountID, h.MountNS, h.Covered)
			s.has[line], s.pid[line] = true, int(h.PID)
		}
	}
	for _, g := range snap.Gaps {
		if pid, err := strconv.Atoi(strings.Split(g.Path+"//", "/")[2]); err == nil {
			s.closed[pid] = true
		}
	}
	return s
}

// checkSeen checks that each of these processes is a holder in both engines'
// eyes: two that see nothing agree as well.
func checkSeen(t *testing.T, e scan.Engine, pids []int) {
	t.Helper()
	for name, engine := range map[string]scan.Engine{"proc": nil, "bpf": e} {
		var got []int
		for _, pid := range holdersBy(t, engine).pid {
			got = append(got, pid)
		}
		for _, pid := range pids {
			if pid != 0 && !slices.Contains(got, pid) {
				t.Errorf("%s does not see process %d", name, pid)
			}
		}
	}
}
