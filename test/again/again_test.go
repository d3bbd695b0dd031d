// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/internal/testreport"
)

func TestMain(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == loadArg {
		loadMain()
	}
	os.Exit(m.Run())
}

func TestWriteRounds(t *testing.T) {
	bad, worse := testreport.Test{Package: "pkg/a", Name: "TestBad"}, testreport.Test{Package: "pkg/b"}
	good := round{Summary: testreport.Summary{Passed: 8, Skipped: make([]testreport.Skip, 1)}, took: 61 * time.Second}
	var b strings.Builder
	if err := writeRounds(&b, []round{good, good}); err != nil || strings.Contains(b.String(), "FAILED\tIN") {
		t.Errorf("%v:\n%s", err, b.String())
	}
	b.Reset()
	err := writeRounds(&b, []round{
		good,
		{Summary: testreport.Summary{Passed: 6, Failed: []testreport.Test{worse, bad}}, loaded: true, took: 90 * time.Second},
		{Summary: testreport.Summary{Passed: 7, Failed: []testreport.Test{bad}}, took: 60 * time.Second},
	})
	want := `
ROUND             TIME   PASSED  FAILED  SKIPPED
1                 1m1s   8       0       1
2, beside a load  1m30s  6       2       0
3                 1m0s   7       1       0

FAILED         IN ROUND
pkg/a TestBad  2, beside a load; 3
pkg/b          2, beside a load
`
	if diff := cmp.Diff(want, b.String()); diff != "" || err == nil {
		t.Errorf("%v; (-want +got):\n%s", err, diff)
	}
}

// Rounds are run with the load beside every second, and an error ends them.
func TestAgain(t *testing.T) {
	var b strings.Builder
	if err := again(t.Context(), &b, 2, "^TestClosing", []string{"../report"}); err != nil {
		t.Errorf("%v\n%s", err, b.String())
	}
	if got := b.String(); !strings.Contains(got, "== round 1 of 2\n") || !strings.Contains(got, "== round 2 of 2, beside a load\n") {
		t.Errorf("printed:\n%s", got)
	}
	if err := again(t.Context(), &b, 0, "", nil); err == nil {
		t.Error("no round was taken for a result")
	}
	if err := again(t.Context(), &b, 1, "", []string{"./nowhere"}); err == nil {
		t.Error("a package that is not there passed")
	}
}

// The load burns CPU and starts processes until it is stopped.
func TestLoad(t *testing.T) {
	l, err := startLoad()
	if err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
		const faultsOfChildren, userTime = 8, 11 // cminflt and utime in proc_pid_stat(5), from the state on
		stat := statOf(t, l.cmd.Process.Pid)
		if stat[faultsOfChildren] != "0" && stat[userTime] != "0" {
			break
		}
		if time.Now().After(end) {
			t.Errorf("the load does nothing: %q", stat)
			break
		}
	}
	if err := l.stop(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(fmt.Sprintf("/proc/%d", l.cmd.Process.Pid)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the load is left: %v", err)
	}
}

// A round whose load ended by itself was not beside one.
func TestLoadEnded(t *testing.T) {
	l, err := startLoad()
	if err != nil {
		t.Fatal(err)
	}
	if err := l.cmd.Process.Signal(unix.SIGTERM); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(time.Minute); statOf(t, l.cmd.Process.Pid)[0] != "Z"; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("SIGTERM does not end the load")
		}
	}
	if err := l.stop(); err == nil {
		t.Error("no error of a load that ended before it was stopped")
	}
}

// statOf returns the fields of /proc/PID/stat after the name.
func statOf(t *testing.T, pid int) []string {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		t.Fatal(err)
	}
	return strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
}
