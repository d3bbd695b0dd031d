// SPDX-License-Identifier: Apache-2.0

//go:build amd64 || arm64

package bpfreader

import (
	"errors"
	"runtime"
	"sync"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/internal/need"
	"github.com/nsinspect/nsinspect/internal/testlock"
)

// TestManyDescriptors opens one namespace file 100,000 times, or as often as the
// hard limit lets it.
func TestManyDescriptors(t *testing.T) {
	testlock.Exclusive(t) // a load
	need.Root(t)
	var limit unix.Rlimit
	must(t, "read limit", unix.Getrlimit(unix.RLIMIT_NOFILE, &limit))
	many := int(min(100_000, limit.Max-limit.Max/8))
	limit.Cur = limit.Max
	must(t, "raise limit", unix.Setrlimit(unix.RLIMIT_NOFILE, &limit))
	r := open(t, Options{Passes: Files | Nets})
	var first int
	ns := inNew(t, func() { first = openNS(t, unix.O_RDONLY) })
	fds := []int{first}
	for len(fds) < many {
		fd, err := unix.FcntlInt(uintptr(first), unix.F_DUPFD_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		fds = append(fds, fd)
	}
	if got := len(found(t, r.Files, ns)); got != many {
		t.Errorf("got %d records, want %d", got, many)
	}
	for _, fd := range fds {
		unix.Close(fd)
	}
	checkGone(t, r, ns)
}

// TestManySlots registers more files in one io_uring than one show call of the
// iterator can write, and checks that the rest is counted as lost.
func TestManySlots(t *testing.T) {
	need.Root(t)
	r := open(t, Options{Passes: Files | Mapped}) // Mapped: bpf_loop is there
	fd := openNS(t, unix.O_RDONLY)
	defer unix.Close(fd)
	var params [120]byte
	ring, _, errno := unix.Syscall(unix.SYS_IO_URING_SETUP, 4, uintptr(unsafe.Pointer(&params)), 0)
	if errno != 0 {
		need.Missing(t, "needs io_uring: "+errno.Error())
	}
	defer unix.Close(int(ring))
	for _, n := range []uint64{100, 1000} {
		files := make([]int32, n)
		for i := range files {
			files[i] = int32(fd)
		}
		_, _, errno := unix.Syscall6(unix.SYS_IO_URING_REGISTER, ring, 2, uintptr(unsafe.Pointer(&files[0])), uintptr(n), 0, 0)
		if errno != 0 {
			t.Fatal(errno)
		}
		var got uint64
		totals, err := r.Files(func(f *File) {
			if f.PID == self && f.FD == int(ring) {
				got++
			}
		})
		if got+totals.Lost != n || (totals.Lost > 0) != errors.Is(err, ErrIncomplete) || n == 100 && totals.Lost > 0 {
			t.Errorf("%d of %d slots, totals %+v, %v", got, n, totals, err)
		}
		unix.Syscall6(unix.SYS_IO_URING_REGISTER, ring, 3, 0, 0, 0, 0)
	}
}

// TestNetsWhileChanging makes and drops namespaces while the list is read: those
// that stay are on it each time, once.
func TestNetsWhileChanging(t *testing.T) {
	testlock.Exclusive(t) // a load
	need.Root(t)
	r := open(t, Options{Passes: Nets})
	stay := make(map[Net]int)
	var fds []int
	for range 100 { // several batches
		ns := inNew(t, func() { fds = append(fds, openNS(t, unix.O_RDONLY)) })
		stay[Net{Inode: ns.inode, Cookie: ns.cookie}] = 0
	}
	stop := make(chan struct{})
	var churn sync.WaitGroup
	for range 2 {
		churn.Go(func() {
			runtime.LockOSThread()
			for {
				select {
				case <-stop:
					return
				default:
					must(t, "unshare", unix.Unshare(unix.CLONE_NEWNET))
				}
			}
		})
	}
	const reads = 300
	done := 0
	for range reads {
		nets, err := r.Nets()
		if errors.Is(err, ErrIncomplete) {
			continue
		}
		must(t, "read list", err)
		done++
		for _, n := range nets {
			key := Net{Inode: n.Inode, Cookie: n.Cookie}
			if _, ok := stay[key]; ok {
				stay[key]++
			}
		}
	}
	close(stop)
	churn.Wait()
	if done < reads/2 {
		t.Errorf("only %d of %d reads came to the end", done, reads)
	}
	for ns, n := range stay {
		if n != done {
			t.Errorf("namespace %d seen %d times in %d reads", ns.Inode, n, done)
		}
	}
	closeAll(t, fds...)
}
