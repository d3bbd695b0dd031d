// SPDX-License-Identifier: Apache-2.0

//go:build amd64 || arm64

package engines

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/internal/need"
	"github.com/nsinspect/nsinspect/internal/wire/wiretest"
)

// binaryDir is where the program under test is, once it was built. Everybody may
// look into it: some tests run the program as nobody.
var binaryDir string

var build = sync.OnceValue(func() error {
	dir, err := os.MkdirTemp("", "nsinspect-engines-")
	if err != nil {
		return fmt.Errorf("make a directory for the program: %w", err)
	}
	binaryDir = dir
	if err := os.Chmod(dir, 0o755); err != nil {
		return err
	}
	cmd := exec.Command("go", "build", "-o", dir, "../../cmd/nsinspect")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build the program: %w: %s", err, out)
	}
	return nil
})

func removeBinary() {
	if binaryDir != "" {
		os.RemoveAll(binaryDir)
	}
}

// programEnv names a program that is built already, for machines without Go.
const programEnv = "NSINSPECT_PROGRAM"

func binary(t testing.TB) string {
	t.Helper()
	if program := os.Getenv(programEnv); program != "" {
		return program
	}
	need.Program(t, "go")
	if err := build(); err != nil {
		t.Fatal(err)
	}
	return filepath.Join(binaryDir, "nsinspect")
}

// answer is what a script reads of list -o json, as far as the tests here do.
type answer struct {
	Engine     string
	Complete   bool
	Gaps       []wireGap
	Namespaces []struct {
		Inode     uint64
		Processes int
		Holders   map[string]int `json:"holder_counts"`
		Leader    *struct{ PID int }
	}
}

type wireGap struct {
	Sources     []string
	Path, Error string
}

// holders counts the holders of one kind that a namespace has; -1 if it is not
// listed.
func (a *answer) holders(inode uint64, kind string) int {
	for _, n := range a.Namespaces {
		if n.Inode == inode {
			return n.Holders[kind]
		}
	}
	return -1
}

// result is one run of the program to its end.
type result struct {
	answer
	stderr string
	status int
}

// run runs a command, which has the program print a list as JSON, in its last
// words.
func run(t testing.TB, args ...string) result {
	t.Helper()
	runtime.LockOSThread() // the signal comes when the thread that forked ends
	defer runtime.UnlockOSThread()
	cmd := exec.Command(args[0], args[1:]...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr, cmd.Dir = &stdout, &stderr, "/"
	cmd.SysProcAttr = &unix.SysProcAttr{Pdeathsig: unix.SIGKILL}
	err := cmd.Run()
	r := result{stderr: stderr.String(), status: cmd.ProcessState.ExitCode()}
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	if r.status == 0 {
		if err := wiretest.Validate(stdout.Bytes()); err != nil {
			t.Errorf("%v: %v", args, err)
		}
		if err := json.Unmarshal(stdout.Bytes(), &r.answer); err != nil {
			t.Fatalf("parse what %v printed: %v: %s", args, err, stdout.Bytes())
		}
	}
	return r
}
