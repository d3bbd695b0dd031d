// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// callResult is what one loop of system calls reports.
type callResult struct {
	NS float64 // a call, the median of many turns
}

// callsMain makes one system call again and again in this process, whose caller
// has put it on one core.
func callsMain(args []string, out io.Writer) error {
	if len(args) != 2 {
		return errors.New("expected a call and a number")
	}
	n, err := strconv.Atoi(args[1])
	if err != nil || n < 1000 {
		return fmt.Errorf("expected a number of calls of 1000 or more, got %q", args[1])
	}
	runtime.LockOSThread()
	var nr, first, second uintptr
	switch args[0] {
	case "getppid":
		nr = unix.SYS_GETPPID
	case "setns": // to where it is
		fd, err := unix.Open("/proc/self/ns/net", unix.O_RDONLY|unix.O_CLOEXEC, 0)
		if err != nil {
			return fmt.Errorf("open own namespace: %w", err)
		}
		nr, first, second = unix.SYS_SETNS, uintptr(fd), unix.CLONE_NEWNET
	default:
		return fmt.Errorf("no call %q", args[0])
	}
	const turn = 100
	var turns []float64
	for range n / turn {
		start := time.Now()
		for range turn {
			if _, _, e := unix.RawSyscall(nr, first, second, 0); e != 0 {
				return e
			}
		}
		turns = append(turns, float64(time.Since(start))/turn)
	}
	slices.Sort(turns)
	return json.NewEncoder(out).Encode(callResult{NS: turns[len(turns)/2]})
}
