// SPDX-License-Identifier: Apache-2.0

package testlock

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// holderEnv has this program lock directories as a test locks the machine, report
// that on a line, and wait to be killed.
const holderEnv = "TESTLOCK_HOLD"

func TestMain(m *testing.M) {
	how, dir, found := strings.Cut(os.Getenv(holderEnv), " ")
	if !found {
		os.Exit(m.Run())
	}
	use(dir)
	if _, err := acquire(map[string]int{"shared": unix.LOCK_SH, "exclusive": unix.LOCK_EX}[how]); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println("locked")
	_ = unix.Pause() // until a signal ends the process
}

func use(dir string) { machine, queue = filepath.Join(dir, "machine"), filepath.Join(dir, "queue") }

// apart has a test lock directories of its own in the machine's place.
func apart(t *testing.T) (dir string) {
	t.Helper()
	dir = t.TempDir()
	t.Setenv(heldEnv, "") // as where none of those that started this process has locked
	oldMachine, oldQueue := machine, queue
	t.Cleanup(func() { machine, queue = oldMachine, oldQueue })
	use(dir)
	for _, d := range []string{machine, queue} {
		if err := os.Mkdir(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// holder is another process that locks.
type holder struct {
	*exec.Cmd
	report chan string
}

func start(t *testing.T, how, dir string) *holder {
	t.Helper()
	h := &holder{exec.Command("/proc/self/exe"), make(chan string, 1)}
	h.Env = append(os.Environ(), holderEnv+"="+how+" "+dir)
	out, err := h.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	started := make(chan error)
	go func() {
		// The signal comes when the thread that forked ends, and so this one is kept.
		runtime.LockOSThread()
		h.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
		started <- h.Start()
		line, err := bufio.NewReader(out).ReadString('\n')
		if err == nil {
			h.report <- strings.TrimSpace(line)
		}
		_ = h.Wait() // it is killed, which is no news
		close(h.report)
	}()
	if err := <-started; err != nil {
		t.Fatal(err)
	}
	t.Cleanup(h.kill)
	return h
}

func (h *holder) kill() {
	_ = h.Process.Kill() // an error means that it is dead already
	for range h.report {
	}
}

const limit = time.Minute

// waits waits until the process waits for a lock (/proc/locks), and fails the test
// if it gets that.
func (h *holder) waits(t *testing.T) {
	t.Helper()
	for end := time.Now().Add(limit); time.Now().Before(end); time.Sleep(time.Millisecond) {
		text, err := os.ReadFile("/proc/locks")
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			words := strings.Fields(line)
			if slices.Contains(words, "->") && slices.Contains(words, fmt.Sprint(h.Process.Pid)) {
				return
			}
		}
		select {
		case line := <-h.report:
			t.Fatalf("it does not wait, and reports %q", line)
		default:
		}
	}
	t.Fatalf("it does not wait within %v", limit)
}

// holds waits until the process holds the lock.
func (h *holder) holds(t *testing.T) {
	t.Helper()
	select {
	case line := <-h.report:
		if line != "locked" {
			t.Fatalf("it reports %q", line)
		}
	case <-time.After(limit):
		t.Fatalf("it does not get the lock within %v", limit)
	}
}

// A process that locks the machine exclusively waits for those that share it, is not
// passed by those that come later, and leaves the machine to them when it is killed.
func TestOrder(t *testing.T) {
	dir := apart(t)
	one, two := start(t, "shared", dir), start(t, "shared", dir)
	one.holds(t)
	two.holds(t)
	alone := start(t, "exclusive", dir)
	alone.waits(t)
	late := start(t, "shared", dir)
	late.waits(t)
	one.kill()
	alone.waits(t)
	two.kill()
	alone.holds(t)
	late.waits(t)
	alone.kill()
	late.holds(t)
}

// A subtest is covered by what its test holds, and releases nothing when it ends.
func TestSubtest(t *testing.T) {
	dir := apart(t)
	t.Run("holder", func(t *testing.T) {
		Exclusive(t)
		other := start(t, "shared", dir)
		other.waits(t)
		t.Run("shared/twice", func(t *testing.T) { Shared(t); Shared(t) })
		t.Run("exclusive", func(t *testing.T) { Exclusive(t) })
		other.waits(t)
	})
	start(t, "exclusive", dir).holds(t) // nothing is held any more
}

// Tests of one process exclude each other as well.
func TestParallel(t *testing.T) {
	apart(t)
	var inside, most int // no lock of their own: the race detector judges ours
	t.Run("all", func(t *testing.T) {
		for range 20 {
			t.Run("one", func(t *testing.T) {
				t.Parallel()
				Exclusive(t)
				inside++
				most = max(most, inside)
				runtime.Gosched()
				inside--
			})
		}
	})
	if most != 1 {
		t.Errorf("%d at the same time", most)
	}
}

// A test that shares the machine is refused it alone: two of them would wait for
// each other.
func TestUpgrade(t *testing.T) {
	apart(t)
	Shared(t)
	refused := &recorder{TB: t}
	done := make(chan bool)
	go func() {
		defer close(done)
		Exclusive(refused)
	}()
	<-done
	if !refused.failed {
		t.Error("it was not refused")
	}
}

// A process that a test starts is covered by what the test holds.
func TestChild(t *testing.T) {
	apart(t)
	t.Setenv(heldEnv, "1")
	Shared(t)
	if _, found := holds(t.Name()); found {
		t.Error("it has locked")
	}
}

// recorder is a test that records its failure instead of failing.
type recorder struct {
	testing.TB
	failed bool
}

func (r *recorder) Fatal(...any) {
	r.failed = true
	runtime.Goexit()
}
