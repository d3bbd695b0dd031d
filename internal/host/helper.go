// SPDX-License-Identifier: Apache-2.0

package host

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/internal/kernel"
	"github.com/nsinspect/nsinspect/internal/nsfs"
	"github.com/nsinspect/nsinspect/pkg/ns"
)

// Patience is how long a file system that may not answer is given.
const Patience = 2 * time.Second

// startPatience is how long a helper may take to start, which asks no other file system than
// that of this program. On a slow machine it takes seconds.
const startPatience = 30 * time.Second

// ErrNoAnswer is that a file system did not answer.
var ErrNoAnswer error = noAnswer{}

type noAnswer struct{}

func (noAnswer) Error() string { return fmt.Sprintf("no answer within %s", Patience) }

// helpers are child processes of ours that look at file systems which may not answer. A
// child that hangs is killed and left behind: the kernel ends it once the file system
// answers or is gone. It has nothing of ours open, and nothing of ours waits for it.
type helpers struct {
	mu   sync.Mutex
	idle []*helper
	hung map[string]*helper // by what it was asked for
}

// helper is one child.
type helper struct {
	op    string
	cmd   *exec.Cmd
	in    io.WriteCloser
	out   io.ReadCloser
	ready chan struct{} // closed when it has started, or ended before
	ended chan struct{} // closed when it was waited for
}

// answer is what a helper returns.
type answer[A any] struct {
	Value   A
	Failure Failure
}

// Failure is an error as a helper passes it on: the zero value is none.
type Failure struct {
	Errno unix.Errno
	Text  string
}

// FailureOf returns err as it is passed on.
func FailureOf(err error) Failure {
	var errno unix.Errno
	switch {
	case err == nil:
		return Failure{}
	case errors.As(err, &errno):
		return Failure{Errno: errno, Text: errno.Error()}
	}
	return Failure{Text: err.Error()}
}

// Err returns what was passed on as an error, nil if there was none.
func (f Failure) Err() error {
	for _, err := range []error{ErrTooLarge, ErrNotRegular, nsfs.ErrNotNamespace} {
		if f.Text == err.Error() {
			return err
		}
	}
	switch {
	case f.Errno != 0:
		return f.Errno
	case f.Text != "":
		return errors.New(f.Text)
	}
	return nil
}

// helperName is how a helper is called, with the operation that it serves behind it.
const helperName = "nsinspect-helper"

// Ask has a helper do an operation that Serve serves, and returns ErrNoAnswer if that takes
// longer than Patience. key is the path that is looked at: while a helper hangs there, no
// other one is started for it.
func Ask[Q, A any](h *Host, op, key string, question Q) (A, error) {
	var reply answer[A]
	c, err := h.helpers.get(op, key)
	if err != nil {
		return reply.Value, err
	}
	select {
	case <-c.ready:
	case <-time.After(startPatience):
		h.helpers.leave(key, c)
		return reply.Value, ErrNoAnswer
	}
	done := make(chan error, 1)
	go func() {
		err := send(c.in, &question)
		if err == nil {
			err = receive(c.out, &reply)
		}
		done <- err
	}()
	late := time.NewTimer(Patience)
	defer late.Stop()
	select {
	case err = <-done:
	case <-late.C:
		h.helpers.leave(key, c)
		if <-done == nil { // it is closed with the pipes, unless the answer has come by now
			return reply.Value, reply.Failure.Err()
		}
		return reply.Value, ErrNoAnswer
	}
	if err != nil {
		c.end()
		return reply.Value, fmt.Errorf("read by a child process: %w", err)
	}
	h.helpers.put(c)
	return reply.Value, reply.Failure.Err()
}

// mostHung is how many tasks a helper may hang at. From then on none is asked about.
const mostHung = 3

// AskOf is Ask about a descriptor of a task that is not trusted.
func AskOf[Q, A any](h *Host, op string, pid ns.TaskID, question Q) (reply A, err error) {
	if h.helpers.hungTasks() >= mostHung {
		return reply, ErrNoAnswer
	}
	return Ask[Q, A](h, op, tasks+pid.String(), question)
}

const tasks = "/proc/" // how the key of a task begins

