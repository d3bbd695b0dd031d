// SPDX-License-Identifier: Apache-2.0

package enter

import (
	"errors"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/moby/sys/mountinfo"
	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/internal/need"
	"github.com/nsinspect/nsinspect/internal/nstest"
	"github.com/nsinspect/nsinspect/pkg/ns"
)

func TestMain(m *testing.M) {
	nstest.Main()
	os.Exit(m.Run())
}

func TestRightBelow(t *testing.T) {
	for name, test := range map[string]struct {
		table string
		want  []string
	}{
		"as usual": {`
1 0 0:1 / / rw - ext4 x rw
2 1 0:2 / /sys rw - sysfs sysfs rw
3 2 0:3 / /sys/fs/cgroup rw - tmpfs tmpfs rw
4 3 0:4 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw
5 2 0:5 / /sys/kernel/a\040b rw - debugfs debugfs rw
6 1 0:6 / /sysfs rw - tmpfs tmpfs rw
7 3 0:7 / /sys/fs/cgroup rw - tmpfs over rw
`, []string{"/sys/fs/cgroup", "/sys/kernel/a b"}},
		"one /sys over another": {`
1 0 0:1 / / rw - ext4 x rw
2 1 0:2 / /sys rw - sysfs sysfs rw
3 2 0:3 / /sys/fs/cgroup rw - tmpfs tmpfs rw
4 2 0:4 / /sys rw - sysfs sysfs rw
5 4 0:5 / /sys/fs/bpf rw - bpf bpf rw
`, []string{"/sys/fs/bpf"}},
		"no /sys": {`
1 0 0:1 / / rw - ext4 x rw
3 1 0:3 / /sys/fs/cgroup rw - cgroup2 cgroup rw
4 3 0:4 / /sys/fs/cgroup/x rw - tmpfs tmpfs rw
`, []string{"/sys/fs/cgroup"}},
		"nothing below": {"2 1 0:2 / /sys rw - sysfs sysfs rw\n", nil},
	} {
		mounts, err := mountinfo.GetMountsFromReader(strings.NewReader(strings.TrimPrefix(test.table, "\n")), nil)
		if err != nil {
			t.Fatal(err)
		}
		if got := rightBelow(mounts, "/sys"); !slices.Equal(got, test.want) {
			t.Errorf("%s: %q, want %q", name, got, test.want)
		}
	}
}

// exec runs a command on a thread of its own, which ends with it if it fails. The
// runtime never ends the first thread, so that is kept out of the way.
func exec(c *Command) error {
	done := make(chan error)
	go func() {
		runtime.LockOSThread()
		if unix.Gettid() == unix.Getpid() {
			done <- exec(c)
			runtime.UnlockOSThread()
			return
		}
		done <- c.Exec()
	}()
	return <-done
}

// What is behind a descriptor is compared with what was meant, and no command is
// run elsewhere. If one were, it would be false that ends this test.
func TestWrongNamespace(t *testing.T) {
	nstest.CheckLeaks(t)
	scene := nstest.Make(t, nstest.Process)
	if scene.Cookie == 0 {
		need.Missing(t, "needs cookies: Linux 5.14")
	}
	fd, err := unix.Open(scene.File(), unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	for want, meant := range map[string]ns.Namespace{
		"has ended, and another has its inode": {Inode: scene.Inode, Cookie: scene.Cookie + 1},
		", not net:[":                          {Inode: scene.Inode + 1, Cookie: scene.Cookie},
	} {
		err := exec(&Command{File: fd, Expect: meant, NetOnly: true, Args: []string{"false"}, Env: os.Environ()})
		var step *StepError
		if !errors.As(err, &step) || !strings.Contains(err.Error(), want) {
			t.Errorf("meant %+v: %v, want %q", meant, err, want)
		}
	}
	// The right one is entered: what fails is the command.
	right := ns.Namespace{Inode: scene.Inode, Cookie: scene.Cookie}
	err = exec(&Command{File: fd, Expect: right, NetOnly: true, Args: []string{"/no/such/command"}})
	var notRun *NotRunError
	if !errors.As(err, &notRun) || notRun.Status != 127 {
		t.Errorf("the right one: %v, want that there is no such command", err)
	}
}

func TestNotANamespace(t *testing.T) {
	need.Root(t)
	null, err := unix.Open("/dev/null", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(null)
	var step *StepError
	if err := exec(&Command{File: null, Args: []string{"false"}, Env: os.Environ()}); !errors.As(err, &step) || !step.Entering() {
		t.Errorf("%v, want that it cannot be entered", err)
	}
}

// What cannot be compared is not entered, or no command is run there: a file of another
// type or none, and a cookie that cannot be read, here for want of a descriptor.
func TestUnverifiedNamespace(t *testing.T) {
	nstest.CheckLeaks(t)
	scene := nstest.Make(t, nstest.Process)
	if scene.Cookie == 0 {
		need.Missing(t, "needs cookies: Linux 5.14")
	}
	fd, err := unix.Open(scene.File(), unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	mnt, err := unix.Open("/proc/self/ns/mnt", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(mnt)
	var was unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &was); err != nil {
		t.Fatal(err)
	}
	meant := ns.Namespace{Inode: scene.Inode, Cookie: scene.Cookie}
	for name, test := range map[string]struct {
		file  int
		limit uint64
		want  string
	}{
		"another type":      {mnt, was.Cur, "it is mnt:["},
		"no file":           {-1, was.Cur, "it cannot be identified"},
		"unreadable cookie": {fd, 0, "its cookie cannot be read"},
	} {
		if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: test.limit, Max: was.Max}); err != nil {
			t.Fatal(err)
		}
		err := exec(&Command{File: test.file, Expect: meant, NetOnly: true, Args: []string{"false"}, Env: os.Environ()})
		if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &was); err != nil {
			t.Fatal(err)
		}
		var step *StepError
		if !errors.As(err, &step) || !step.Entering() || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, want %q", name, err, test.want)
		}
	}
}
