// SPDX-License-Identifier: Apache-2.0

//go:build amd64 || arm64

package doctor

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/internal/need"
	"github.com/nsinspect/nsinspect/internal/nstest"
	"github.com/nsinspect/nsinspect/internal/testlock"
	"github.com/nsinspect/nsinspect/pkg/doctor"
	"github.com/nsinspect/nsinspect/pkg/ns"
	"github.com/nsinspect/nsinspect/pkg/scan"
)

var errRefused error = unix.EACCES

// run starts a program that ends with the test.
func run(t *testing.T, name string, args ...string) *exec.Cmd {
	t.Helper()
	need.Program(t, name)
	cmd := exec.Command(name, args...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: unix.SIGKILL}
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { end(cmd) })
	return cmd
}

func end(cmd *exec.Cmd) {
	_ = cmd.Process.Kill() // if it fails, it has ended
	_ = cmd.Wait()         // an error only means that it was killed
}

// until waits for what a program that was started is to do.
func until(t *testing.T, what string, done func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !done(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited a minute for %s", what)
		}
	}
}

func TestNoProcess(t *testing.T) {
	dir := nstest.NewNames(t)
	lone := dir.Add("lone")
	p := newPatient(t).in(dir).with(lone)
	f := p.expect(t, "no-process")[0]
	if want := "umount -- " + dir.Path("lone") + " && rm -- " + dir.Path("lone"); len(f.Fix) != 1 || f.Fix[0] != want {
		t.Errorf("fix %q, want %q", f.Fix, want)
	}
	if !strings.Contains(strings.Join(f.Evidence, "\n"), "there since ") {
		t.Errorf("evidence %q, want since when it is there", f.Evidence)
	}
	t.Run("excused", func(t *testing.T) {
		p.opts.MaxOrphans = 1
		p.expect(t)
		if r := p.inspect(t); r.Tolerated != 1 {
			t.Errorf("tolerated %d, want 1", r.Tolerated)
		}
		p.with(dir.Add("second"))
		p.expect(t, "no-process", "no-process")
		p.opts.MaxOrphans = 0
	})
	t.Run("young", func(t *testing.T) {
		p.opts.MinAge = time.Hour
		p.expect(t)
		p.opts.MinAge = 0
	})
	t.Run("gone at the second look", func(t *testing.T) {
		p := newPatient(t).in(dir).with(lone)
		looks := 0
		p.change = func(snap *ns.Snapshot) {
			if looks++; looks == 2 {
				snap.Namespaces = snap.Namespaces[:1]
			}
		}
		if r := p.inspect(t); len(r.Findings) != 0 || looks != 2 {
			t.Errorf("findings %+v after %d looks, want none after 2", r.Findings, looks)
		}
	})
	t.Run("with a process", func(t *testing.T) {
		sleep := run(t, "nsenter", "--net="+dir.Path("lone"), "sleep", "600")
		until(t, "nsenter", func() bool { return inodeOf(sleep.Process.Pid) == lone.Inode })
		newPatient(t).in(dir).with(lone).expect(t)
	})
}

func inodeOf(pid int) uint64 {
	var st unix.Stat_t
	if unix.Stat(fmt.Sprintf("/proc/%d/ns/net", pid), &st) != nil {
		return 0
	}
	return st.Ino
}

func TestDanglingLink(t *testing.T) {
	dir := nstest.NewNames(t)
	sleep := run(t, "sleep", "600")
	link := dir.Symlink("web", fmt.Sprintf("/proc/%d/ns/net", sleep.Process.Pid))
	p := newPatient(t).in(dir)
	p.expect(t)
	end(sleep)
	f := p.expect(t, "dangling-link")[0]
	if f.Path != link || len(f.Fix) != 1 || f.Fix[0] != "rm -- "+link || !strings.Contains(f.Summary, "is gone") {
		t.Errorf("finding %+v", f)
	}
	// Where PIDs are another PID namespace's, none is stated to be gone.
	p.change = func(snap *ns.Snapshot) {
		snap.Gaps = append(snap.Gaps, ns.Gap{Sources: []string{"process"}, Path: "/proc", Err: scan.ErrOtherPIDNS})
	}
	r := p.inspect(t)
	if len(r.Findings) != 1 || r.Findings[0].Severity != doctor.Unknown || len(r.Findings[0].Fix) > 0 {
		t.Errorf("findings %+v, want one, unknown, without a command", r.Findings)
	}
}

