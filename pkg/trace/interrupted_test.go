// SPDX-License-Identifier: Apache-2.0

package trace_test

import (
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/pkg/trace"
)

const (
	interruptedEnv = "TRACE_INTERRUPTED" // marks the process whose calls are interrupted
	interruptedBy  = "interrupted"       // its name

	// interruptedCalls is how many calls it makes at most: they all fit into the tracer's
	// buffer, which is read when it has ended.
	interruptedCalls = 30000
)

func init() {
	if os.Getenv(interruptedEnv) != "" {
		calls, err := callUnderSignals()
		if err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		fmt.Print(calls)
		os.Exit(0)
	}
}

// callUnderSignals makes calls that are refused, without a capability, while a timer sends
// it signals, and returns how many it made. Its program does not see those that were
// interrupted: the kernel makes them again.
func callUnderSignals() (calls int, err error) {
	runtime.LockOSThread()
	if err := os.WriteFile("/proc/thread-self/comm", []byte(interruptedBy), 0); err != nil {
		return 0, err
	}
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var none [2]unix.CapUserData
	if err := unix.Capset(&header, &none[0]); err != nil {
		return 0, err
	}
	signal.Notify(make(chan os.Signal, 1), unix.SIGALRM)
	every := unix.Timeval{Usec: 250}
	if _, err := unix.Setitimer(unix.ITIMER_REAL, unix.Itimerval{Interval: every, Value: every}); err != nil {
		return 0, err
	}
	for begin := time.Now(); calls < interruptedCalls && time.Since(begin) < time.Second; calls++ {
		_, _, errno := unix.RawSyscall6(unix.SYS_CLONE, unix.CLONE_VM|unix.CLONE_NEWUTS|uintptr(unix.SIGCHLD), 0, 0, 0, 0, 0)
		if errno != unix.EPERM {
			return 0, errno
		}
	}
	return calls, nil
}

// TestInterrupted has calls that a signal interrupts, and the kernel makes again, not
// counted as failed: neither by Failed nor by the filter.
func TestInterrupted(t *testing.T) {
	for _, only := range []bool{false, true} {
		t.Run("failed only "+strconv.FormatBool(only), func(t *testing.T) {
			s := open(t, trace.Options{Filter: trace.Filter{Failed: only, Comm: interruptedBy}})
			cmd := exec.Command("/proc/self/exe")
			cmd.Env = append(os.Environ(), interruptedEnv+"=1")
			out, err := cmd.CombinedOutput()
			if err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			var interrupted, failed int
			for _, e := range s.all() {
				if e.Succeeded() || e.Child != 0 {
					t.Errorf("succeeded: %+v", e)
				}
				switch {
				case strings.HasPrefix(e.Interrupted(), "ERESTART"):
					interrupted++
				case e.Failed() && e.Errno == unix.EPERM:
					failed++
				}
			}
			if fmt.Sprint(failed) != string(out) || (interrupted == 0) != only {
				t.Errorf("%d failed of %s, %d interrupted", failed, out, interrupted)
			}
			s.lostNothing()
		})
	}
}
