// SPDX-License-Identifier: Apache-2.0

//go:build amd64 || arm64

package actors

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/nsinspect/nsinspect/internal/need"
	"github.com/nsinspect/nsinspect/internal/nstest"
	"github.com/nsinspect/nsinspect/internal/strace"
	"github.com/nsinspect/nsinspect/internal/testlock"
)

func TestMain(m *testing.M) {
	nstest.Main()
	os.Exit(m.Run())
}

func command(t *testing.T, args ...string) {
	t.Helper()
	cmd := exec.Command(args[0], args[1:]...)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatal(fmt.Errorf("run %v: %w: %s", args, err, out))
	}
}

// TestActors has the programs at a shell do what they do.
func TestActors(t *testing.T) {
	need.Root(t)
	need.Program(t, "ip", "unshare", "nsenter", "lsns")
	testlock.Shared(t)
	names := nstest.NewRunNames(t)
	blue := names.Path("blue")[len(nstest.RunNetns)+1:]
	there := names.Add("there")
	house := neighbour(t)
	attached := names.Path("attached")[len(nstest.RunNetns)+1:]
	pinned := names.Path("pinned")
	if err := os.WriteFile(pinned, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = exec.Command("ip", "netns", "del", filepath.Base(pinned)).Run()
		_ = exec.Command("ip", "netns", "del", attached).Run()
	})
	t.Cleanup(func() { _ = exec.Command("ip", "netns", "del", blue).Run() })
	for _, test := range []struct {
		command []string
		want    []string
	}{
		{[]string{"true"}, nil}, // the twin of all
		{[]string{"ip", "netns", "add", blue}, []string{"unshare(CLONE_NEWNET) = 0"}},
		{[]string{"ip", "netns", "exec", blue, "true"}, []string{"setns(*, CLONE_NEWNET) = 0", "unshare(CLONE_NEWNS) = 0"}},
		{[]string{"ip", "-n", blue, "link", "set", "lo", "up"}, []string{"setns(*, CLONE_NEWNET) = 0"}},
		{[]string{"ip", "netns", "del", blue}, nil},
		{[]string{"unshare", "-n", "true"}, []string{"unshare(CLONE_NEWNET) = 0"}},
		{[]string{"unshare", "-Urn", "true"}, []string{"unshare(CLONE_NEWNET|CLONE_NEWUSER) = 0"}},
		{[]string{"unshare", "-m", "true"}, []string{"unshare(CLONE_NEWNS) = 0"}},
		{[]string{"unshare", "-p", "--fork", "--mount-proc", "true"}, []string{"unshare(CLONE_NEWNS|CLONE_NEWPID) = 0"}},
		{[]string{"unshare", "-C", "-i", "-u", "-T", "--fork", "true"}, []string{"unshare(CLONE_NEWCGROUP|CLONE_NEWIPC|CLONE_NEWTIME|CLONE_NEWUTS) = 0"}},
		{[]string{"setpriv", "--reuid=nobody", "--clear-groups", "sh", "-c", "! unshare -n true 2>/dev/null"}, []string{"unshare(CLONE_NEWNET) = -1 EPERM"}},
		{[]string{"nsenter", "--net=" + there.File(), "true"}, []string{"setns(*, CLONE_NEWNET) = 0"}},
		{[]string{"sh", "-c", "! nsenter --net=/dev/null true 2>/dev/null"}, []string{"setns(*, CLONE_NEWNET) = -1 EINVAL"}},
		{[]string{"nsenter", "--target", house, "--all", "true"}, []string{"setns(*, CLONE_NEWNET) = 0", "setns(*, CLONE_NEWNS) = 0"}},
		{[]string{"unshare", "-Ur", "unshare", "-n", "true"}, []string{"unshare(CLONE_NEWUSER) = 0", "unshare(CLONE_NEWNET) = 0"}},
		{[]string{"setpriv", "--reuid=nobody", "--clear-groups", "unshare", "-Urmnpf", "true"}, []string{"unshare(CLONE_NEWNET|CLONE_NEWNS|CLONE_NEWPID|CLONE_NEWUSER) = 0"}},
		{[]string{"setpriv", "--reuid=nobody", "--clear-groups", "sh", "-c", "! nsenter --net=" + there.File() + " true 2>/dev/null"}, []string{"setns(*, CLONE_NEWNET) = -1 EPERM"}},
		{[]string{"unshare", "-Tf", "--boottime", "60", "true"}, []string{"unshare(CLONE_NEWTIME) = 0"}},
		{[]string{"unshare", "-pf", "--kill-child", "sh", "-c", "unshare -pf true"}, []string{"unshare(CLONE_NEWPID) = 0"}},
		{[]string{"sh", "-c", "exec unshare --net=" + pinned + " true"}, []string{"unshare(CLONE_NEWNET) = 0"}},
		{[]string{"nsenter", "--net=" + pinned, "true"}, []string{"setns(*, CLONE_NEWNET) = 0"}},
		{[]string{"sh", "-c", "nsenter --net=/proc/self/fd/9 true 9<" + there.File()}, []string{"setns(*, CLONE_NEWNET) = 0"}},
		{[]string{"nsenter", "--target", house, "--net", "--uts", "--ipc", "--cgroup", "unshare", "-n", "true"}, []string{"setns(*, CLONE_NEWUTS) = 0", "unshare(CLONE_NEWNET) = 0"}},
		{[]string{"sh", "-c", "! nsenter --target " + house + " --user true 2>/dev/null"}, []string{"setns(*, CLONE_NEWUSER) = -1 EINVAL"}},
		{[]string{"ip", "netns", "attach", attached, house}, nil},
		{[]string{"ip", "netns", "identify", house}, nil},
		{[]string{"ip", "netns", "del", attached}, nil},
		{[]string{"sh", "-c", "lsns -t net || true"}, nil}, // it fails where a process, anybody's, ends while it looks
		{[]string{"unshare", "-n", "unshare", "-u", "sh", "-c", "unshare -i true & unshare -m true; wait"}, []string{"unshare(CLONE_NEWIPC) = 0", "unshare(CLONE_NEWUTS) = 0"}},
	} {
		t.Run(fmt.Sprint(test.command), func(t *testing.T) {
			calls, events := strace.Record(t, func(straced []string) { command(t, append(straced, test.command...)...) })
			strace.Compare(t, calls, events, test.want...)
		})
	}
}

// neighbour starts a process in namespaces of its own and returns its PID.
func neighbour(t *testing.T) string {
	t.Helper()
	cmd := exec.Command("unshare", "-n", "-m", "-u", "-i", "-C", "cat")
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stdout = nil
	echo, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		stdin.Close()
		_ = cmd.Wait()
	})
	// What it echoes shows that it is there.
	if _, err := stdin.Write([]byte("x\n")); err != nil {
		t.Fatal(err)
	}
	if _, err := echo.Read(make([]byte, 2)); err != nil {
		t.Fatal(err)
	}
	return fmt.Sprint(cmd.Process.Pid)
}
