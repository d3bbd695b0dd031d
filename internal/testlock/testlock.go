// SPDX-License-Identifier: Apache-2.0

// Package testlock keeps tests apart that would disturb each other on one machine,
// whatever package, process or checkout they are of.
//
// A test that changes what others can observe (a namespace, a mount, an interface,
// a load) holds the machine's lock shared. A test that compares what the whole
// machine has, measures it, or loads it so that others would miss a deadline, holds
// the lock exclusively:
//
//	func TestWholeMachine(t *testing.T) {
//		testlock.Exclusive(t) // before anything that locks shared
//
// Most tests need not call Shared: what makes a scene in internal/nstest does, and
// what starts a tracer. The lock belongs to the test and its subtests and is
// released when the test ends, or when its process ends. A test program that a test
// starts does not lock: what its parent holds covers it.
package testlock

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

// The locks are those of two directories that every machine has, which any user may
// lock (flock(2)), from any mount namespace that has the machine's root: no file is
// made, and none is left.
var (
	machine = "/"
	// queue is held while waiting for the machine, so that an exclusive request is
	// not passed again and again by those who share it.
	queue = "/dev"
)

// heldEnv has the PID of the process that locks, for those that it starts: if they
// waited for one who waits for their parent, all three would wait forever.
const heldEnv = "TESTLOCK_HELD_BY"

// held is what the running tests of this process hold, by their names.
var held = struct {
	sync.Mutex
	how map[string]int
}{how: map[string]int{}}

// Shared waits until no test holds the machine exclusively, and lets none do so
// until t ends. It does nothing if t, or the test that it is a subtest of, holds the
// machine already.
func Shared(t testing.TB) {
	t.Helper()
	lock(t, unix.LOCK_SH)
}

// Exclusive waits until no other test holds the machine, and lets none do so until
// t ends. It fails the test if that holds the machine shared, since two tests that
// wait for each other to end would wait forever.
func Exclusive(t testing.TB) {
	t.Helper()
	lock(t, unix.LOCK_EX)
}

func lock(t testing.TB, how int) {
	t.Helper()
	self := strconv.Itoa(os.Getpid())
	if by := os.Getenv(heldEnv); by != "" && by != self {
		return
	}
	if mode, found := holds(t.Name()); found {
		if how == unix.LOCK_EX && mode != unix.LOCK_EX {
			t.Fatal("lock the machine exclusively: it is held shared already; call Exclusive first")
		}
		return
	}
	fd, err := acquire(how)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Setenv(heldEnv, self); err != nil {
		t.Fatal(err)
	}
	hold(t, how, fd)
}

// hold records that a test holds the machine, by a descriptor, until it ends.
func hold(t testing.TB, how, fd int) {
	name := t.Name()
	held.Lock()
	held.how[name] = how
	held.Unlock()
	t.Cleanup(func() {
		held.Lock()
		delete(held.how, name)
		held.Unlock()
		unix.Close(fd)
	})
}

// holds returns how a test holds the machine, itself or by one that it is part of.
func holds(name string) (how int, found bool) {
	held.Lock()
	defer held.Unlock()
	for {
		if how, found = held.how[name]; found {
			return how, true
		}
		i := strings.LastIndexByte(name, '/')
		if i < 0 {
			return 0, false
		}
		name = name[:i]
	}
}

// acquire waits for the machine and returns a descriptor that holds it until it is
// closed. Each has an open file of its own, so that tests of one process that run
// in parallel exclude each other as those of two do.
func acquire(how int) (int, error) {
	turn, err := flock(queue, how)
	if err != nil {
		return -1, err
	}
	defer unix.Close(turn)
	return flock(machine, how)
}

func flock(dir string, how int) (int, error) {
	fd, err := unix.Open(dir, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, fmt.Errorf("lock the machine: open %s: %w", dir, err)
	}
	for {
		err = unix.Flock(fd, how)
		if err == nil {
			return fd, nil
		}
		if err != unix.EINTR {
			unix.Close(fd)
			return -1, fmt.Errorf("lock the machine: flock %s: %w", dir, err)
		}
	}
}
