// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/internal/hosttest"
	"github.com/nsinspect/nsinspect/internal/need"
	"github.com/nsinspect/nsinspect/internal/nstest"
	"github.com/nsinspect/nsinspect/internal/testlock"
	"github.com/nsinspect/nsinspect/pkg/trace"
)

// full has some tests do as much as what they show was promised for: the tests of a
// trace's end, which make as many calls with as slow a reader, and the one of a user who
// lies. It takes a quarter of an hour.
var full = flag.Bool("full", false, "run the longest tests in full")

func TestMain(m *testing.M) {
	nstest.Main()
	testscript.Main(m, map[string]func(){"nsinspect": main})
}

func TestScripts(t *testing.T) {
	runScripts(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		UpdateScripts:       os.Getenv("UPDATE_SCRIPTS") != "",
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"machine":   machineCmd,
			"scene":     sceneCmd,
			"names":     namesCmd,
			"exclusive": exclusiveCmd,
			"shows":     showsCmd,
			"nobody":    nobodyCmd,
			"status":    statusCmd,
			"lines":     linesCmd,
			"schema":    schemaCmd,
		},
		Setup: func(env *testscript.Env) error {
			env.Values[testKey{}] = env.T()
			for n := range 3 { // addresses that nothing else here has; the prefix is /26
				env.Setenv(fmt.Sprint("IP", n), nstest.Addr(n+1).String())
			}
			env.Setenv("IP6", nstest.Addr6(7).String())
			env.Setenv("IP6_EXPANDED", nstest.Addr6(7).StringExpanded())
			env.Setenv("MAC", nstest.MAC(1))
			env.Setenv("wait", waitFor)
			return nil
		},
		Condition: func(cond string) (bool, error) {
			var met bool
			switch cond {
			case "root":
				met = os.Geteuid() == 0
			case "cookies":
				return need.KernelIs(t, 5, 14), nil
			case "lists": // of namespaces of every type
				return need.KernelIs(t, 6, 18), nil
			case "trace":
				met = mayTrace()
			default:
				return false, fmt.Errorf("unknown condition %q", cond)
			}
			if !met && os.Getenv("NSINSPECT_REQUIRE") == "all" {
				return false, fmt.Errorf("no %s, and NSINSPECT_REQUIRE=all forbids to skip", cond)
			}
			return met, nil
		},
	})
}

// mayTrace reports whether this machine lets us trace a command.
var mayTrace = sync.OnceValue(func() bool {
	t, err := trace.Open(context.Background(), trace.Options{Follow: true})
	if err != nil {
		return false
	}
	return t.Close() == nil && os.Geteuid() == 0
})

// Signals end nsinspect also while it writes to a pipe that nobody reads, and without the stacks that
// the Go runtime prints at SIGQUIT: what reads and prints once at once, and the rest by itself
// after a while. How a trace ends then is in TestEndUnread.
func TestSignalsWhileStuck(t *testing.T) {
	for _, sig := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGQUIT, syscall.SIGHUP} {
		t.Run(sig.String(), func(t *testing.T) {
			defaultsBelow(t, unix.SIGHUP)
			if got := signalWhileStuck(t, sig, "list", "--engine=proc"); got != sig {
				t.Errorf("list ended by %v", got)
			}
			signalWhileStuck(t, sig, "completion", "bash")
		})
	}
}

// signalWhileStuck runs nsinspect and sends it a signal as soon as it waits for a reader. It returns
// the signal that it ended by.
func signalWhileStuck(t *testing.T, sig syscall.Signal, args ...string) syscall.Signal {
	t.Helper()
	program := program(t)
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	// A pipe that is full from the start.
	if _, err := unix.FcntlInt(w.Fd(), unix.F_SETPIPE_SZ, 4096); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(make([]byte, 4096)); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("sh", append([]string{"-c", `ulimit -c 0; exec "$@"`, "sh", program}, args...)...) // no file of its memory
	cmd.Stdout = w
	var notes bytes.Buffer
	cmd.Stderr = &notes
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	w.Close()
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	waitInWrite(t, cmd.Process.Pid)
	if err := cmd.Process.Signal(sig); err != nil {
		t.Fatal(err)
	}
	select {
	case <-ended:
	case <-time.After(time.Minute):
		cmd.Process.Kill()
		<-ended
		t.Errorf("%v: still there a minute after %v", args, sig)
	}
	if strings.Contains(notes.String(), "goroutine") {
		t.Errorf("%v: %.300s", args, &notes)
	}
	return cmd.ProcessState.Sys().(syscall.WaitStatus).Signal()
}

// waitInWrite waits until a thread of a process sleeps in a pipe.
func waitInWrite(t *testing.T, pid int) {
	t.Helper()
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/syscall", pid))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range threads {
			if text, err := os.ReadFile(f); err == nil && strings.HasPrefix(string(text), fmt.Sprintf("%d 0x1 ", unix.SYS_WRITE)) {
				return
			}
		}
	}
	need.Missing(t, "nobody seen in write(2): /proc/PID/syscall is closed to us")
}

