// SPDX-License-Identifier: Apache-2.0

//go:build amd64 || arm64

package engines

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/internal/testlock"
	"github.com/nsinspect/nsinspect/pkg/snapshot"
)

// mostMemory is what a snapshot may take with manyHolders, in KiB.
const (
	mostMemory  = 64 << 10
	manyHolders = 100_000
)

// peak runs a program in a process that is small itself, and returns how much memory it took,
// in KiB: the kernel counts that of the parent as well (setmax_mm_hiwater_rss, fs/exec.c).
func peak(t *testing.T, args ...string) int {
	t.Helper()
	cmd := exec.Command("/proc/self/exe", args...)
	cmd.Env = append(os.Environ(), helperEnv+"=peak 0", "GORACE=atexit_sleep_ms=0")
	out, err := cmd.Output()
	kib, parseErr := strconv.Atoi(strings.TrimSpace(string(out)))
	if err != nil || parseErr != nil {
		t.Fatalf("run %v: %s: %v", args, out, errors.Join(err, parseErr))
	}
	return kib
}

func printPeak(int) error {
	cmd := exec.Command(os.Args[1], os.Args[2:]...)
	if text, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s", err, text)
	}
	fmt.Println(cmd.ProcessState.SysUsage().(*syscall.Rusage).Maxrss)
	return nil
}

// holdManyOpen has so many descriptors of a network namespace.
func holdManyOpen(many int) error {
	if err := raiseFiles(); err != nil {
		return err
	}
	return inNewNet(func(fd int) error {
		for range many {
			if _, err := unix.Dup(fd); err != nil {
				return err
			}
		}
		return nil
	})
}

// holdManySockets has so many sockets of a network namespace, every second of them of another kind.
func holdManySockets(many int) error {
	if err := raiseFiles(); err != nil {
		return err
	}
	return inNewNet(func(fd int) error {
		made := make(chan error)
		go func() {
			runtime.LockOSThread() // and ends
			err := unix.Setns(fd, unix.CLONE_NEWNET)
			for i := 0; i < many && err == nil; i++ {
				_, err = unix.Socket(unix.AF_INET, []int{unix.SOCK_DGRAM, unix.SOCK_STREAM}[i%2], 0)
			}
			made <- err
		}()
		return <-made
	})
}

// A snapshot of a hundred thousand descriptors or sockets takes no more than 64 MiB, doctor's second look
// included: no process is in these namespaces.
func TestSnapshotMemory(t *testing.T) {
	testlock.Exclusive(t) // a load, and what it measures
	CheckKernel(t)
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	each := int(min(manyHolders, limit.Max-200))
	program := binary(t)
	for _, kind := range []string{"open", "sockets"} {
		t.Run(kind, func(t *testing.T) {
			var all []neighbour
			for left := manyHolders; left > 0; left -= each {
				all = append(all, startNeighbour(t, kind, min(left, each)))
			}
			for _, engine := range engineNames {
				file := filepath.Join(t.TempDir(), "snapshot")
				kib := peak(t, program, "snapshot", "--engine", engine, "-o", file)
				t.Logf("%s: %d KiB", engine, kib)
				if kib > mostMemory {
					t.Errorf("%s: %d KiB, want at most %d", engine, kib, mostMemory)
				}
				if n := heldIn(t, file, all); n < manyHolders {
					t.Errorf("%s: %d holders in the file, want %d", engine, n, manyHolders)
				}
			}
		})
	}
}

// A hundred thousand mounts of a recorded tree: in mount namespaces that have as many each, of a
// namespace each or of one, and of one in one mount namespace.
func TestSnapshotMemoryOfMounts(t *testing.T) {
	testlock.Exclusive(t) // it measures
	program := binary(t)
	for name, m := range map[string]recordedMounts{
		"each of another": {spaces: 125, each: 800, namespaces: 800},
		"of one":          {spaces: 125, each: 800, namespaces: 1},
		"of one, in one":  {spaces: 1, each: 99_900, namespaces: 1},
	} {
		t.Run(name, func(t *testing.T) {
			root, file := t.TempDir(), filepath.Join(t.TempDir(), "snapshot")
			m.write(t, root)
			kib := peak(t, program, "snapshot", "--root", root, "-o", file)
			t.Logf("%d KiB", kib)
			if kib > mostMemory {
				t.Errorf("%d KiB, want at most %d", kib, mostMemory)
			}
			var all []neighbour
			for j := range m.namespaces {
				all = append(all, neighbour{inode: m.inode(j)})
			}
			if n := heldIn(t, file, all); n < m.spaces*m.each {
				t.Errorf("%d holders in the file, want %d", n, m.spaces*m.each)
			}
		})
	}
}

// recordedMounts are mount namespaces with the same mount points each, of network namespaces one
// after the other.
type recordedMounts struct{ spaces, each, namespaces int }

func (m *recordedMounts) inode(mount int) uint64 { return uint64(4026600000 + mount%m.namespaces) }

// write writes a tree in which each of the mount namespaces has a process.
func (m *recordedMounts) write(t *testing.T, root string) {
	t.Helper()
	for i := range m.spaces {
		dir := filepath.Join(root, "proc", strconv.Itoa(1+i))
		for _, sub := range []string{"ns", "fd", filepath.Join("task", strconv.Itoa(1+i))} {
			if err := os.MkdirAll(filepath.Join(dir, sub), 0o755); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.Symlink(fmt.Sprintf("mnt:[%d]", 4026540000+i), filepath.Join(dir, "ns/mnt")); err != nil {
			t.Fatal(err)
		}
		text := []byte("20 1 0:1 / / rw - tmpfs t rw\n")
		for j := range m.each {
			text = fmt.Appendf(text, "%d 20 0:4 net:[%d] /run/netns/cni-%08x-1111-2222-3333-444444444444 rw shared:%d - nsfs nsfs rw\n", 100+j, m.inode(j), j, j)
		}
		if err := os.WriteFile(filepath.Join(dir, "mountinfo"), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// heldIn returns how many holders the namespaces of some neighbours have in a file.
func heldIn(t *testing.T, file string, all []neighbour) (n int) {
	t.Helper()
	text, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer text.Close()
	f, err := snapshot.Read(text)
	if err != nil {
		t.Fatal(err)
	}
	for _, one := range all {
		if found := f.Snapshot.Find(one.inode); found != nil {
			n += len(found.Holders)
		}
	}
	return n
}
