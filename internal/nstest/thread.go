// SPDX-License-Identifier: Apache-2.0

package nstest

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"time"

	"golang.org/x/sys/unix"
)

// offMain runs f on a thread that ends when f returns. That thread is never the
// process's first one, which Go cannot end: a namespace it moved to would stay.
func offMain(f func()) {
	runtime.LockOSThread()
	if unix.Gettid() != unix.Getpid() {
		f()
		return // still locked, so the thread ends
	}
	defer runtime.UnlockOSThread() // it went nowhere
	done := make(chan struct{})
	go func() {
		defer close(done)
		offMain(f)
	}()
	<-done
}

// onThread runs f on a thread of its own and returns when that thread is gone,
// and with it every reference to a namespace that f moved it to.
func onThread(f func() error) error {
	type result struct {
		tid int
		err error
	}
	c := make(chan result)
	go offMain(func() { c <- result{unix.Gettid(), f()} })
	r := <-c
	return errors.Join(r.err, waitThread(r.tid))
}

// park runs f on a thread of its own that then stays, doing nothing, until
// leave is called; leave returns when it is gone. If f fails, it is gone.
func park(f func() error) (tid int, leave func() error, err error) {
	type result struct {
		tid int
		err error
	}
	c, stop := make(chan result), make(chan struct{})
	go offMain(func() {
		err := f()
		c <- result{unix.Gettid(), err}
		if err == nil {
			<-stop
		}
	})
	r := <-c
	if r.err != nil {
		return 0, nil, errors.Join(r.err, waitThread(r.tid))
	}
	return r.tid, func() error {
		close(stop)
		return waitThread(r.tid)
	}, nil
}

// waitThread waits until a thread of this process is gone.
func waitThread(tid int) error {
	path := fmt.Sprintf("/proc/self/task/%d", tid)
	return poll(10*time.Second, func() error {
		if _, err := os.Lstat(path); err == nil {
			return fmt.Errorf("wait for thread %d to end: still there", tid)
		}
		return nil
	})
}

// poll calls f until it returns nil, more rarely as time goes by, and returns
// what it returned last if that is still an error at the deadline.
func poll(limit time.Duration, f func() error) error {
	deadline := time.Now().Add(limit)
	for pause := 50 * time.Microsecond; ; pause = min(2*pause, 20*time.Millisecond) {
		err := f()
		if err == nil || time.Now().After(deadline) {
			return err
		}
		time.Sleep(pause)
	}
}
