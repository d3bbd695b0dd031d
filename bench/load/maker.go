// SPDX-License-Identifier: Apache-2.0

package load

import (
	"errors"
	"fmt"
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

// spawn forks the first process of a namespace, which does what the board
// has. It returns the PID, or a negative errno.
//
//go:noescape
func spawn(b *board) (pid int)

// board is what spawn's assembly reads and writes: memory shared with every
// process made. Its layout is known there.
type board struct {
	parent  uintptr // PID of the maker
	others  uintptr // processes that the first one forks
	threads uintptr // threads in each process
	ready   uintptr // descriptor that each process closes when it is complete
	failed  int     // negative errno of a thread that could not be made
	calls   *call   // what the first process calls before it forks
	ncalls  uintptr
	pids    *int32 // where it writes the PIDs of the others
}

// call is a system call to make; its result, then, is in nr.
type call struct {
	nr      int
	a, b, c uintptr
}

// maker makes the processes of one namespace after another.
type maker struct {
	spec   Spec
	memory []byte // board, calls, pids
	origin int    // the caller's own namespace
	null   int
	low    int          // no descriptor of the maker is below, the children's are
	gaps   [][2]uintptr // address ranges that the children do not need
}

func newMaker(s Spec) (*maker, error) {
	m := &maker{spec: s, low: 3 + s.FDs, origin: -1, null: -1}
	groups := max(s.Namespaces, 1)
	most := (s.Processes + groups - 1) / groups
	size := 4096 + int(unsafe.Sizeof(call{}))*(s.FDs+maxGaps+16) + 4*most
	var err error
	// Shared, so that what the children write is seen here.
	m.memory, err = unix.Mmap(-1, 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED|unix.MAP_ANONYMOUS)
	if err != nil {
		return nil, fmt.Errorf("map memory for the board: %w", err)
	}
	if m.origin, err = openHigh("/proc/thread-self/ns/net", m.low); err != nil {
		return nil, errors.Join(err, m.close())
	}
	if m.null, err = openHigh(os.DevNull, m.low); err != nil {
		return nil, errors.Join(err, m.close())
	}
	if m.gaps, err = unneeded(uintptr(unsafe.Pointer(&m.memory[0])), spawnPC()); err != nil {
		return nil, errors.Join(err, m.close())
	}
	return m, nil
}

func (m *maker) close() error {
	for _, fd := range []int{m.origin, m.null} {
		if fd >= 0 {
			unix.Close(fd)
		}
	}
	return unix.Munmap(m.memory)
}

// home brings the thread back to where it came from.
func (m *maker) home() error {
	if err := unix.Setns(m.origin, unix.CLONE_NEWNET); err != nil {
		return fmt.Errorf("return to the first namespace: %w", err)
	}
	return nil
}

// namespace makes a network namespace and leaves the calling thread in it.
func (m *maker) namespace() (fd int, inode uint64, err error) {
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		return -1, 0, fmt.Errorf("make a namespace: %w", err)
	}
	fd, err = openHigh("/proc/thread-self/ns/net", m.low)
	if err != nil {
		return -1, 0, err
	}
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		unix.Close(fd)
		return -1, 0, fmt.Errorf("stat a namespace file: %w", err)
	}
	return fd, st.Ino, nil
}

// processes makes n processes in the calling thread's namespace, of which file
// is a descriptor, and returns when they are complete. On error too it returns
// their PIDs; one that is not positive was not made.
func (m *maker) processes(n, file int) ([]int32, error) {
	var p [2]int
	if err := unix.Pipe2(p[:], unix.O_CLOEXEC); err != nil {
		return nil, fmt.Errorf("make a pipe: %w", err)
	}
	defer unix.Close(p[0])
	ready, err := raise(p[1], m.low)
	if err != nil {
		return nil, err
	}
	b, calls, pids := m.write(n, file, ready)
	pid := spawn(b)
	unix.Close(ready)
	if pid < 0 {
		return nil, fmt.Errorf("fork: %w", unix.Errno(-pid))
	}
	// The end of the pipe is there when the last of them has closed it.
	if _, err := unix.Read(p[0], make([]byte, 1)); err != nil {
		return []int32{int32(pid)}, fmt.Errorf("wait for the processes: %w", err)
	}
	return append([]int32{int32(pid)}, pids...), verdict(b, calls, pids)
}

// write fills in the board for n processes.
func (m *maker) write(n, file, ready int) (*board, []call, []int32) {
	calls := m.calls(file, ready)
	clear(m.memory)
	base := unsafe.Pointer(&m.memory[0])
	b := (*board)(base)
	shared := unsafe.Slice((*call)(unsafe.Add(base, 256)), len(calls))
	copy(shared, calls)
	pids := unsafe.Slice((*int32)(unsafe.Add(base, 256+len(calls)*int(unsafe.Sizeof(call{})))), n-1)
	*b = board{
		parent:  uintptr(os.Getpid()),
		others:  uintptr(n - 1),
		threads: uintptr(m.spec.Threads),
		ready:   uintptr(ready),
		calls:   unsafe.SliceData(shared),
		ncalls:  uintptr(len(shared)),
		pids:    unsafe.SliceData(pids),
	}
	return b, shared, pids
}

// calls is what the first process does before it forks the others, which
// inherit all of it but the session's leadership.
func (m *maker) calls(file, ready int) []call {
	var calls []call
	do := func(nr, a, b, c uintptr) { calls = append(calls, call{int(nr), a, b, c}) }
	if m.spec.Sessions {
		do(unix.SYS_SETSID, 0, 0, 0)
	}
	for fd := range uintptr(3) {
		do(unix.SYS_DUP3, uintptr(m.null), fd, 0)
	}
	for fd := range uintptr(m.spec.FDs) {
		do(unix.SYS_DUP3, uintptr(file), 3+fd, 0)
	}
	if ready > m.low {
		do(unix.SYS_CLOSE_RANGE, uintptr(m.low), uintptr(ready-1), 0)
	}
	do(unix.SYS_CLOSE_RANGE, uintptr(ready+1), 1<<32-1, 0)
	for _, gap := range m.gaps {
		do(unix.SYS_MUNMAP, gap[0], gap[1]-gap[0], 0)
	}
	return calls
}

// verdict returns what went wrong in the processes, if anything.
func verdict(b *board, calls []call, pids []int32) error {
	for i, c := range calls {
		if c.nr < 0 && c.nr > -4096 {
			return fmt.Errorf("prepare the first process, call %d: %w", i, unix.Errno(-c.nr))
		}
	}
	for i, pid := range pids {
		if pid <= 0 {
			return fmt.Errorf("fork process %d: %w", i+1, unix.Errno(-pid))
		}
	}
	if b.failed != 0 {
		return fmt.Errorf("make a thread: %w", unix.Errno(-b.failed))
	}
	return nil
}
