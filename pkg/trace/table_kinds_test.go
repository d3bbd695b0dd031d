// SPDX-License-Identifier: Apache-2.0

//go:build amd64 || arm64

package trace_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/internal/callscript"
	"github.com/nsinspect/nsinspect/pkg/ns"
	"github.com/nsinspect/nsinspect/pkg/trace"
)

// kind is a row of the table of calls: a script that makes one call that must give an
// event.
type kind struct {
	name  string
	actor *actor
	opts  callscript.Options
	late  bool // the process starts after the tracer
	over  bool // it has ended when the event is read
	old   bool // it has 32-bit code
	do    func(*actor)
	run   *callscript.Run

	via    trace.Via
	target trace.Target
}

// expected returns the event that there must be.
func (k *kind) expected() trace.Event {
	e := k.actor.expected(k.run, "callscript")[0]
	e.Via, e.Target = k.via, k.target
	return e
}

// start starts the script, up to its call if the tracer is to start meanwhile.
func (k *kind) start(t *testing.T) {
	if !k.late {
		k.actor.Pause()
	}
	k.do(k.actor)
	k.actor.Pause()
	k.run = k.actor.Start(t, k.opts)
	if !k.late {
		k.run.Paused()
	}
}

// finish has it make its call, and wait until the event is read.
func (k *kind) finish(t *testing.T) {
	if !k.late {
		k.run.Go()
	}
	k.run.Paused()
	if k.over {
		if err := k.run.Wait(); err != nil {
			t.Fatal(err)
		}
	}
}

// file is a file for setns, and what it leads to.
type file struct {
	*os.File
	via    trace.Via
	target trace.Target
}

// kinds returns the rows of the table, those of one call together.
func kinds(t *testing.T) (all []*kind) {
	h := newIsolated(t)
	add := func(name string, do func(*actor), files ...file) *kind {
		k := &kind{name: name, actor: newActor(), do: do}
		for _, f := range files {
			k.opts.Files = append(k.opts.Files, f.File)
			k.via, k.target = f.via, f.target
		}
		all = append(all, k)
		return k
	}
	net := h.file(ns.Net)
	addSetns(t, h, add)
	addUnshare(add)
	addClone(add)
	addOld(net, add)
	for _, number := range []int{unix.SYS_SETNS, unix.SYS_UNSHARE, unix.SYS_CLONE, unix.SYS_CLONE3} {
		name := map[int]string{unix.SYS_SETNS: "setns", unix.SYS_UNSHARE: "unshare", unix.SYS_CLONE: "clone", unix.SYS_CLONE3: "clone3"}[number]
		var files []file
		if number == unix.SYS_SETNS {
			files = append(files, net)
		}
		add(name+", answered by seccomp", func(a *actor) {
			a.filter(number, seccompErrno|uint64(unix.ENOSYS))
			plainCall(a, number).event.Refused = true
		}, files...).late = true // of an older process it may be a call that began before the tracer
	}
	add("setns by a thread", func(a *actor) { a.byThread(func() *act { return a.setns(firstFile, 0) }) }, net)
	add("unshare by a thread", func(a *actor) { a.byThread(func() *act { return a.unshare(unix.CLONE_NEWNET) }) })
	unshare := func(a *actor) { a.unshare(unix.CLONE_NEWNET) }
	add("unshare by a process that started after the tracer", unshare).late = true
	add("unshare by a process that has ended when it is read", unshare).over = true
	return all
}

type adder func(name string, do func(*actor), files ...file) *kind

// plainCall makes the call of a number.
func plainCall(a *actor, number int) *act {
	switch number {
	case unix.SYS_SETNS:
		return a.setns(firstFile, unix.CLONE_NEWNET)
	case unix.SYS_UNSHARE:
		return a.unshare(unix.CLONE_NEWNET)
	case unix.SYS_CLONE:
		return a.clone(unix.CLONE_NEWNET|sigchld, a.Pause)
	}
	words := make([]uint64, 11)
	words[0], words[4] = unix.CLONE_NEWNET, uint64(sigchld)
	return a.cloned(unix.CLONE_NEWNET, a.Look(), a.Call(unix.SYS_CLONE3, a.Words(words...), 88), a.Pause)
}

