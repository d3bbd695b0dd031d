// SPDX-License-Identifier: Apache-2.0

//go:build amd64 || arm64

package trace_test

import (
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/internal/callscript"
	"github.com/nsinspect/nsinspect/internal/need"
	"github.com/nsinspect/nsinspect/pkg/ns"
	"github.com/nsinspect/nsinspect/pkg/trace"
)

const sigchld = int(unix.SIGCHLD)

// TestClone makes children in new namespaces in every way.
func TestClone(t *testing.T) {
	s := open(t, trace.Options{})
	c := checks{}
	thread := uint64(unix.CLONE_VM | unix.CLONE_FS | unix.CLONE_FILES | unix.CLONE_SIGHAND | unix.CLONE_THREAD)
	for name, do := range map[string]func(*actor) *act{
		"clone":               func(a *actor) *act { return a.clone(unix.CLONE_NEWNET|sigchld, nil) },
		"clone, no signal":    func(a *actor) *act { return a.clone(unix.CLONE_NEWNET|unix.CLONE_NEWUTS, nil) },
		"clone, several":      func(a *actor) *act { return a.clone(unix.CLONE_NEWNS|unix.CLONE_NEWIPC|unix.CLONE_NEWPID|sigchld, nil) },
		"clone, new user":     func(a *actor) *act { return a.clone(unix.CLONE_NEWUSER|unix.CLONE_NEWNET|sigchld, nil) },
		"clone, signal is 80": func(a *actor) *act { return a.clone(unix.CLONE_NEWNET|0x80, nil) },
		"clone like vfork":    func(a *actor) *act { return a.clone(unix.CLONE_VM|unix.CLONE_VFORK|unix.CLONE_NEWNET|sigchld, nil) },
		"clone3":              func(a *actor) *act { return a.clone3(unix.CLONE_NEWNET) },
		"clone3, time": func(a *actor) *act {
			return a.clone3(unix.CLONE_NEWTIME|unix.CLONE_NEWCGROUP, 0, 0, 0, uint64(sigchld))
		},
		"clone3 like vfork": func(a *actor) *act { return a.clone3(unix.CLONE_VM | unix.CLONE_VFORK | unix.CLONE_NEWUTS) },
		"clone3, pidfd": func(a *actor) *act {
			return a.clone3(unix.CLONE_PIDFD|unix.CLONE_NEWNET, uint64(a.Words(0)))
		},
		"clone3, a thread": func(a *actor) *act { return a.clone3(thread | unix.CLONE_NEWNET) },
		"clone3, not touched yet": func(a *actor) *act {
			words := make([]uint64, 11)
			words[0] = unix.CLONE_NEWNET
			return a.clone3At(a.FarWords(words...), words[0])
		},
		"clone3, into a cgroup": cloneIntoCgroup,
	} {
		a := newActor()
		act := do(a)
		run := a.Run(t, callscript.Options{})
		if errno := run.Errno(act.step); errno != 0 && !noSuchSignal(t, name, errno) {
			t.Fatalf("%s: %v", name, errno)
		} else if errno != 0 {
			continue
		}
		c[name] = func(t *testing.T, events []trace.Event) {
			e := one(t, of(events, run.PID))
			demand(t, []trace.Event{e}, a.expected(run, "callscript"))
			for _, ty := range ns.Types() {
				if want := act.event.Flags&trace.FlagOf(ty) != 0; e.Moved(ty) != want {
					t.Errorf("%s: moved %v, want %v", ty, e.Moved(ty), want)
				}
			}
		}
	}
	s.demand(t, c)
}

// noSuchSignal reports whether clone was refused, as some 7.x does, because no signal has the
// number 0x80 (that of CLONE_NEWTIME), which older kernels take.
func noSuchSignal(t *testing.T, name string, errno unix.Errno) bool {
	return strings.HasSuffix(name, "80") && errno == unix.EINVAL && need.KernelIs(t, 7, 0)
}

// cloneIntoCgroup makes a child in a cgroup, the one that the caller is in.
func cloneIntoCgroup(a *actor) *act {
	const fsconfigCreate = 6 // FSCONFIG_CMD_CREATE, linux/mount.h
	fs := a.Call(unix.SYS_FSOPEN, "cgroup2", 0)
	a.Call(unix.SYS_FSCONFIG, fs, fsconfigCreate, 0, 0, 0)
	mount := a.Call(unix.SYS_FSMOUNT, fs, 0, 0)
	const intoCgroup = 1 << 33 // CLONE_INTO_CGROUP
	words := make([]uint64, 11)
	words[0] = intoCgroup | unix.CLONE_NEWNET
	args := a.Words(words...)
	a.CopyResult(mount, args+80)
	return a.clone3At(args, words[0])
}

