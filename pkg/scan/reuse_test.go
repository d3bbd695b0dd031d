// SPDX-License-Identifier: Apache-2.0

package scan

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nsinspect/nsinspect/internal/host"
	"github.com/nsinspect/nsinspect/internal/need"
	"github.com/nsinspect/nsinspect/internal/nstest"
	"github.com/nsinspect/nsinspect/internal/testlock"
	"github.com/nsinspect/nsinspect/pkg/ns"
)

// A holder whose process started at another time than the one that has its PID is not
// described by that one, whatever kind it is.
func TestHolderOfAReusedPID(t *testing.T) {
	testlock.Shared(t)
	h, err := host.Open("/")
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	self := ns.TaskID(os.Getpid())
	stat, err := h.ReadStat("self")
	if err != nil {
		t.Fatal(err)
	}
	for kind := range ns.NumKinds {
		if kind == ns.KindKernel || kind == ns.KindChild { // which have no process
			continue
		}
		for name, born := range map[string]time.Duration{"same": stat.Born() + host.Tick/2, "other": stat.Born() + host.Tick, "unknown": 0} {
			n := ns.Namespace{Inode: ownNet(t), Holders: []ns.Holder{{Kind: kind, PID: self, FD: 7, Born: born, MountNS: ownNamespace(t, "mnt")}}}
			if err := Describe(t.Context(), h, &n); err != nil {
				t.Fatal(err)
			}
			got := fmt.Sprintf("%+v", n.Holders)
			switch {
			case name == "other" && kind != ns.KindInflight && kind != ns.KindMount:
				if len(n.Holders) != 0 {
					t.Errorf("%s of another process: %s", kind, got)
				}
			case len(n.Holders) != 1:
				t.Errorf("%s of the %s process is left out", kind, name)
			case name == "other":
				if x := n.Holders[0]; x.PID != 0 || x.Process != nil {
					t.Errorf("%s of another process: %s", kind, got)
				}
			case kind == ns.KindMount:
				if x := n.Holders[0]; x.PID != self || x.Born == 0 {
					t.Errorf("mount seen by the %s process: %s", name, got)
				}
			case name == "unknown" && !n.Holders[0].IsTask():
				if n.Holders[0].Process != nil {
					t.Errorf("%s of an unknown process: %s", kind, got)
				}
			case n.Holders[0].Process == nil || n.Holders[0].Process.PID != self || !stat.IsOf(n.Holders[0].Born) || !stat.IsOf(n.Holders[0].Process.Born):
				t.Errorf("%s of the %s process: %s", kind, name, got)
			}
		}
	}
}

// A process ends between the scan and the reading of its details, and another gets its
// PID: one that has the same descriptor open, of the same namespace. It is a holder by
// the next scan; this one does not show it as what it found.
func TestPIDReusedSinceTheScan(t *testing.T) {
	need.Root(t)
	testlock.Shared(t)
	nstest.CheckLeaks(t)
	const script = `
mount -t proc proc /proc
unshare -n sh -c 'exec 7</proc/self/ns/net; exec nsenter --net=/proc/1/ns/net sleep 1000' & first=$!
while [ "$(cat /proc/$first/comm)" != sleep ]; do :; done
exec 9</proc/$first/fd/7
echo "$first"
read go
kill -9 $first; wait $first
for try in 1 2 3 4 5 6 7 8; do
	echo $((first - 1)) >/proc/sys/kernel/ns_last_pid
	sh -c 'exec 7<&9; exec tail -f /dev/null' & second=$!
	[ $second = $first ] && break
	kill -9 $second; wait $second
done
while [ "$(cat /proc/$second/comm)" != tail ]; do :; done
echo "$second"
read go`
	cmd := exec.Command("sh", "-c", script)
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWPID, Unshareflags: syscall.CLONE_NEWNS, Pdeathsig: syscall.SIGKILL}
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
	defer cmd.Wait()
	defer cmd.Process.Kill()
	lines := bufio.NewReader(stdout)
	pid := func() (pid ns.TaskID) {
		line, err := lines.ReadString('\n')
		if _, err2 := fmt.Sscan(line, &pid); err != nil || err2 != nil {
			need.Missing(t, "needs unshare and nsenter: "+strings.TrimSpace(line))
		}
		return pid
	}
	first := pid()
	h, err := host.Open(fmt.Sprintf("/proc/%d/root", cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	inode, err := h.NamespaceLink(fmt.Sprintf("%d/fd/7", first))
	if err != nil {
		t.Fatal(err)
	}
	found := scanLive(t, Options{Host: h}).Find(inode)
	if found == nil || holderAt(found, first) == nil {
		t.Fatalf("descriptor 7 of process %d not found: %+v", first, found)
	}
	io.WriteString(stdin, "\n")
	if second := pid(); second != first {
		need.Missing(t, fmt.Sprintf("needs a PID to be given again: got %d after %d", second, first))
	}
	if err := Describe(t.Context(), h, found); err != nil {
		t.Fatal(err)
	}
	if got := holderAt(found, first); got != nil {
		t.Errorf("the process that got PID %d is shown as the holder that was found: %+v, %+v", first, got, got.Process)
	}
	again := scanLive(t, Options{Host: h}).Find(inode)
	if again == nil || holderAt(again, first) == nil {
		t.Fatalf("process %d holds and was not found", first)
	}
	if err := Describe(t.Context(), h, again); err != nil {
		t.Fatal(err)
	}
	if got := holderAt(again, first); got == nil || got.Process == nil || got.Process.Comm != "tail" {
		t.Errorf("process %d is %+v, want tail", first, got)
	}
}

// holderAt returns the open file of a process that holds n.
func holderAt(n *ns.Namespace, pid ns.TaskID) *ns.Holder {
	for i := range n.Holders {
		if h := &n.Holders[i]; h.PID == pid && h.Kind == ns.KindFD {
			return h
		}
	}
	return nil
}