// hungTasks returns at how many tasks a helper hangs.
func (s *helpers) hungTasks() (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for key, c := range s.hung {
		select {
		case <-c.ended:
		default:
			if strings.HasPrefix(key, tasks) {
				n++
			}
		}
	}
	return n
}

// get returns a helper that is idle, or a new one.
func (s *helpers) get(op, key string) (*helper, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c := s.hung[key]; c != nil {
		select {
		case <-c.ended:
			delete(s.hung, key)
		default:
			return nil, ErrNoAnswer
		}
	}
	for i, c := range s.idle {
		if c.op == op {
			s.idle = append(s.idle[:i], s.idle[i+1:]...)
			return c, nil
		}
	}
	return startHelper(op)
}

func (s *helpers) put(c *helper) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.idle = append(s.idle, c)
}

// leave kills a helper that does not answer, and remembers it until it has ended.
func (s *helpers) leave(key string, c *helper) {
	s.mu.Lock()
	if s.hung == nil {
		s.hung = map[string]*helper{}
	}
	s.hung[key] = c
	s.mu.Unlock()
	_ = c.cmd.Process.Kill() // it may have ended
	c.end()
}

// close ends the helpers that are idle.
func (s *helpers) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.idle {
		c.end()
		<-c.ended
	}
	s.idle = nil
}

// startHelper starts this program again. What it has open is two pipes and /dev/null.
func startHelper(op string) (*helper, error) {
	cmd := exec.Command("/proc/self/exe", op)
	cmd.Args[0] = helperName
	cmd.Env, cmd.Dir = []string{}, "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} // a terminal's keys are not for it
	in, inErr := cmd.StdinPipe()
	out, outErr := cmd.StdoutPipe()
	if err := errors.Join(inErr, outErr); err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		if errors.Is(err, unix.EAGAIN) {
			err = kernel.ErrNoProcess
		}
		return nil, fmt.Errorf("start a child process: %w", err)
	}
	started.Store(ns.TaskID(cmd.Process.Pid), true)
	c := &helper{op: op, cmd: cmd, in: in, out: out, ready: make(chan struct{}), ended: make(chan struct{})}
	go func() {
		_, _ = io.ReadFull(out, make([]byte, 1)) // if it fails, so does the question
		close(c.ready)
	}()
	go func() {
		_, _ = cmd.Process.Wait() // it was killed, or has read the end of its input
		started.Delete(ns.TaskID(cmd.Process.Pid))
		close(c.ended)
	}()
	return c, nil
}

// maxAnswer bounds a question and what is read of a helper for one.
const maxAnswer = 64 << 20

// end closes the pipes, upon which a helper that does not hang ends.
func (c *helper) end() {
	c.in.Close()
	c.out.Close()
}

// Serve has helpers serve an operation: in one that was started for it, it answers
// questions and does not return; anywhere else it does nothing. It is called by init, in
// every program that has the package, tests
// too.
func Serve[Q, A any](op string, f func(q Q) (A, error)) {
	if len(os.Args) != 2 || os.Args[0] != helperName || os.Args[1] != op {
		return
	}
	closeInherited()
	if _, err := os.Stdout.Write([]byte{0}); err != nil { // it is ready
		os.Exit(1)
	}
	for {
		var question Q
		if err := receive(os.Stdin, &question); err != nil {
			os.Exit(0) // whoever asked is gone, or needs no more
		}
		value, err := f(question)
		if err := send(os.Stdout, &answer[A]{value, FailureOf(err)}); err != nil {
			os.Exit(1)
		}
	}
}

// closeInherited closes what whoever started nsinspect left open in it. What the Go
// runtime opens is closed on exec.
func closeInherited() {
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return
	}
	for _, e := range entries {
		var fd int
		if _, err := fmt.Sscan(e.Name(), &fd); err != nil || fd < 3 {
			continue
		}
		if flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err == nil && flags&unix.FD_CLOEXEC == 0 {
			unix.Close(fd)
		}
	}
}

// OpenUnguarded opens a host as a helper does, which may wait for any file system.
func OpenUnguarded(root string) (*Host, error) {
	h, err := open(root)
	if err == nil {
		h.unguarded = true
	}
	return h, err
}
