// SPDX-License-Identifier: Apache-2.0

//go:build amd64 || arm64

package engines

import (
	"bytes"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/nsinspect/nsinspect/internal/need"
)

// What is printed where a limit ends the program. A program that is linked with C, as a test
// may be, has a library that ends it.
const (
	noSpace   = "nsinspect: out of address space: 2 GiB are needed\nhint: raise ulimit -v\n"
	noMemory  = "nsinspect: out of memory\nhint: raise ulimit -v and ulimit -d, or end other programs\n"
	noThreads = "nsinspect: out of processes: no thread can be started\nhint: raise ulimit -u, or pids.max of the cgroup\n"
)

// limited runs the program below a limit as prlimit(1) has it, as a user if that is not 0.
func limited(t *testing.T, uid uint32, limit, args string) (status int, stdout, stderr string) {
	t.Helper()
	need.Program(t, "prlimit")
	cmd := exec.Command("prlimit", append([]string{limit, binary(t)}, strings.Fields(args)...)...)
	if uid != 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: uid}}
	}
	var out, text bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &text
	err := cmd.Run()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), out.String(), text.String()
}

// With as little stack as the kernel starts a program with, this one does what it does with
// more.
func TestLittleStack(t *testing.T) {
	for _, n := range []int{12 << 10, 16 << 10, 24 << 10, 64 << 10, 256 << 10} {
		status, stdout, stderr := limited(t, 0, fmt.Sprint("--stack=", n), "--engine proc list")
		if status != 0 || !strings.Contains(stdout, "(host)") {
			t.Errorf("with %d bytes of stack: exit status %d, %s%s", n, status, stdout, stderr)
		}
	}
}

// Too little memory is one line, before the Go runtime has started as well as later.
func TestLittleMemory(t *testing.T) {
	for _, test := range []struct {
		limit, args string
		status      int
		want        string
	}{
		{"--as=100000000", "list", 1, noSpace},
		{"--as=200000000", "list", 1, noSpace},
		{"--as=1000000000", "-v doctor", 3, noSpace},
		{"--as=1000000000", "doctor -o json", 3, noSpace},
		{"--as=2147483647", "who-uses doctor", 1, noSpace},
		{"--as=2147483648", "completion bash", 0, ""},
		{"--data=50000000", "list", 1, noMemory},
		{"--data=50000000", "--engine proc doctor", 3, noMemory},
	} {
		status, _, stderr := limited(t, 0, test.limit, test.args)
		if status != test.status || stderr != test.want {
			t.Errorf("%s %s: exit status %d, want %d, and %q, want %q", test.limit, test.args, status, test.status, stderr, test.want)
		}
	}
}

// A thread that cannot be started is one line, the first one as well as any later one: the
// command is done, or ends with it.
func TestFewThreads(t *testing.T) {
	need.Root(t)
	const user = 4073 // who has no other process
	const least = 8   // commands that end so
	ended := 0
	for limit := 1; limit <= 12; limit++ {
		for _, args := range []string{"list", "who-uses self", "doctor", "--help"} {
			if args == "doctor" && limit > 4 {
				continue // it takes its time where it can
			}
			status, stdout, stderr := limited(t, user, fmt.Sprint("--nproc=", limit), args)
			want := map[bool]int{false: 1, true: 3}[args == "doctor"]
			switch lacks := strings.HasSuffix(stderr, noThreads); {
			case strings.Contains(stderr, "goroutine "), lacks && status != want, limit == 1 && stdout+stderr != noThreads:
				t.Errorf("with %d processes, %s: exit status %d, %s%s", limit, args, status, stdout, stderr)
			case lacks:
				ended++
			}
		}
	}
	if ended < least {
		t.Errorf("%d commands had too few threads, want %d", ended, least)
	}
}
