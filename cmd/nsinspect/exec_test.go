// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/nsinspect/nsinspect/internal/kernel"
	"github.com/nsinspect/nsinspect/internal/need"
	"github.com/nsinspect/nsinspect/internal/nstest"
	"github.com/nsinspect/nsinspect/internal/testlock"
)

// execScene is a named namespace with a veth, and two ways to run a command in it.
type execScene struct {
	*testing.T
	name    string
	program string
	etc     string // what lies over /etc for both
}

func newExecScene(t *testing.T) *execScene {
	need.Program(t, "ip", "unshare")
	names := nstest.NewRunNames(t)
	names.Add("exec")
	s := &execScene{T: t, name: filepath.Base(names.Path("exec")), program: program(t), etc: t.TempDir()}
	out, err := exec.Command("ip", "-n", s.name, "link", "add", "one", "type", "veth", "peer", "name", "two").CombinedOutput()
	if err != nil {
		need.Missing(t, "needs veth: "+string(out))
	}
	return s
}

// program is the test's own executable by a name that makes it nsinspect.
func program(t *testing.T) string {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(t.TempDir(), "nsinspect")
	if err := os.Symlink(self, program); err != nil {
		t.Fatal(err)
	}
	return program
}

// etcFile puts a file into the /etc of both.
func (s *execScene) etcFile(name, text string) {
	s.Helper()
	path := filepath.Join(s.etc, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		s.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		s.Fatal(err)
	}
}

// result is what comes of a command.
type result struct {
	Out    string
	Status string // "exit status 7", "signal: terminated"
}

