// SPDX-License-Identifier: Apache-2.0

package mounts

import (
	"fmt"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nsinspect/nsinspect/internal/host"
	"github.com/nsinspect/nsinspect/internal/hosttest"
	"github.com/nsinspect/nsinspect/internal/need"
	"github.com/nsinspect/nsinspect/pkg/ns"
)

// impatient has no time left for the mounts of users.
func impatient(t *testing.T) {
	was := patience
	t.Cleanup(func() { patience = was })
	patience = -time.Second
}

// What a user has mounted is read for some time only, and what is left is a gap. What root
// has mounted is read however long it takes.
func TestMountsOfUsersTakeNoLonger(t *testing.T) {
	impatient(t)
	var many strings.Builder
	for i := range 1000 {
		fmt.Fprintf(&many, "%d 1 0:5 / /tmp/%d rw - tmpfs tmpfs rw\n", i+2, i)
	}
	h, err := host.Open(hosttest.New(t, "-- proc/42 (process) --\nmnt 4026532500\nuid 4077\n-- proc/42/mountinfo --\n"+many.String()+
		"-- proc/43 (process) --\nmnt 4026532600\n-- proc/43/mountinfo --\n"+many.String()))
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	for pid, want := range map[ns.TaskID]error{42: tooSlowError{}, 43: nil} {
		s := New(h, []ns.Type{ns.Net}, List)
		m := &Namespace{Inode: h.MountNamespace(pid.String())}
		s.readSeen(m, []ns.TaskID{pid, pid}, nil)
		if err := s.readUnseen(m); err != want || m.read != (want == nil) {
			t.Errorf("process %d: error %v, want %v; read %t", pid, err, want, m.read)
		}
	}
}

// So are mount namespaces that the kernel lists.
func TestListedMountsOfUsersTakeNoLonger(t *testing.T) {
	need.Root(t)
	need.Kernel(t, 6, 12, "NS_MNT_GET_NEXT")
	impatient(t)
	h, err := host.Open("/")
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	for uid, command := range map[int]string{0: "unshare -m sleep 600", 4077: "setpriv --reuid=4077 --regid=4077 --clear-groups unshare -Um sleep 600"} {
		need.Program(t, strings.Fields(command)[0])
		cmd := exec.Command("sh", "-c", "exec "+command)
		cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		defer func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }()
		for start := time.Now(); h.MountNamespace(fmt.Sprint(cmd.Process.Pid)) == h.MountNamespace("self"); time.Sleep(time.Millisecond) {
			if time.Since(start) > 30*time.Second {
				t.Fatalf("%s makes no mount namespace", command)
			}
		}
		m := &Namespace{Inode: h.MountNamespace(fmt.Sprint(cmd.Process.Pid))}
		listed, err := List()
		if err != nil {
			t.Fatal(err)
		}
		for _, l := range listed {
			if l.inode == m.Inode {
				m.id = l.id
			}
		}
		s := New(h, []ns.Type{ns.Net}, List)
		if err := s.readUnseen(m); tooMuch(err) != err || (err != nil) != (uid != 0) {
			t.Errorf("of UID %d: %v", uid, err)
		}
	}
}
