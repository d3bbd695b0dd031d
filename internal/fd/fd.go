// SPDX-License-Identifier: Apache-2.0

// Package fd owns file descriptors that are kept or handed on. A number that is
// closed and used again may by then be another file's.
package fd

import (
	"os"
	"runtime"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// FD owns one file descriptor. Its methods may be called from several goroutines.
type FD struct{ n atomic.Int64 }

// New makes an FD the owner of a descriptor, which must be open.
func New(n int) *FD {
	f := new(FD)
	f.n.Store(int64(n))
	if tracking.Load() {
		open.Store(f, stack())
	}
	return f
}

// Int returns the descriptor, for as long as the FD is reachable and not closed; -1
// once it is closed, which every system call refuses with EBADF.
func (f *FD) Int() int { return int(f.n.Load()) }

// Check returns os.ErrClosed once the FD is closed.
func (f *FD) Check() error {
	if f.Int() < 0 {
		return os.ErrClosed
	}
	return nil
}

// Close closes the descriptor. Any further call does nothing and returns nil.
func (f *FD) Close() error {
	n := f.n.Swap(-1)
	if n < 0 {
		return nil
	}
	open.Delete(f)
	return unix.Close(int(n))
}

var (
	tracking atomic.Bool
	open     sync.Map // *FD to the stack that it was made by
)

// Track begins to record which FDs are open, for Leaks.
func Track() { tracking.Store(true) }

// Leaks returns the stacks that the FDs were made by which are open and were made
// after Track.
func Leaks() []string {
	var stacks []string
	open.Range(func(_, made any) bool {
		stacks = append(stacks, made.(string))
		return true
	})
	return stacks
}

func stack() string {
	buf := make([]byte, 4<<10)
	return string(buf[:runtime.Stack(buf, false)])
}