// TestCloneWithoutNewNamespaces makes children without new namespaces, which is no event; one
// unshare shows that the tracer recorded the rest.
func TestCloneWithoutNewNamespaces(t *testing.T) {
	s := open(t, trace.Options{})
	a := newActor()
	for _, flags := range []int{0x80, sigchld, 0, unix.CLONE_VM | unix.CLONE_VFORK | sigchld, unix.CLONE_VM | unix.CLONE_FS | sigchld} {
		a.clone(flags, nil)
	}
	a.clone3(0)
	a.clone3(unix.CLONE_VM | unix.CLONE_VFORK)
	for _, number := range forks {
		a.cloned(0, a.Look(), a.Call(number), nil)
	}
	n := len(a.acts)
	a.unshare(unix.CLONE_NEWUTS)
	run := a.Run(t, callscript.Options{})
	for i, act := range a.acts[:n] {
		if errno := run.Errno(act.step); errno != 0 && (i > 0 || !noSuchSignal(t, "80", errno)) {
			t.Fatalf("clone with flags %v: %v", act.event.Flags, errno)
		}
	}
	a.acts = a.acts[n:]
	demand(t, of(s.all(), run.PID), a.expected(run, "callscript"))
	s.lostNothing()
}

// TestCloneRefused has clone fail in every way.
func TestCloneRefused(t *testing.T) {
	s := open(t, trace.Options{})
	c := checks{}
	for name, test := range map[string]struct {
		do    func(*actor) *act
		errno unix.Errno
	}{
		"EINVAL": {func(a *actor) *act { return a.clone(unix.CLONE_NEWNS|unix.CLONE_FS|sigchld, nil) }, unix.EINVAL},
		"EPERM": {func(a *actor) *act {
			a.unprivileged()
			return a.clone(unix.CLONE_NEWNET|sigchld, nil)
		}, unix.EPERM},
		"clone3, EINVAL": {func(a *actor) *act { return a.clone3(unix.CLONE_NEWUSER | unix.CLONE_FS) }, unix.EINVAL},
		"clone3, EINVAL, not touched yet": {func(a *actor) *act {
			words := make([]uint64, 11)
			words[0] = unix.CLONE_NEWUSER | unix.CLONE_FS
			return a.clone3At(a.FarWords(words...), words[0])
		}, unix.EINVAL},
	} {
		a := newActor()
		act := test.do(a)
		run := a.Run(t, callscript.Options{})
		if got := run.Errno(act.step); got != test.errno {
			t.Fatalf("%s: %v, want %v", name, got, test.errno)
		}
		c[name] = func(t *testing.T, events []trace.Event) {
			want := a.expected(run, "callscript")
			if test.errno == unix.EPERM {
				want[0].UID = nobody
			}
			demand(t, of(events, run.PID), want)
		}
	}
	s.demand(t, c)
}

// TestClone3BadAddress calls clone3 with arguments that are nowhere: the kernel has
// not read flags either, so there is nothing to report, and nothing lost.
func TestClone3BadAddress(t *testing.T) {
	s := open(t, trace.Options{})
	a := newActor()
	steps := []*callscript.Step{a.Call(unix.SYS_CLONE3, 0, 88), a.Call(unix.SYS_CLONE3, 0xdead000, 88)}
	act := a.unshare(unix.CLONE_NEWUTS)
	run := a.Run(t, callscript.Options{})
	for _, step := range steps {
		if errno := run.Errno(step); errno != unix.EFAULT {
			t.Fatalf("clone3: %v, want EFAULT", errno)
		}
	}
	if errno := run.Errno(act.step); errno != 0 {
		t.Fatalf("unshare: %v", errno)
	}
	demand(t, of(s.all(), run.PID), a.expected(run, "callscript"))
	s.lostNothing()
}

// TestVforkOrder has a child move at once: the clone that made it comes before.
func TestVforkOrder(t *testing.T) {
	s := open(t, trace.Options{})
	a := newActor()
	const n = 50
	for range n {
		a.clone(unix.CLONE_VM|unix.CLONE_VFORK|unix.CLONE_NEWNET|sigchld, func() {
			a.Call(unix.SYS_UNSHARE, unix.CLONE_NEWUTS)
		})
	}
	run := a.Run(t, callscript.Options{})
	events := s.all()
	for _, act := range a.acts {
		child := int(run.Result(act.step))
		its := slices.DeleteFunc(slices.Clone(events), func(e trace.Event) bool { return e.TID != child && e.Child != child })
		if len(its) != 2 || its[0].Call != trace.Clone || its[1].Call != trace.Unshare || its[1].Time.Before(its[0].Time) {
			t.Errorf("events of child %d: %+v", child, its)
		}
		if len(its) == 2 && its[0].To != its[1].From {
			t.Errorf("child %d was made in %v and moved from %v", child, its[0].To, its[1].From)
		}
	}
	s.lostNothing()
}

// TestThreadAlone has a thread move alone: its events are its own, and the
// process stays.
func TestThreadAlone(t *testing.T) {
	s := open(t, trace.Options{})
	a := newActor()
	step := a.Call(unix.SYS_CLONE, unix.CLONE_VM|unix.CLONE_FS|unix.CLONE_FILES|unix.CLONE_SIGHAND|unix.CLONE_THREAD, 0, 0, 0, 0)
	pid := a.Call(unix.SYS_GETPID)
	a.Child(step, func() {
		tid := a.Call(unix.SYS_GETTID)
		a.unshare(unix.CLONE_NEWNET).tid = tid
		a.setns(99, 0).tid = tid
	})
	run := a.Run(t, callscript.Options{})
	want := a.expected(run, "callscript")
	if want[0].TID == run.PID || int(run.Result(pid)) != run.PID {
		t.Fatal("that is no thread of its own")
	}
	demand(t, of(s.all(), run.PID), want)
}
