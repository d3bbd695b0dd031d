// SPDX-License-Identifier: Apache-2.0

//go:build amd64 || arm64

package trace_test

import (
	"encoding/binary"
	"io"
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/internal/callscript"
	"github.com/nsinspect/nsinspect/internal/testlock"
	"github.com/nsinspect/nsinspect/pkg/ns"
	"github.com/nsinspect/nsinspect/pkg/trace"
)

const (
	rounds     = 100
	threadLike = unix.CLONE_VM | unix.CLONE_FS | unix.CLONE_FILES | unix.CLONE_SIGHAND | unix.CLONE_THREAD
)

// TestFDRace has a thread put another file in place of the one that another
// thread enters. What is reported is the file at the call's beginning: leaving the
// last mount namespace of its kind makes the call long (put_mnt_ns, fs/namespace.c),
// so at its end nearly any file could be there.
func TestFDRace(t *testing.T) {
	testlock.Exclusive(t) // two threads have to run side by side
	one, two := newIsolated(t), newIsolated(t)
	for range 10 { // until the threads ran side by side
		if raceFD(t, one, two) {
			return
		}
	}
	t.Error("the file was never changed meanwhile")
}

func raceFD(t *testing.T, one, two *isolated) (raced bool) {
	const fd = 20
	s := open(t, trace.Options{})
	a := newActor()
	a.Call(unix.SYS_DUP3, firstFile, fd, 0)
	a.Call(unix.SYS_UNSHARE, unix.CLONE_FS)
	changer := a.Call(unix.SYS_CLONE, threadLike, 0, 0, 0, 0)
	a.Child(changer, func() {
		a.Loop(1<<30, func() {
			for file := range 2 {
				a.Call(unix.SYS_CLOSE, fd)
				a.Call(unix.SYS_DUP3, firstFile+file, fd, 0)
				for range 100 {
					a.Call(unix.SYS_GETPPID)
				}
			}
		})
	})
	a.Call(unix.SYS_UNSHARE, unix.CLONE_FS)
	a.Loop(rounds, func() {
		a.Call(unix.SYS_UNSHARE, unix.CLONE_NEWNS)
		a.Call(unix.SYS_SETNS, fd, unix.CLONE_NEWNS)
	})
	a.Call(unix.SYS_EXIT_GROUP, 0)
	run := a.Run(t, callscript.Options{Files: []*os.File{one.open(ns.Mnt), two.open(ns.Mnt)}})

	var entered, closed, other int
	led := map[trace.NS]int{}
	for _, e := range of(s.all(), run.PID) {
		to, target := e.To[ns.Mnt], e.Target.NS[ns.Mnt]
		switch {
		case e.Call != trace.Setns:
			continue
		case e.Errno == unix.EBADF:
			closed++
		case e.Failed() || to != one.where[ns.Mnt] && to != two.where[ns.Mnt]:
			t.Errorf("it was led elsewhere: %s", describe(e))
		case target == (trace.NS{}): // closed, and back before the kernel looked
			other++
		case e.Via.Kind != trace.ViaNSFS || target != one.where[ns.Mnt] && target != two.where[ns.Mnt]:
			t.Errorf("it entered something else: %s", describe(e))
		case target != to:
			other++
		default:
			entered++
		}
		led[to]++
	}
	t.Logf("%d rounds: in %d the file reported is the one entered, in %d not, in %d there was none", rounds, entered, other, closed)
	if entered+other+closed != rounds {
		t.Errorf("events of %d rounds, want %d", entered+other+closed, rounds)
	}
	if other > rounds/8 {
		t.Errorf("in %d of %d the file reported is not the one entered", other, rounds)
	}
	s.lostNothing()
	return led[one.where[ns.Mnt]] > 0 && led[two.where[ns.Mnt]] > 0
}

// TestFlagsRace has a thread change the flags of a clone3 while another calls it:
// each child that was made in a new namespace is reported.
func TestFlagsRace(t *testing.T) {
	testlock.Exclusive(t) // two threads have to run side by side
	for range 10 {        // until the threads ran side by side
		if raceFlags(t) {
			return
		}
	}
	t.Error("the flags were never changed meanwhile")
}

func raceFlags(t *testing.T) (raced bool) {
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer read.Close()
	defer write.Close()
	s := open(t, trace.Options{})
	a := newActor()
	words := make([]uint64, 11)
	words[0], words[4] = unix.CLONE_VFORK, uint64(sigchld)
	args := a.Words(words...)
	without, with := a.Words(words[0]), a.Words(words[0]|unix.CLONE_NEWNET)
	host := a.Look()
	changer := a.Call(unix.SYS_CLONE, threadLike, 0, 0, 0, 0)
	a.Child(changer, func() {
		a.Loop(1<<30, func() {
			for range 3 { // a loop's end takes its time too
				a.Copy(with, args)
			}
			a.Copy(without, args)
		})
	})
	a.Loop(rounds, func() {
		child := a.Call(unix.SYS_CLONE3, args, 88)
		cookie := a.Room(8)
		a.Child(child, func() {
			const soNetnsCookie = 71 // SO_NETNS_COOKIE
			socket := a.Call(unix.SYS_SOCKET, unix.AF_UNIX, unix.SOCK_DGRAM, 0)
			a.Call(unix.SYS_GETSOCKOPT, socket, unix.SOL_SOCKET, soNetnsCookie, cookie, a.Words(8))
			a.Call(unix.SYS_WRITE, firstFile, cookie, 8)
		})
		a.Call(unix.SYS_WAIT4, -1, 0, 0, 0)
	})
	a.Call(unix.SYS_EXIT_GROUP, 0)
	run := a.Run(t, callscript.Options{Files: []*os.File{write}})
	write.Close()
	cookies, err := io.ReadAll(read)
	if err != nil || len(cookies) != 8*rounds {
		t.Fatalf("%d bytes of %d children, %v", len(cookies), rounds, err)
	}
	made, old := map[uint64]bool{}, run.Where(host).Cookie
	for ; len(cookies) > 0; cookies = cookies[8:] {
		if c := binary.NativeEndian.Uint64(cookies); c != old {
			made[c] = true
		}
	}
	t.Logf("%d of %d children were made in a new namespace", len(made), rounds)
	raced = len(made) > 0 && len(made) < rounds
	for _, e := range of(s.all(), run.PID) {
		switch to := e.To[ns.Net]; {
		case !made[to.Cookie] || e.Flags&unix.CLONE_NEWNET == 0 || e.From[ns.Net].Cookie != old || e.Child == 0:
			t.Errorf("no such child was made: %s", describe(e))
		default:
			delete(made, to.Cookie)
		}
	}
	if len(made) > 0 {
		t.Errorf("%d children are not reported", len(made))
	}
	s.lostNothing()
	return raced
}