// The PID of the process that a link was made for is given to another one.
func TestReusedPID(t *testing.T) {
	testlock.Exclusive(t) // which PID comes next is the whole machine's
	dir := nstest.NewNames(t)
	first := run(t, "sleep", "600")
	pid := first.Process.Pid
	link := dir.Symlink("web", fmt.Sprintf("/proc/%d/ns/net", pid))
	p := newPatient(t).in(dir)
	p.expect(t) // it is the one
	end(first)
	time.Sleep(3100 * time.Millisecond) // what the doctor allows for clocks that differ, and a second of rounding
	for limit := time.Now().Add(time.Minute); ; {
		if err := os.WriteFile("/proc/sys/kernel/ns_last_pid", []byte(fmt.Sprint(pid-1)), 0); errors.Is(err, os.ErrNotExist) {
			need.Missing(t, "needs /proc/sys/kernel/ns_last_pid")
		} else if err != nil {
			t.Fatal(err)
		}
		stranger := run(t, "sleep", "600")
		if stranger.Process.Pid == pid {
			break
		}
		end(stranger)
		if time.Now().After(limit) {
			t.Fatalf("PID %d was not given again in a minute", pid)
		}
	}
	f := p.expect(t, "reused-pid")[0]
	if f.Severity != doctor.Critical || f.Path != link || len(f.Fix) != 1 || f.Fix[0] != "rm -- "+link {
		t.Errorf("finding %+v", f)
	}
	if text := strings.Join(f.Evidence, "\n"); !strings.Contains(text, "the host's own") || !strings.Contains(text, fmt.Sprintf("sleep (pid %d)", pid)) {
		t.Errorf("evidence %q", text)
	}
}

func TestDuplicateName(t *testing.T) {
	one, other := nstest.NewNames(t), nstest.NewNames(t)
	process := nstest.Make(t, nstest.Process)
	second := nstest.Make(t, nstest.Process)
	one.Bind("web", process)
	other.Symlink("web", process.File())
	p := newPatient(t).in(one, other).with(process, second)
	p.expect(t) // two names of one
	other.Bind("db", second)
	one.Symlink("db", process.File())
	f := p.expect(t, "duplicate-name")[0]
	if f.Subject != "db" || len(f.Evidence) != 2 || len(f.Fix) != 1 {
		t.Fatalf("finding %+v", f)
	}
	shell(t, f.Fix[0])
	t.Cleanup(func() {
		shell(t, "for f in "+one.Path("db-2")+" "+other.Path("db-2")+"; do if mountpoint -q $f; then umount $f; fi; rm -f $f; done")
	})
	p.expect(t)
}

func TestCoveredName(t *testing.T) {
	dir := nstest.NewNames(t)
	lower, upper := nstest.Make(t, nstest.Process), nstest.Make(t, nstest.Process)
	dir.Bind("web", lower)
	dir.Bind("twice", upper)
	dir.Bind("twice", upper)
	p := newPatient(t).in(dir).with(lower, upper)
	p.expect(t) // two mounts of one are no trouble
	dir.Bind("web", upper)
	f := p.expect(t, "covered-name")[0]
	if f.Namespace.Inode != lower.Inode || f.Path != dir.Path("web") || !strings.Contains(strings.Join(f.Evidence, "\n"), fmt.Sprint(upper.Inode)) {
		t.Errorf("finding %+v", f)
	}
	// The command that fixes it does: both are reached then.
	shell(t, f.Fix[0])
	t.Cleanup(func() { shell(t, "umount "+dir.Path("web-2")+" && rm "+dir.Path("web-2")) })
	p.expect(t)
}

func shell(t *testing.T, command string) {
	t.Helper()
	if out, err := exec.Command("sh", "-ec", command).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v: %s", command, err, out)
	}
}