func addSetns(t *testing.T, h *isolated, add adder) {
	for _, ty := range ns.Types() {
		add("setns, "+ty.String(), func(a *actor) { a.setns(firstFile, int(trace.FlagOf(ty))) }, h.file(ty))
	}
	net := h.file(ns.Net)
	add("setns, nstype 0", func(a *actor) { a.setns(firstFile, 0) }, net)
	several := unix.CLONE_NEWNET | unix.CLONE_NEWUTS | unix.CLONE_NEWIPC | unix.CLONE_NEWPID
	pidfd := file{h.pidfd, trace.Via{Kind: trace.ViaPidfd, PID: h.pid}, trace.Target{NS: h.where}}
	add("setns by pidfd", func(a *actor) { a.setns(firstFile, unix.CLONE_NEWNET) }, pidfd)
	add("setns by pidfd, several types", func(a *actor) { a.setns(firstFile, several) }, pidfd)

	plain := filepath.Join(t.TempDir(), "plain")
	if err := os.WriteFile(plain, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	other := file{File: openFile(t, plain, unix.O_RDONLY), via: trace.Via{Kind: trace.ViaOther, Path: plain}}
	add("setns, EBADF", func(a *actor) { a.setns(-1, unix.CLONE_NEWNET) })
	add("setns, EINVAL: no namespace", func(a *actor) { a.setns(firstFile, unix.CLONE_NEWNET) }, other)
	add("setns, EINVAL: another type", func(a *actor) { a.setns(firstFile, unix.CLONE_NEWUTS) }, net)
	add("setns, EPERM", func(a *actor) { a.asNobody(func() *act { return a.setns(firstFile, unix.CLONE_NEWNET) }) }, net)
	gone := file{File: endedPidfd(t), via: trace.Via{Kind: trace.ViaPidfd}}
	add("setns, ESRCH", func(a *actor) { a.setns(firstFile, unix.CLONE_NEWNET) }, gone)
}

func addUnshare(add adder) {
	everything := 0
	for _, ty := range ns.Types() {
		everything |= int(trace.FlagOf(ty))
		add("unshare, "+ty.String(), func(a *actor) { a.unshare(int(trace.FlagOf(ty))) })
	}
	add("unshare, all types", func(a *actor) { a.unshare(everything) })
	add("unshare, EINVAL", func(a *actor) { a.unshare(unix.CLONE_NEWNET | 1) })
	add("unshare, EPERM", func(a *actor) { a.asNobody(func() *act { return a.unshare(unix.CLONE_NEWNET) }) })
	add("unshare, ENOSPC", func(a *actor) {
		fd := a.Call(unix.SYS_OPENAT, unix.AT_FDCWD, "/proc/sys/user/max_net_namespaces", unix.O_WRONLY, 0)
		a.Call(unix.SYS_WRITE, fd, "0", 1)
		a.Call(unix.SYS_CLOSE, fd)
		a.unshare(unix.CLONE_NEWNET)
	}).opts.Attr = &unix.SysProcAttr{
		Cloneflags:  unix.CLONE_NEWUSER,
		UidMappings: []syscall.SysProcIDMap{{Size: 1}}, GidMappings: []syscall.SysProcIDMap{{Size: 1}},
	}
}

func addClone(add adder) {
	for _, ty := range ns.Types() {
		if ty == ns.Time {
			continue // only clone3 can: the flag is in the byte of the signal
		}
		add("clone, "+ty.String(), func(a *actor) { a.clone(int(trace.FlagOf(ty))|sigchld, a.Pause) })
	}
	add("clone, vfork", func(a *actor) {
		a.clone(unix.CLONE_VM|unix.CLONE_VFORK|unix.CLONE_NEWNET|sigchld, nil) // it returns when the child ends
	})
	add("clone3", func(a *actor) { plainCall(a, unix.SYS_CLONE3) })
	add("clone3, time", func(a *actor) {
		words := make([]uint64, 11)
		words[0], words[4] = unix.CLONE_NEWTIME, uint64(sigchld)
		a.cloned(unix.CLONE_NEWTIME, a.Look(), a.Call(unix.SYS_CLONE3, a.Words(words...), 88), a.Pause)
	})
	add("clone3, arguments not in memory yet", func(a *actor) {
		words := make([]uint64, 11)
		words[0], words[4] = unix.CLONE_NEWNET, uint64(sigchld)
		a.cloned(unix.CLONE_NEWNET, a.Look(), a.Call(unix.SYS_CLONE3, a.FarWords(words...), 88), a.Pause)
	})
	add("clone, EINVAL", func(a *actor) { a.clone(unix.CLONE_NEWNS|unix.CLONE_FS|sigchld, nil) })
	add("clone, EPERM", func(a *actor) { a.asNobody(func() *act { return a.clone(unix.CLONE_NEWNET|sigchld, nil) }) })
	add("clone3, EINVAL", func(a *actor) { a.clone3(unix.CLONE_NEWUSER | unix.CLONE_FS) })
}

// addOld adds calls by the 32-bit way.
func addOld(net file, add adder) {
	for _, way := range oldWays {
		acted := func(e trace.Event, number int, args ...any) func(*actor) {
			return func(a *actor) {
				before := a.Look()
				a.acted(e, before, way.call(a.Script, number, args...)).event.ABI = oldABI
			}
		}
		setns := trace.Event{Call: trace.Setns, FD: firstFile, Flags: unix.CLONE_NEWNET}
		add("setns by "+way.name, acted(setns, oldSetns, firstFile, unix.CLONE_NEWNET), net).code32(way.make())
		unshare := trace.Event{Call: trace.Unshare, FD: -1, Flags: unix.CLONE_NEWNET}
		add("unshare by "+way.name, acted(unshare, oldUnshare, unix.CLONE_NEWNET)).code32(way.make())
		add("clone by "+way.name, func(a *actor) {
			before := a.Look()
			step := way.call(a.Script, oldClone, unix.CLONE_NEWNET|sigchld, 0, 0, 0, 0)
			act := &act{event: trace.Event{Call: trace.Clone, FD: -1, Flags: unix.CLONE_NEWNET, ABI: oldABI}, step: step, before: before}
			a.acts = append(a.acts, act)
			a.Child(step, func() { act.after = a.Look(); a.Pause() })
			way.call(a.Script, oldWait4, step, 0, unix.WALL, 0)
		}).code32(way.make())
	}
}

// code32 has a kind's script be one with 32-bit code.
func (k *kind) code32(s *callscript.Script) { k.actor.Script, k.old = s, true }

// asNobody has the script make a call without root's privileges.
func (a *actor) asNobody(do func() *act) {
	a.unprivileged()
	do().event.UID = nobody
}

// byThread has another thread make a call, while the first one waits.
func (a *actor) byThread(do func() *act) {
	step := a.Call(unix.SYS_CLONE, threadLike, 0, 0, 0, 0)
	a.Child(step, func() {
		tid := a.Call(unix.SYS_GETTID)
		do().tid = tid
		a.Pause()
	})
	a.Stay()
}

// file returns the file of a namespace of the house.
func (h *isolated) file(ty ns.Type) file {
	return file{
		h.open(ty), trace.Via{Kind: trace.ViaNSFS, Path: ns.FormatLink(ty, h.where[ty].Inode)},
		trace.Target{Type: ty, NS: h.part(ty)},
	}
}

// endedPidfd returns a pidfd of a process that has ended.
func endedPidfd(t *testing.T) *os.File {
	t.Helper()
	cmd := exec.Command("/proc/self/exe", "-test.run=^$")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	fd := openPidfd(t, cmd.Process.Pid)
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	return fd
}
