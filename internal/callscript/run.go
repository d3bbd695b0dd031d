// SPDX-License-Identifier: Apache-2.0

//go:build amd64 || arm64

package callscript

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/internal/need"
	"github.com/nsinspect/nsinspect/internal/testlock"
	"github.com/nsinspect/nsinspect/pkg/ns"
)

// FirstFile is the descriptor that the first of Options.Files has in the script.
const FirstFile = 4

// Options are how a script is run.
type Options struct {
	Name  string // of the process; "callscript" by default, at most 15 bytes
	Files []*os.File
	Attr  *unix.SysProcAttr
	Under []string // a command that runs it, as strace
}

// Run is a script that runs, or has ended.
type Run struct {
	PID    int // of Under, if there is one
	input  io.WriteCloser
	output io.Reader
	cmd    *exec.Cmd
	memory *os.File
	t      testing.TB
}

// Run runs the script to its end. It fails the test if that is not an ordinary one.
func (s *Script) Run(t testing.TB, o Options) *Run {
	t.Helper()
	r := s.Start(t, o)
	if err := r.Wait(); err != nil {
		t.Fatalf("run script: %v", err)
	}
	return r
}

// Start starts the script, which is to be waited for. It is killed when the test
// ends. A script with 32-bit code skips the test where the machine runs none.
func (s *Script) Start(t testing.TB, o Options) *Run {
	t.Helper()
	if s.code32 {
		need.Compat32(t)
	}
	testlock.Shared(t)
	s.finish()
	r := &Run{t: t, memory: s.share(t)}
	if o.Name == "" {
		o.Name = "callscript"
	}
	program := filepath.Join(t.TempDir(), o.Name)
	if err := os.WriteFile(program, s.program, 0o755); err != nil {
		t.Fatal(err)
	}
	args := slices.Concat(o.Under, []string{program})
	r.cmd = exec.Command(args[0], args[1:]...)
	r.cmd.Dir, r.cmd.Stderr = "/", os.Stderr
	r.cmd.ExtraFiles = append([]*os.File{r.memory}, o.Files...)
	r.cmd.SysProcAttr = o.Attr
	var err error
	if r.input, err = r.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if r.output, err = r.cmd.StdoutPipe(); err != nil {
		t.Fatal(err)
	}
	if err := r.cmd.Start(); err != nil {
		t.Fatalf("start script: %v", err)
	}
	r.PID = r.cmd.Process.Pid
	t.Cleanup(func() {
		_ = r.cmd.Process.Kill()
		_ = r.Wait()
	})
	return r
}

// share writes the script into memory that has no file.
func (s *Script) share(t testing.TB) *os.File {
	t.Helper()
	fd, err := unix.MemfdCreate("callscript", unix.MFD_CLOEXEC)
	if err != nil {
		t.Fatalf("make memory: %v", err)
	}
	f := os.NewFile(uintptr(fd), "callscript")
	if _, err := f.Write(s.memory[:]); err != nil {
		t.Fatalf("write script: %v", err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

// Paused waits until the script is at a Pause.
func (r *Run) Paused() {
	r.t.Helper()
	if _, err := io.ReadFull(r.output, make([]byte, 1)); err != nil {
		r.t.Fatalf("wait for the script's pause: %v", err)
	}
}

// Go lets it go on.
func (r *Run) Go() {
	r.t.Helper()
	if _, err := r.input.Write([]byte{'\n'}); err != nil {
		r.t.Fatalf("let the script go on: %v", err)
	}
}

// Wait waits for the process to end. It returns an error if it was killed. What is
// at a Pause goes on.
func (r *Run) Wait() error {
	if r.cmd.ProcessState != nil {
		return nil
	}
	r.input.Close()
	return r.cmd.Wait()
}

// notReturned is what the result of a call is until it returns.
const notReturned = 1 << 63

// Result returns what a call returned, as the kernel put it: an error is a small
// negative number. The test fails if it has not returned.
func (r *Run) Result(s *Step) int64 {
	r.t.Helper()
	n := r.word(s.at + resultAt)
	if n == notReturned {
		r.t.Fatal("a call of the script has not returned")
	}
	return int64(n)
}

// Errno returns a call's error, 0 if there was none.
func (r *Run) Errno(s *Step) unix.Errno {
	if n := r.Result(s); n < 0 {
		return unix.Errno(-n)
	}
	return 0
}

// Argument returns the argument i of a step, as something may have been put there.
func (r *Run) Argument(s *Step, i int) uint64 { return r.word(s.Arg(i)) }

func (r *Run) word(at Addr) uint64 { return binary.LittleEndian.Uint64(r.bytes(at, 8)) }

func (r *Run) bytes(at Addr, n int) []byte {
	b := make([]byte, n)
	if _, err := r.memory.ReadAt(b, int64(at-base)); err != nil {
		r.t.Fatalf("read the script's memory: %v", err)
	}
	return b
}

// Where is where a thread is: inodes by scan.Type, and the cookie of its network
// namespace. What the kernel did not show is 0: the pid namespace that the first
// child has not been made in yet.
type Where struct {
	Inode  [len(linkNames)]uint64
	Cookie uint64
}

// Where returns what a look showed.
func (r *Run) Where(l *Look) Where {
	w := Where{Cookie: r.word(l.cookie)}
	for i, at := range l.links {
		text, _, _ := bytes.Cut(r.bytes(at, linkRoom), []byte{0})
		if _, err := fmt.Sscanf(string(text), ns.Type(i).String()+":[%d]", &w.Inode[i]); err != nil && len(text) > 0 {
			r.t.Fatalf("link of a namespace reads %q", text)
		}
	}
	return w
}
