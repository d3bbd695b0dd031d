// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/internal/nstest"
)

// deed is one thing that was done to a namespace, between two times.
type deed struct {
	kind, name    string
	before, after time.Time
}

// life is the truth about one namespace.
type life struct {
	cookie uint64
	held   *os.File
	names  []string
	deeds  []deed
}

// slack is how far the clock that calls have may be from ours.
const slack = time.Millisecond

// lives makes, names, renames, unnames and frees namespaces in random order.
type lives struct {
	t     *testing.T
	rand  *rand.Rand
	dir   string
	all   map[uint64]*life
	alive []*life
	named int // names given so far
}

// do does something to a namespace and keeps that.
func (l *lives) do(n *life, kind, name string, act func() error) {
	l.t.Helper()
	before := time.Now()
	if err := act(); err != nil {
		l.t.Fatalf("%s %q: %v", kind, name, err)
	}
	n.deeds = append(n.deeds, deed{kind, name, before, time.Now()})
}

// create makes a namespace that one open file holds.
func (l *lives) create() {
	l.t.Helper()
	n := &life{}
	l.do(n, "created", "", func() error { return inThread(n.make) })
	l.all[n.cookie] = n
	l.alive = append(l.alive, n)
}

// inThread calls a function in a thread that ends with it.
func inThread(f func() error) error {
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // and never unlocked
		done <- f()
	}()
	return <-done
}

func (n *life) make() error {
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		return err
	}
	s, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(s)
	if n.cookie, err = unix.GetsockoptUint64(s, unix.SOL_SOCKET, unix.SO_NETNS_COOKIE); err != nil {
		return err
	}
	n.held, err = os.Open("/proc/thread-self/ns/net")
	return err
}

// name gives a namespace a name, a mount or a symlink.
func (l *lives) name(n *life) {
	l.t.Helper()
	l.named++
	name := fmt.Sprintf("n%d", l.named)
	path, target := filepath.Join(l.dir, name), fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), n.held.Fd())
	if l.rand.IntN(4) == 0 {
		l.do(n, "named", name, func() error { return os.Symlink(target, path) })
	} else {
		l.do(n, "named", name, func() error {
			if err := os.WriteFile(path, nil, 0o644); err != nil {
				return err
			}
			return unix.Mount(target, path, "", unix.MS_BIND, "")
		})
	}
	n.names = append(n.names, name)
}

// unname takes a name away.
func (l *lives) unname(n *life, i int) {
	l.t.Helper()
	name := n.names[i]
	path := filepath.Join(l.dir, name)
	n.names = slices.Delete(n.names, i, i+1)
	l.do(n, "unnamed", name, func() error {
		// EINVAL: a symlink is no mount.
		if err := unix.Unmount(path, unix.MNT_DETACH|unix.UMOUNT_NOFOLLOW); err != nil && !errors.Is(err, unix.EINVAL) {
			return err
		}
		return os.Remove(path)
	})
}

// rename gives a symlink another name; a mount gets that one and loses the other.
func (l *lives) rename(n *life) {
	l.t.Helper()
	l.name(n)
	l.unname(n, l.rand.IntN(len(n.names)))
}

// free takes a namespace's names and its file away, in random order: a symlink goes before
// the file to which it leads.
func (l *lives) free(i int) {
	l.t.Helper()
	n := l.alive[i]
	l.alive = slices.Delete(l.alive, i, i+1)
	before := time.Now()
	fileLast := l.rand.IntN(2) == 0 || slices.ContainsFunc(n.names, func(name string) bool {
		st, err := os.Lstat(filepath.Join(l.dir, name))
		return err != nil || st.Mode()&os.ModeSymlink != 0
	})
	if !fileLast {
		n.held.Close()
	}
	for len(n.names) > 0 {
		l.unname(n, l.rand.IntN(len(n.names)))
	}
	if fileLast {
		n.held.Close()
	}
	n.deeds = append(n.deeds, deed{"freed", "", before, time.Now()})
}

// step does one thing.
func (l *lives) step() {
	const most = 40
	if len(l.alive) == 0 || len(l.alive) < most && l.rand.IntN(3) == 0 {
		l.create()
		return
	}
	i := l.rand.IntN(len(l.alive))
	n := l.alive[i]
	switch what := l.rand.IntN(6); {
	case what < 2 && len(n.names) < 4:
		l.name(n)
	case what == 2 && len(n.names) > 0:
		l.unname(n, l.rand.IntN(len(n.names)))
	case what == 3 && len(n.names) > 0:
		l.rename(n)
	case what >= 4:
		l.free(i)
	}
}

// pause is as long as chance has it: mostly not at all, at times longer than a poll takes.
func (l *lives) pause() {
	switch l.rand.IntN(20) {
	case 0:
		time.Sleep(time.Duration(l.rand.IntN(150)) * time.Millisecond)
	case 1, 2, 3, 4:
		time.Sleep(time.Duration(l.rand.IntN(5000)) * time.Microsecond)
	}
}

// newLives is for namespaces that are gone when the test ends.
func newLives(t *testing.T, seed uint64) *lives {
	l := &lives{t: t, rand: rand.New(rand.NewPCG(seed, 0)), dir: nstest.NewNames(t).Dir, all: map[uint64]*life{}}
	t.Cleanup(func() {
		for _, n := range l.alive {
			for _, name := range n.names {
				_ = unix.Unmount(filepath.Join(l.dir, name), unix.MNT_DETACH|unix.UMOUNT_NOFOLLOW) // it may be a symlink
			}
			n.held.Close()
		}
	})
	return l
}
