// SPDX-License-Identifier: Apache-2.0

package procscan

import (
	"errors"
	"fmt"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/internal/host"
	"github.com/nsinspect/nsinspect/internal/nstest"
	"github.com/nsinspect/nsinspect/pkg/ns"
)

// A user may replace a socket by a file that cannot be closed: a helper duplicates it, which is
// left behind.
func TestSilentDescriptor(t *testing.T) {
	if !nstest.PrivateMounts(t) {
		return
	}
	silent := nstest.SilentFiles(t)
	b := duplicator{w: newWorker(t, ns.Net), pid: ns.TaskID(silent.PID), pidfds: map[ns.TaskID]int{}}
	defer b.close()
	read := make(chan error, 1)
	go func() {
		_, _, err := b.inspect(&openFile{fd: silent.File})
		read <- err
	}()
	select {
	case err := <-read:
		if !errors.Is(err, host.ErrNoAnswer) {
			t.Errorf("inspect: %v, want %v", err, host.ErrNoAnswer)
		}
	case <-time.After(time.Minute):
		t.Error("no answer, and no end")
		silent.End()
	}
}

// A helper returns what is read without one.
func TestDuplicateByHelper(t *testing.T) {
	null, err := unix.Open(os.DevNull, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	socket := openIn(t, unix.CLONE_NEWNET, openSocket)
	for _, fd := range []int{null, socket, 1 << 20} {
		inspect := func(trusted bool) string {
			b := duplicator{w: newWorker(t, ns.Net), pid: ns.TaskID(os.Getpid()), trusted: trusted, pidfds: map[ns.TaskID]int{}}
			defer b.close()
			h, inode, err := b.inspect(&openFile{fd: fd})
			return fmt.Sprintf("%+v %d %v", h, inode, err)
		}
		if got, want := inspect(false), inspect(true); got != want {
			t.Errorf("a helper: %s, want %s", got, want)
		}
		unix.Close(fd) // one is none
	}
}
