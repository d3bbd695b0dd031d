// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"runtime"
	"runtime/debug"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// floorResult is what a floor run reports.
type floorResult struct {
	NS    int64 // the loop alone, without the start of the program
	Links int   // that it read
}

// floor reads links and does nothing with them: raw system calls, no memory
// but these buffers, which are on the heap and stay where they are.
type floor struct {
	links             int
	stat              unix.Statx_t
	path, link        [256]byte
	procs, tasks, fds [32 << 10]byte // entries, one buffer a level
}

// floorMain measures one kind of floor in this process, whose caller has put it
// on one core.
func floorMain(kind string, out io.Writer) error {
	runtime.LockOSThread()
	debug.SetGCPercent(-1)
	each := map[string]func(*floor, int, int) error{
		"processes": (*floor).process, "tasks": (*floor).everyTask, "fds": (*floor).taskAndFDs,
	}[kind]
	if each == nil {
		return fmt.Errorf("unknown floor %q", kind)
	}
	f := new(floor)
	start := time.Now()
	proc, err := unix.Open("/proc", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("open /proc: %w", err)
	}
	err = entries(proc, f.procs[:], func(name []byte) error { return each(f, proc, f.put(0, name)) })
	r := floorResult{NS: time.Since(start).Nanoseconds(), Links: f.links}
	if err != nil {
		return err
	}
	return json.NewEncoder(out).Encode(r)
}

// put writes s into the path at n and returns where it ends.
func (f *floor) put(n int, s []byte) int { return n + copy(f.path[n:], s) }

var (
	nsNet  = []byte("/ns/net\x00")
	task   = []byte("/task\x00")
	slash  = []byte("/")
	fdDir  = []byte("/fd\x00")
	finish = []byte("\x00")
)

// process reads the namespace of the process whose name is the path up to n.
func (f *floor) process(proc, n int) error {
	f.put(n, nsNet)
	f.read(proc)
	return nil
}

// everyTask reads the namespace of each of its tasks. The link count of the
// directory shows whether there are several, and is cheaper than a look.
func (f *floor) everyTask(proc, n int) error {
	f.put(n, task)
	st := uintptr(unsafe.Pointer(&f.stat))
	if _, _, e := unix.RawSyscall6(unix.SYS_STATX, uintptr(proc), ptr(f.path[:]), 0, unix.STATX_NLINK, st, 0); e != 0 {
		return nil
	}
	if f.stat.Nlink <= 3 { // ".", "..", one task
		return f.process(proc, n)
	}
	dir := f.open(proc)
	if dir < 0 {
		return nil
	}
	defer unix.RawSyscall(unix.SYS_CLOSE, uintptr(dir), 0, 0)
	n = f.put(n, task) - 1
	n = f.put(n, slash)
	return entries(dir, f.tasks[:], func(name []byte) error { return f.process(proc, f.put(n, name)) })
}

// taskAndFDs reads, besides, the link of every open file of the process.
func (f *floor) taskAndFDs(proc, n int) error {
	if err := f.everyTask(proc, n); err != nil {
		return err
	}
	f.put(n, fdDir)
	dir := f.open(proc)
	if dir < 0 {
		return nil
	}
	defer unix.RawSyscall(unix.SYS_CLOSE, uintptr(dir), 0, 0)
	return entries(dir, f.fds[:], func(name []byte) error {
		f.put(f.put(0, name), finish)
		f.read(dir)
		return nil
	})
}

func (f *floor) read(dir int) {
	_, _, e := unix.RawSyscall6(unix.SYS_READLINKAT, uintptr(dir), ptr(f.path[:]), ptr(f.link[:]), uintptr(len(f.link)), 0, 0)
	if e == 0 {
		f.links++
	}
}

func (f *floor) open(dir int) int {
	fd, _, e := unix.RawSyscall6(unix.SYS_OPENAT, uintptr(dir), ptr(f.path[:]), unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0, 0, 0)
	if e != 0 {
		return -1
	}
	return int(fd)
}

func ptr(b []byte) uintptr { return uintptr(unsafe.Pointer(unsafe.SliceData(b))) }

// entries calls do for each entry of dir whose name is a number.
func entries(dir int, buf []byte, do func(name []byte) error) error {
	for {
		n, _, e := unix.RawSyscall(unix.SYS_GETDENTS64, uintptr(dir), ptr(buf), uintptr(len(buf)))
		if e == unix.ESRCH || e == unix.ENOENT || n == 0 && e == 0 {
			return nil // the end, also of a process
		}
		if e != 0 {
			return fmt.Errorf("list a directory: %w", e)
		}
		for rest := buf[:n]; len(rest) > 0; {
			size := int(binary.NativeEndian.Uint16(rest[16:]))
			name := rest[19:size] // ino, off, reclen, type, name
			rest = rest[size:]
			end := 0
			for name[end] >= '0' && name[end] <= '9' {
				end++
			}
			if name[end] == 0 && end > 0 {
				if err := do(name[:end]); err != nil {
					return err
				}
			}
		}
	}
}