// run runs a command in a mount namespace that has the scene's /etc.
func (s *execScene) run(command ...string) result {
	s.Helper()
	args := append([]string{"-m", "--propagation", "private", "sh", "-c", `mount --bind "$0" /etc && exec "$@"`, s.etc}, command...)
	cmd := exec.Command("unshare", args...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	var errs bytes.Buffer
	cmd.Stderr = &errs
	r, w, err := os.Pipe() // one more descriptor, which the command is to have
	if err != nil {
		s.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	cmd.ExtraFiles = []*os.File{r}
	out, err := cmd.Output()
	if err != nil && cmd.ProcessState == nil {
		s.Fatal(err)
	}
	if errs.Len() > 0 {
		s.Logf("%s: %s", strings.Join(command, " "), &errs)
	}
	return result{string(out), cmd.ProcessState.String()}
}

// A command sees and gives the same as by ip netns exec.
func TestExecAsIP(t *testing.T) {
	s := newExecScene(t)
	s.etcFile("resolv.conf", "nameserver 192.0.2.1\n")
	s.etcFile("hosts", "127.0.0.1 everywhere\n")
	s.etcFile("netns/"+s.name+"/resolv.conf", "nameserver 192.0.2.2\n")
	s.etcFile("netns/"+s.name+"/nothing-to-cover", "x\n")
	s.etcFile("netns/other/hosts", "127.0.0.1 elsewhere\n")
	different := func(command string) bool {
		sh := []string{"sh", "-c", command}
		host := s.run(sh...)
		byIP := s.run(append([]string{"ip", "netns", "exec", s.name}, sh...)...)
		byUs := s.run(append([]string{s.program, "exec", s.name, "--"}, sh...)...)
		byPath := s.run(append([]string{s.program, "exec", "/run/netns/" + s.name, "--"}, sh...)...)
		if byUs != byIP || byPath != byIP {
			t.Errorf("%s: by name %q, by path %q, by ip %q", command, byUs, byPath, byIP)
		}
		return byUs != host
	}
	for _, command := range []string{
		"ip -brief address | sort", "ls /sys/class/net", "cat /etc/resolv.conf", "readlink /proc/self/ns/net",
	} {
		if !different(command) {
			t.Errorf("%s: the same outside", command)
		}
	}
	for _, command := range []string{
		"cat /etc/hosts", "ls /proc/self/fd", "exit 0", "exit 7", "kill -TERM $$", "kill -KILL $$",
		"pwd; id; umask; ulimit -n; env | grep -v ^_= | sort", "grep -E '^(Cap|SigBlk|SigIgn|NoNew|Seccomp|Threads)' /proc/self/status",
		"for ns in cgroup ipc pid user uts time; do readlink /proc/self/ns/$ns; done",
		"grep ' / / ' /proc/self/mountinfo | grep -c shared:",
	} {
		if different(command) && !strings.Contains(command, "shared") {
			t.Errorf("%s: not the same outside", command)
		}
	}
}

// Nothing that is mounted for the command, or by it, is seen outside, where mounts
// are shared as on most machines.
func TestExecMountsStayInside(t *testing.T) {
	s := newExecScene(t)
	const script = `mount --make-rshared / && at=$2 &&
		"$0" exec "$1" -- sh -c 'mount -t tmpfs inside "$0" && touch "$0/x" && ls "$0"' "$at" &&
		ls "$at" && grep -c 'sysfs nsinspect' /proc/self/mountinfo`
	cmd := exec.Command("unshare", "-m", "--propagation", "private", "sh", "-c", script, s.program, s.name, t.TempDir())
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if out, err := cmd.Output(); string(out) != "x\n0\n" {
		t.Errorf("%v: %q, want x from inside, nothing outside, and no /sys of ours", err, out)
	}
}

// The process is the command: its PID, and whatever signal is sent to it.
func TestExecReplacesProcess(t *testing.T) {
	s := newExecScene(t)
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT, syscall.SIGQUIT, syscall.SIGHUP, syscall.SIGUSR1, syscall.SIGPIPE} {
		// Caught here, a signal has its default action in the command, also where the
		// tests were started to ignore it: by nohup, or in the background of a script.
		caught := make(chan os.Signal, 1)
		signal.Notify(caught, sig)
		defer signal.Stop(caught)
		cmd, out := s.start(s.program, "exec", s.name, "--", "sh", "-c", "echo $$; exec sleep 1000")
		if want := fmt.Sprintln(cmd.Process.Pid); out != want {
			t.Errorf("the command is process %s, want %s", out, want)
		}
		if err := cmd.Process.Signal(sig); err != nil {
			t.Fatal(err)
		}
		err := cmd.Wait()
		if status := cmd.ProcessState.Sys().(syscall.WaitStatus); !status.Signaled() || status.Signal() != sig {
			t.Errorf("%v: %v", sig, err)
		}
	}
	// Those that it was started to ignore, beside what we are ourselves.
	for _, exe := range [][]string{{"ip", "netns", "exec", s.name}, {s.program, "exec", s.name, "--"}} {
		out, err := exec.Command("sh", append([]string{"-c", `trap "" INT HUP; exec "$@"`, "sh"}, append(exe, "grep", "SigIgn", "/proc/self/status")...)...).Output()
		mask, parseErr := strconv.ParseUint(strings.TrimSpace(strings.TrimPrefix(string(out), "SigIgn:")), 16, 64)
		if err != nil || parseErr != nil || mask&3 != 3 {
			t.Errorf("%v: ignores %q, %v, want SIGHUP and SIGINT", exe, out, err)
		}
	}
}

// start starts a command and returns the first line that it prints.
func (s *execScene) start(name string, args ...string) (*exec.Cmd, string) {
	s.Helper()
	cmd := exec.Command(name, args...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := cmd.StdoutPipe()
	if err != nil {
		s.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		s.Fatal(err)
	}
	s.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil && err != io.EOF {
		s.Fatal(err)
	}
	return cmd, line
}

// A namespace that no file leads to is entered by the kernel's own handle of it.
func TestExecWithoutAPath(t *testing.T) {
	need.Root(t)
	testlock.Shared(t)
	program := program(t)
	for _, kind := range []nstest.Kind{nstest.Socket, nstest.Inflight, nstest.IOURing, nstest.Mmap, nstest.MountFD} {
		t.Run(string(kind), func(t *testing.T) {
			if (kind == nstest.Socket || kind == nstest.Mmap) && need.KernelIs(t, 6, 19) {
				need.Missing(t, "from Linux 6.19 on the kernel opens no namespace that sockets alone keep (nsfs_fh_to_dentry)")
			}
			nstest.CheckLeaks(t)
			scene := nstest.Make(t, kind)
			out, err := exec.Command(program, "exec", fmt.Sprint(scene.Inode), "--", "readlink", "/proc/self/ns/net").CombinedOutput()
			if want := fmt.Sprintf("net:[%d]\n", scene.Inode); err != nil || string(out) != want {
				if kernel.Running().Before(6, 18) {
					need.Missing(t, "needs Linux 6.18")
				}
				t.Errorf("%v: %s, want %s", err, out, want)
			}
		})
	}
}

// An ordinary user's own container belongs to that user's user namespace. Root
// enters it as it is; the user gets a hint.
func TestExecRootless(t *testing.T) {
	need.Root(t)
	testlock.Shared(t)
	need.Program(t, "unshare", "nsenter")
	dir, program, err := programForAll()
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	const nobody = 65534
	user := &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}, Pdeathsig: syscall.SIGKILL}
	container := exec.Command("unshare", "-Urn", "sh", "-c", "echo; exec sleep 1000")
	container.SysProcAttr = user
	out, err := container.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := container.Start(); err != nil {
		t.Fatal(err)
	}
	defer container.Wait()
	defer container.Process.Kill()
	if _, err := bufio.NewReader(out).ReadString('\n'); err != nil {
		need.Missing(t, "needs user namespaces for everybody: "+err.Error())
	}
	pid := fmt.Sprint(container.Process.Pid)
	want, err := os.Readlink("/proc/" + pid + "/ns/net")
	if err != nil {
		t.Fatal(err)
	}
	byRoot, err := exec.Command(program, "exec", pid, "--", "sh", "-c", "readlink /proc/self/ns/net; ls /sys/class/net").CombinedOutput()
	if err != nil || string(byRoot) != want+"\nlo\n" {
		t.Errorf("by root: %v: %s, want %s", err, byRoot, want)
	}
	cmd := exec.Command(program, "exec", pid, "--", "true")
	cmd.SysProcAttr = user
	cmd.Dir = "/"
	printed, err := cmd.CombinedOutput()
	line := strings.TrimSpace(string(printed))
	if err == nil || !strings.Contains(line, "operation not permitted\nhint: run as root, or join its user namespace, user:[") ||
		!strings.HasSuffix(line, " first: nsenter --preserve-credentials -U -n -t PID -- COMMAND") {
		t.Errorf("printed to the user: %s", line)
	}
	_, advice, _ := strings.Cut(line, "nsenter ")
	advice = strings.NewReplacer("PID", pid, "COMMAND", "readlink /proc/self/ns/net").Replace(advice)
	follow := exec.Command("nsenter", strings.Fields(advice)...)
	follow.SysProcAttr = user
	follow.Dir = "/"
	if got, err := follow.CombinedOutput(); err != nil || strings.TrimSpace(string(got)) != want {
		t.Errorf("what it advises gives %v: %s, want %s", err, got, want)
	}
}
