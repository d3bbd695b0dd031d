// SPDX-License-Identifier: Apache-2.0

package nstest

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"

	"golang.org/x/sys/unix"
)

// childEnv marks a child and has what it is to do; tokenEnv has its parent's token.
const (
	childEnv = "NSTEST_CHILD"
	tokenEnv = "NSTEST_TOKEN"
)

// guardian is the child that cleans up after its parent.
const guardian Kind = "guardian"

// order is what a child is asked to do.
type order struct {
	Scene     Kind
	Parent    int       // PID of the process that asks
	Dir       string    // an empty directory of the scene's own
	Path      string    // where to mount, if the caller chooses it
	Beside    bool      // besideFD is the namespace's file
	Prefix    string    // how the names in /run/netns begin that a guardian removes
	Entered   bool      // the scene's enter was run
	Namespace Namespace // what enter made
}

// report is the one line that a child prints.
type report struct {
	Truth   *Truth `json:",omitempty"`
	Error   string `json:",omitempty"`
	Missing bool   `json:",omitempty"` // the machine lacks what the scene needs
}

// besideFD is the descriptor at which a child gets the file of a namespace that is there
// already, which it closes once the scene is made.
const besideFD = 3

// beside reports whether this process is a child that got one.
var beside bool

// errMissing marks an error about what a machine lacks.
var errMissing = errors.New("not on this machine")

func init() {
	// The first thread of a child is for scenes that need just that one.
	if os.Getenv(childEnv) != "" {
		runtime.LockOSThread()
	}
}

var mainCalled bool

// endAtOnce has processes that this one starts end at once: under the race detector each sleeps
// for a second before it exits, and tests execute this binary a thousand times.
func endAtOnce() error {
	const option = "atexit_sleep_ms=0"
	options := os.Getenv("GORACE")
	if strings.Contains(options, option) {
		return nil // this binary was executed as the program under test
	}
	return os.Setenv("GORACE", strings.TrimLeft(options+" "+option, " "))
}

// Main must be called first thing in TestMain (or main) of every binary that
// makes scenes, since the processes that hold namespaces are that same binary
// executed again. In those it does not return. It gives the tests of root a mount
// namespace of their own (see ownMounts).
func Main() {
	mainCalled = true
	env := os.Getenv(childEnv)
	if env == "" {
		err := endAtOnce()
		if err == nil {
			err = ownMounts()
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, "nstest:", err)
			os.Exit(2)
		}
		return
	}
	var o order
	if err := json.Unmarshal([]byte(env), &o); err != nil {
		fmt.Fprintln(os.Stderr, "nstest: read order:", err)
		os.Exit(2)
	}
	if o.Scene == guardian {
		guard(o)
		os.Exit(0)
	}
	if err := dieWithParent(o.Parent); err != nil {
		fmt.Fprintln(os.Stderr, "nstest:", err)
		os.Exit(2)
	}
	requester, beside = o.Parent, o.Beside
	m := &maker{order: o, first: make(chan func())}
	go m.run()
	for f := range m.first {
		f()
	}
}

// dieWithParent has the kernel kill this process when the thread that started
// it ends, which the spawner's never does before its process.
func dieWithParent(parent int) error {
	if err := unix.Prctl(unix.PR_SET_PDEATHSIG, uintptr(unix.SIGKILL), 0, 0, 0); err != nil {
		return fmt.Errorf("ask for SIGKILL when the parent ends: %w", err)
	}
	if os.Getppid() != parent {
		return errors.New("parent is gone")
	}
	return nil
}

// maker makes one scene in a child. Its hold runs off the first thread.
type maker struct {
	order
	truth   Truth
	first   chan func() // what to run on the first thread
	release []func() error
}

// run makes the scene, reports it, and ends the process with the scene when
// standard input does.
func (m *maker) run() {
	err := m.make()
	if beside {
		err = errors.Join(err, os.NewSyscallError("close namespace", unix.Close(besideFD)))
	}
	r := report{Truth: &m.truth}
	if err != nil {
		r = report{Error: err.Error(), Missing: errors.Is(err, errMissing) || errors.Is(err, errors.ErrUnsupported)}
	}
	if err := json.NewEncoder(os.Stdout).Encode(r); err == nil && r.Error == "" {
		io.Copy(io.Discard, os.Stdin)
	}
	code := 0
	for i := len(m.release) - 1; i >= 0; i-- {
		if err := m.release[i](); err != nil {
			fmt.Fprintln(os.Stderr, "nstest: release:", err)
			code = 1
		}
	}
	os.Exit(code)
}

func (m *maker) make() error {
	s := m.Scene.scene()
	if s.hold == nil {
		return fmt.Errorf("make scene: no kind %q", m.Scene)
	}
	if err := m.setComm(); err != nil {
		return err
	}
	if s.enter != nil && !m.Entered {
		return m.onFirst(func() error {
			if err := s.enter(m); err != nil {
				return err
			}
			return m.again()
		})
	}
	m.truth = Truth{Scene: m.Scene, Child: os.Getpid(), Namespace: m.Namespace}
	if err := s.hold(m); err != nil {
		return fmt.Errorf("make scene %s: %w", m.Scene, err)
	}
	return nil
}

// again executes the child anew from the calling thread.
func (m *maker) again() error {
	m.Entered = true
	text, err := json.Marshal(m.order)
	if err != nil {
		return fmt.Errorf("write order: %w", err)
	}
	if err := os.Setenv(childEnv, string(text)); err != nil {
		return fmt.Errorf("write order: %w", err)
	}
	return os.NewSyscallError("execute again", unix.Exec("/proc/self/exe", os.Args, os.Environ()))
}

// onFirst runs f on the process's first thread.
func (m *maker) onFirst(f func() error) error {
	c := make(chan error)
	m.first <- func() { c <- f() }
	return <-c
}

// onRelease has f run, last given first, when the scene is to end.
func (m *maker) onRelease(f func() error) { m.release = append(m.release, f) }

// hold adds a holder of this process to the truth.
func (m *maker) hold(h Holder) {
	h.PID = os.Getpid()
	if h.Comm == "" {
		h.Comm = m.comm()
	}
	m.truth.Holders = append(m.truth.Holders, h)
}

// comm is the name of the process, by the kernel.
func (m *maker) comm() string {
	text, _ := os.ReadFile("/proc/self/comm")
	return strings.TrimSuffix(string(text), "\n")
}

// inNew runs f on a thread of its own in a new network namespace, the truth's
// one. When it returns, that thread is gone and only what f made still holds it.
func (m *maker) inNew(f func() error) error {
	return onThread(func() error {
		ns, err := newNetNS()
		if err != nil {
			return err
		}
		m.truth.Namespace = ns
		return f()
	})
}

// setComm names the process after its scene, as far as 15 bytes go.
func (m *maker) setComm() error {
	name := "ns-" + string(m.Scene)
	name = name[:min(len(name), 15)]
	if err := os.WriteFile("/proc/self/comm", []byte(name), 0); err != nil {
		return fmt.Errorf("set own name: %w", err)
	}
	return nil
}
