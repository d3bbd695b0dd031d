// SPDX-License-Identifier: Apache-2.0

// Package nstest makes real network namespaces that one known thing keeps alive,
// and has the truth about them, found without the scanner that is tested
// with them. It needs root.
//
// A scene is made by a child process, this binary executed again, so TestMain
// must call Main first:
//
//	func TestMain(m *testing.M) {
//		nstest.Main()
//		os.Exit(m.Run())
//	}
//
// A test asks for scenes by kind:
//
//	s := nstest.Make(t, nstest.FDDetached)
//	// s.Inode is held by s.Holders[0] and nothing else
//	s.Free()
//
// Whatever way the test ends, nothing stays: a child dies with its parent, and
// files and mounts that no process takes along are removed by a guardian that
// outlives it. The tests of a package are in a mount namespace of their own (see
// Main), whose mounts no test of another package copies. While another scene of
// theirs makes a mount namespace, that holds copies of all mounts for a moment: a
// test that counts mounts looks again (Eventually).
package nstest

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"sync"
	"testing"

	"github.com/nsinspect/nsinspect/internal/need"
	"github.com/nsinspect/nsinspect/internal/testlock"
)

// A test's goroutine that is to end together with its thread, in a namespace of its
// own, must not get the first thread: that one cannot end, and would leave the whole
// process there. So main keeps it, from before the first test on.
func init() { runtime.LockOSThread() }

// Options change how a scene is made.
type Options struct {
	// Path is where Mount mounts, a new file in an existing directory; by
	// default in a directory of the scene's own. The caller sees to it that
	// the path goes away if this process is killed.
	Path string
	// Beside is the file of a namespace that is there already, which the scene
	// gets a second holder of, in place of a new one. Not for Veth.
	Beside *os.File
}

// Scene is a namespace, or two, held by what its truth has and nothing else.
type Scene struct {
	Truth
	t      testing.TB
	child  *child
	dir    string
	close  func() error
	killed bool
}

// Make makes a scene and frees it when the test ends, and locks the machine shared
// (internal/testlock) until then. It skips the test without root, or if the machine
// lacks what the kind needs.
func Make(t testing.TB, k Kind) *Scene {
	t.Helper()
	need.Root(t)
	testlock.Shared(t)
	return start(t, k, Options{})
}

// MakeBeside makes a scene of the namespace of a file, which has holders already and
// need not end with this one.
func MakeBeside(t testing.TB, k Kind, file *os.File) *Scene {
	t.Helper()
	return start(t, k, Options{Beside: file})
}

func start(t testing.TB, k Kind, opt Options) *Scene {
	t.Helper()
	s, err := Start(k, opt)
	if errors.Is(err, errMissing) {
		need.Missing(t, err.Error())
	}
	if err != nil {
		t.Fatal(err)
	}
	s.t = t
	t.Cleanup(s.Free)
	return s
}

// Start makes a scene, which Close ends.
func Start(k Kind, opt Options) (*Scene, error) {
	dir, err := sceneDir()
	if err != nil {
		return nil, err
	}
	s := &Scene{dir: dir}
	s.close = sync.OnceValue(s.end)
	s.child, err = startChild(order{Scene: k, Parent: os.Getpid(), Dir: dir, Path: opt.Path, Beside: opt.Beside != nil}, opt.Beside)
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	truth, err := s.child.truth()
	if err != nil {
		s.child.stdin.Close()
		return nil, errors.Join(err, s.child.kill(), os.RemoveAll(dir))
	}
	s.Truth = *truth
	made.add(s.Truth)
	return s, nil
}

// Free takes the holder away and waits until the kernel has given the namespace
// up. The test fails if that does not happen. A second call does nothing.
func (s *Scene) Free() {
	s.t.Helper()
	if err := s.Close(); err != nil {
		s.t.Errorf("free scene %s: %v", s.Scene, err)
	}
}

// Close takes the holder away and waits until the kernel has given the namespace
// up. It returns an error if something else still holds it.
func (s *Scene) Close() error { return s.close() }

func (s *Scene) end() error {
	err := s.unmount()
	if s.child != nil && !s.killed {
		err = errors.Join(err, s.child.stop())
	}
	err = errors.Join(err, waitGone(s.all()))
	if s.dir != "" {
		err = errors.Join(err, os.RemoveAll(s.dir))
	}
	return err
}

// Kill ends the process that made the scene with SIGKILL, so that it has no chance
// in what stays. A bind mount in our own mount namespace does. Free or Close is
// to follow.
func (s *Scene) Kill() error {
	s.killed = true
	return s.child.kill()
}

// unmount takes away the scene's mounts in our own mount namespace, newest
// first, as far as the test has not done so.
func (s *Scene) unmount() error {
	mounts, err := readMounts()
	for _, h := range slices.Backward(s.Holders) {
		there := slices.ContainsFunc(mounts, func(m mountEntry) bool { return m.id == h.MountID && m.path == h.Path })
		if h.Kind != "mount" || h.PID != 0 || h.Pin != nil || !there {
			continue
		}
		top, e := topMount(h.Path)
		if e == nil && top.id != h.MountID {
			e = fmt.Errorf("unmount %q: mount %d lies over ours, %d", h.Path, top.id, h.MountID)
		}
		if e == nil {
			e = removeName(h.Path)
		}
		err = errors.Join(err, e)
	}
	return err
}

// File is a path that opens the namespace, or "" if no file does.
func (s *Scene) File() string {
	h := s.Holders[0]
	proc := fmt.Sprintf("/proc/%d", h.PID)
	switch {
	case h.Kind == "process":
		return proc + "/ns/net"
	case h.Kind == "thread":
		return fmt.Sprintf("%s/task/%d/ns/net", proc, h.TID)
	case h.Kind == "fd" && h.TID != 0:
		return fmt.Sprintf("%s/task/%d/fd/%d", proc, h.TID, *h.FD)
	case h.Kind == "fd":
		return fmt.Sprintf("%s/fd/%d", proc, *h.FD)
	case h.Kind == "mount" && h.PID != 0:
		return proc + "/root" + h.Path
	case h.Kind == "mount" && h.Pin == nil:
		return h.Path
	}
	return ""
}