// machineCmd makes a fake machine: "machine NAME" unpacks the archive of that
// name in testdata/machines into directory NAME.
func machineCmd(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: machine NAME")
	}
	archive, err := os.ReadFile(filepath.Join(repo, "testdata/machines", args[0]+".txtar"))
	ts.Check(err)
	ts.Check(hosttest.Unpack(ts.MkAbs(args[0]), archive))
}

var repo = func() string {
	dir, err := os.Getwd()
	if err != nil {
		panic(err)
	}
	return dir
}()

// testKey is the key of a script's test among its values.
type testKey struct{}

// testOf returns the test that a script is, which ends with the script.
func testOf(ts *testscript.TestScript) testing.TB { return ts.Value(testKey{}).(testing.TB) }

// waitFor is a shell function: "wait_for COMMAND..." runs a command until it succeeds,
// and ends the script with an error, and the last background process, if it has not
// within two minutes.
const waitFor = `wait_for() {
	left=6000
	until "$@"; do
		left=$((left - 1))
		if test $left -eq 0; then
			echo "waited two minutes for: $*" >&2
			kill -KILL $!
			exit 99
		fi
		sleep 0.02
	done
}`

// exclusiveCmd has the machine for the script alone, from here on to its end: no
// other test makes or holds anything there. It comes before all that makes something.
func exclusiveCmd(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 0 {
		ts.Fatalf("usage: exclusive")
	}
	testlock.Exclusive(testOf(ts))
}

// sceneCmd makes a real namespace: "scene KIND VAR" sets VAR to its inode,
// VAR_PID to the holder's PID, VAR_PATH to its path, VAR_COOKIE and VAR_NSID.
func sceneCmd(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: scene KIND VAR")
	}
	scene := nstest.Make(testOf(ts), nstest.Kind(args[0]))
	ts.Setenv(args[1], fmt.Sprint(scene.Inode))
	ts.Setenv(args[1]+"_PID", fmt.Sprint(scene.Holders[0].PID))
	ts.Setenv(args[1]+"_TID", fmt.Sprint(scene.Holders[0].TID))
	ts.Setenv(args[1]+"_PATH", scene.Holders[0].Path)
	ts.Setenv(args[1]+"_COOKIE", fmt.Sprint(scene.Cookie))
	ts.Setenv(args[1]+"_NSID", fmt.Sprint(scene.NSID))
}

// namesCmd makes names: "names DIR_VAR NAME..." sets DIR_VAR to a names directory
// in which each name is of a new namespace.
func namesCmd(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 1 {
		ts.Fatalf("usage: names DIR_VAR NAME...")
	}
	dir := nstest.NewNames(testOf(ts))
	ts.Setenv(args[0], dir.Dir)
	for _, name := range args[1:] {
		dir.Add(strings.NewReplacer(`\n`, "\n", `\e`, "\x1b").Replace(name))
	}
}

// nobodyCmd runs nsinspect as an ordinary user, from a directory which that user may
// enter.
func nobodyCmd(ts *testscript.TestScript, neg bool, args []string) {
	const nobody = 65534
	dir, program, err := programForAll()
	ts.Check(err)
	defer os.RemoveAll(dir)
	cmd := exec.Command(program, args...)
	cmd.Dir = "/"
	cmd.Env = []string{"HOME=/"}
	cmd.Stdout, cmd.Stderr = ts.Stdout(), ts.Stderr()
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Credential: &syscall.Credential{Uid: nobody, Gid: nobody}, Pdeathsig: syscall.SIGKILL,
	}
	if err := cmd.Run(); (err != nil) != neg {
		ts.Fatalf("nsinspect as nobody: %v", err)
	}
}

// programForAll makes nsinspect in a new directory that everybody may enter.
func programForAll() (dir, program string, err error) {
	if dir, err = os.MkdirTemp("", "nsinspect"); err != nil {
		return "", "", err
	}
	self, err := os.Executable()
	if err == nil {
		// The test binary is nsinspect when it is called so. A link, since a copy
		// might still be open for writing in a child forked meanwhile (ETXTBSY).
		program = filepath.Join(dir, "nsinspect")
		err = os.Link(self, program)
	}
	return dir, program, errors.Join(err, os.Chmod(dir, 0o755))
}

// statusCmd runs a program that must exit with a status: "status 2 nsinspect …".
func statusCmd(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: status N PROGRAM ARGS...")
	}
	err := ts.Exec(args[1], args[2:]...)
	got := "0"
	if exit, ok := err.(*exec.ExitError); ok {
		got = fmt.Sprint(exit.ExitCode())
	} else {
		ts.Check(err)
	}
	if got != args[0] {
		ts.Fatalf("%v exited with status %s, want %s", args[1:], got, args[0])
	}
}

// linesCmd counts the lines of stdout or stderr of the last command.
func linesCmd(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: lines stdout|stderr N")
	}
	if got := strings.Count(ts.ReadFile(args[0]), "\n"); fmt.Sprint(got) != args[1] {
		ts.Fatalf("%s has %d lines, want %s:\n%s", args[0], got, args[1], ts.ReadFile(args[0]))
	}
}
