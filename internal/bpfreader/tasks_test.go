// SPDX-License-Identifier: Apache-2.0

//go:build amd64 || arm64

package bpfreader

import (
	"fmt"
	"os/exec"
	"runtime"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/internal/need"
)

func tasksBy(t *testing.T, r *Reader) map[int]Task {
	t.Helper()
	tasks := make(map[int]Task)
	totals, err := r.Tasks(func(task *Task) { tasks[task.TID] = *task })
	if err != nil {
		t.Fatal(err)
	}
	if totals.Records < uint64(len(tasks)) {
		t.Errorf("%d records for %d tasks", totals.Records, len(tasks))
	}
	return tasks
}

func inodeAt(t *testing.T, path string) uint32 {
	t.Helper()
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		t.Fatalf("stat %s: %v", path, err)
	}
	return uint32(st.Ino)
}

// TestTaskTypes compares all namespaces of a child that has its own of each
// type with those in /proc.
func TestTaskTypes(t *testing.T) {
	need.Root(t)
	r := open(t, Options{Passes: Tasks | Nets})
	child := exec.Command("sleep", "60")
	child.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: unix.SIGKILL,
		Cloneflags: unix.CLONE_NEWNET | unix.CLONE_NEWNS | unix.CLONE_NEWPID | unix.CLONE_NEWIPC |
			unix.CLONE_NEWUTS | unix.CLONE_NEWUSER | unix.CLONE_NEWCGROUP}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	defer child.Wait()
	defer child.Process.Kill()
	pid := child.Process.Pid
	got := tasksBy(t, r)[pid]
	if got.PID != pid || got.PPID != self || got.Command() != "sleep" || got.Kthread || got.Exited || got.Left {
		t.Errorf("got %+v", got)
	}
	for index, file := range map[int]string{NSNet: "net", NSMnt: "mnt", NSUser: "user", NSPID: "pid", NSIPC: "ipc",
		NSUTS: "uts", NSCgroup: "cgroup", NSTime: "time", NSPIDChildren: "pid_for_children", NSTimeChildren: "time_for_children"} {
		if want := inodeAt(t, fmt.Sprintf("/proc/%d/ns/%s", pid, file)); got.NS[index] != want {
			t.Errorf("%s: got %d, want %d", file, got.NS[index], want)
		}
	}
	var up unix.Timespec
	must(t, "read clock", unix.ClockGettime(unix.CLOCK_BOOTTIME, &up))
	if age := time.Duration(up.Nano()) - got.Start; age < 0 || age > time.Minute {
		t.Errorf("started %v ago", age)
	}
	for _, n := range []uint32{got.NS[NSNet]} {
		if net := alive(t, r, namespace{n, got.NetCookie}); net == nil || net.UserNS != got.NS[NSUser] {
			t.Errorf("kernel's list has %+v, want owner %d", net, got.NS[NSUser])
		}
	}
}

func TestThreadElsewhere(t *testing.T) {
	need.Root(t)
	r := open(t, Options{Passes: Tasks | Nets})
	tid, stop := make(chan int), make(chan struct{})
	var ns namespace
	go func() {
		runtime.LockOSThread()
		must(t, "unshare", unix.Unshare(unix.CLONE_NEWNET))
		var err error
		ns, err = current()
		must(t, "identify", err)
		tid <- unix.Gettid()
		<-stop
	}()
	thread := <-tid
	got := tasksBy(t, r)[thread]
	if got.PID != self || got.NS[NSNet] != ns.inode || got.NetCookie != ns.cookie {
		t.Errorf("got %+v, want thread of %d in %+v", got, self, ns)
	}
	close(stop)
	checkGone(t, r, ns)
}

func TestZombie(t *testing.T) {
	need.Root(t)
	child := exec.Command("true")
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	defer child.Wait()
	var info unix.Siginfo
	must(t, "wait", unix.Waitid(unix.P_PID, child.Process.Pid, &info, unix.WEXITED|unix.WNOWAIT, nil))
	got, ok := tasksBy(t, open(t, Options{Passes: Tasks}))[child.Process.Pid]
	if !ok || !got.Exited || !got.Left || got.NS[NSNet] != 0 || got.NS[NSUser] == 0 {
		t.Errorf("got %+v, %v", got, ok)
	}
}

func TestKthread(t *testing.T) {
	need.Root(t)
	if got := tasksBy(t, open(t, Options{Passes: Tasks}))[2]; !got.Kthread && got.Command() == "kthreadd" {
		t.Errorf("got %+v", got)
	}
}

// TestOnlyNetTypes checks that namespaces that were not asked for are unknown,
// not wrong.
func TestOnlyNetTypes(t *testing.T) {
	need.Root(t)
	got := tasksBy(t, open(t, Options{Passes: Tasks, Types: unix.CLONE_NEWNET}))[self]
	want := [NSCount]uint32{NSNet: hostNS(t)}
	if got.NS != want {
		t.Errorf("got %v, want %v", got.NS, want)
	}
}

// TestTasksBesideFiles checks that each of two passes that run at once has its own
// totals.
func TestTasksBesideFiles(t *testing.T) {
	need.Root(t)
	r := open(t, Options{Passes: Tasks | Files})
	var wg sync.WaitGroup
	wg.Go(func() {
		for range 50 {
			if _, err := r.Tasks(func(*Task) {}); err != nil {
				t.Error(err)
			}
		}
	})
	for range 50 {
		if _, err := r.Files(func(*File) {}); err != nil {
			t.Error(err)
		}
	}
	wg.Wait()
}
