// SPDX-License-Identifier: Apache-2.0

package kernel

import (
	"fmt"
	"sync"

	"golang.org/x/sys/unix"
)

// startMemlock is the RLIMIT_MEMLOCK that the process was started with, nil until
// RaiseMemlock.
var (
	memlockMu    sync.Mutex
	startMemlock *unix.Rlimit
)

// RaiseMemlock calls raise, which lifts RLIMIT_MEMLOCK of this process, and keeps
// the limit before it for RestoreMemlock.
func RaiseMemlock(raise func() error) error {
	memlockMu.Lock()
	defer memlockMu.Unlock()
	if startMemlock == nil {
		var now unix.Rlimit
		if err := unix.Getrlimit(unix.RLIMIT_MEMLOCK, &now); err != nil {
			return fmt.Errorf("get RLIMIT_MEMLOCK: %w", err)
		}
		startMemlock = &now
	}
	return raise()
}

// RestoreMemlock sets RLIMIT_MEMLOCK to what it was before RaiseMemlock, for a
// command that is about to run and inherits it. What is locked by then stays locked.
// It needs no capability.
func RestoreMemlock() error {
	memlockMu.Lock()
	defer memlockMu.Unlock()
	if startMemlock == nil {
		return nil
	}
	if err := unix.Setrlimit(unix.RLIMIT_MEMLOCK, startMemlock); err != nil {
		return fmt.Errorf("restore RLIMIT_MEMLOCK: %w", err)
	}
	startMemlock = nil
	return nil
}
