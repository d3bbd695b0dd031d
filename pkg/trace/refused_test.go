// SPDX-License-Identifier: Apache-2.0

//go:build amd64 || arm64

package trace_test

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/internal/callscript"
	"github.com/nsinspect/nsinspect/internal/need"
	"github.com/nsinspect/nsinspect/pkg/ns"
	"github.com/nsinspect/nsinspect/pkg/trace"
)

const nobody = 65534

// unprivileged has the script go on as nobody.
func (a *actor) unprivileged() { a.Call(unix.SYS_SETRESUID, nobody, nobody, nobody) }

// TestRefusedSetns has setns refused in every way, and reports what it was given.
func TestRefusedSetns(t *testing.T) {
	h := newIsolated(t)
	s := open(t, trace.Options{})
	c := checks{}
	net := ns.FormatLink(ns.Net, h.where[ns.Net].Inode)
	plain := filepath.Join(t.TempDir(), "plain")
	strange := filepath.Join(filepath.Dir(plain), "net:[4026531833]\n\xff")
	for _, path := range []string{plain, strange} {
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	pipe, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer pipe.Close()
	defer w.Close()
	for name, test := range map[string]struct {
		file   *os.File // nil: the descriptor is not open
		nstype int
		drop   bool // root's privileges
		errno  unix.Errno
		via    trace.Via
		target trace.Target
	}{
		"not open":        {nstype: unix.CLONE_NEWNET, errno: unix.EBADF},
		"not open, any":   {errno: unix.EBADF},
		"a plain file":    {file: openFile(t, plain, unix.O_RDONLY), errno: unix.EINVAL, via: trace.Via{Kind: trace.ViaOther, Path: plain}},
		"a strange name":  {file: openFile(t, strange, unix.O_RDONLY), errno: unix.EINVAL, via: trace.Via{Kind: trace.ViaOther, Path: strange}},
		"a directory":     {file: openFile(t, filepath.Dir(plain), unix.O_RDONLY), errno: unix.EINVAL, via: trace.Via{Kind: trace.ViaOther, Path: filepath.Dir(plain)}},
		"another mount":   {file: openFile(t, "/proc/sys/net", unix.O_RDONLY), errno: unix.EINVAL, via: trace.Via{Kind: trace.ViaOther, Path: "/proc/sys/net"}},
		"a pipe":          {file: pipe, errno: unix.EINVAL, via: trace.Via{Kind: trace.ViaOther}},
		"not its type":    {h.open(ns.Net), unix.CLONE_NEWIPC, false, unix.EINVAL, trace.Via{Kind: trace.ViaNSFS, Path: net}, trace.Target{NS: h.part(ns.Net)}},
		"no type at all":  {h.open(ns.Net), 0x5a, false, unix.EINVAL, trace.Via{Kind: trace.ViaNSFS, Path: net}, trace.Target{NS: h.part(ns.Net)}},
		"negative type":   {h.open(ns.Net), -1, false, unix.EINVAL, trace.Via{Kind: trace.ViaNSFS, Path: net}, trace.Target{NS: h.part(ns.Net)}},
		"opened by path":  {openFile(t, h.path(ns.Net), unix.O_PATH), 0, false, unix.EBADF, trace.Via{Kind: trace.ViaNSFS, Path: net}, trace.Target{NS: h.part(ns.Net)}},
		"unprivileged":    {h.open(ns.Net), unix.CLONE_NEWNET, true, unix.EPERM, trace.Via{Kind: trace.ViaNSFS, Path: net}, trace.Target{NS: h.part(ns.Net)}},
		"pidfd, no flags": {h.pidfd, 0, false, unix.EINVAL, trace.Via{Kind: trace.ViaPidfd, PID: h.pid}, trace.Target{NS: h.where}},
		"pidfd, unprivileged": {h.pidfd, unix.CLONE_NEWNET | unix.CLONE_NEWUTS, true, unix.EPERM,
			trace.Via{Kind: trace.ViaPidfd, PID: h.pid}, trace.Target{NS: h.where}},
	} {
		a := newActor()
		if test.drop {
			a.unprivileged()
		}
		act := a.setns(firstFile, test.nstype)
		var files []*os.File
		if test.file != nil {
			files = append(files, test.file)
		}
		run := a.Run(t, callscript.Options{Name: "refused", Files: files})
		if got := run.Errno(act.step); got != test.errno {
			t.Fatalf("%s: %v, want %v", name, got, test.errno)
		}
		c[name] = func(t *testing.T, events []trace.Event) {
			e := one(t, of(events, run.PID))
			want := a.expected(run, "refused")
			if test.drop {
				want[0].UID = nobody
			}
			demand(t, []trace.Event{e}, want)
			demandTarget(t, e, test.via, test.target)
		}
	}
	s.demand(t, c)
}

// demandTarget demands the file that a setns was given, and where it leads; of a
// pidfd for the types of which the flags were passed.
func demandTarget(t *testing.T, e trace.Event, via trace.Via, target trace.Target) {
	t.Helper()
	if e.Via != via {
		t.Errorf("via %+v, want %+v", e.Via, via)
	}
	if via.Kind == trace.ViaPidfd {
		for ty := range target.NS {
			if e.Flags&trace.FlagOf(ns.Type(ty)) == 0 {
				target.NS[ty], e.Target.NS[ty] = trace.NS{}, trace.NS{}
			}
		}
	}
	if e.Target != target {
		t.Errorf("target %+v, want %+v", e.Target, target)
	}
}

// TestRefusedUnshare has unshare refused for want of privilege, and for want of
// namespaces in a user namespace of the test's own.
func TestRefusedUnshare(t *testing.T) {
	t.Run("EPERM", func(t *testing.T) {
		s := open(t, trace.Options{})
		a := newActor()
		a.unprivileged()
		act := a.unshare(unix.CLONE_NEWNET | unix.CLONE_NEWNS)
		run := a.Run(t, callscript.Options{})
		if got := run.Errno(act.step); got != unix.EPERM {
			t.Fatalf("unshare: %v, want EPERM", got)
		}
		want := a.expected(run, "callscript")
		want[0].UID = nobody
		demand(t, of(s.all(), run.PID), want)
	})
	t.Run("ENOSPC", func(t *testing.T) {
		s := open(t, trace.Options{})
		a := newActor()
		fd := a.Call(unix.SYS_OPENAT, unix.AT_FDCWD, "/proc/sys/user/max_net_namespaces", unix.O_WRONLY, 0)
		a.Call(unix.SYS_WRITE, fd, "0", 1)
		a.Call(unix.SYS_CLOSE, fd)
		act := a.unshare(unix.CLONE_NEWNET)
		a.unshare(unix.CLONE_NEWUTS) // its twin, which nothing limits
		run := a.Run(t, callscript.Options{Attr: &unix.SysProcAttr{
			Cloneflags:  unix.CLONE_NEWUSER,
			UidMappings: []syscall.SysProcIDMap{{Size: 1}}, GidMappings: []syscall.SysProcIDMap{{Size: 1}},
		}})
		if got := run.Errno(act.step); got != unix.ENOSPC {
			t.Fatalf("unshare: %v, want ENOSPC", got)
		}
		// Not among them is the clone that made it: that was the tracer's own process.
		demand(t, of(s.all(), run.PID), a.expected(run, "callscript"))
	})
}

// What a seccomp filter answers; linux/seccomp.h.
const (
	seccompErrno = 0x00050000
	seccompTrap  = 0x00030000
	seccompKill  = 0x80000000 // the process
)

// filter appends a seccomp filter that gives this answer to calls of a number.
func (a *actor) filter(number int, answer uint64) { a.filterBy(number, answer, 0) }

// filterBy does so with flags of seccomp(2), and returns that call.
func (a *actor) filterBy(number int, answer uint64, flags int) *callscript.Step {
	insn := func(code, jt, jf, k uint64) uint64 { return code | jt<<16 | jf<<24 | k<<32 }
	program := a.Words(
		insn(unix.BPF_LD|unix.BPF_W|unix.BPF_ABS, 0, 0, 0), // seccomp_data.nr
		insn(unix.BPF_JMP|unix.BPF_JEQ|unix.BPF_K, 0, 1, uint64(number)),
		insn(unix.BPF_RET|unix.BPF_K, 0, 0, answer),
		insn(unix.BPF_RET|unix.BPF_K, 0, 0, unix.SECCOMP_RET_ALLOW),
	)
	a.Call(unix.SYS_PRCTL, unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
	return a.Call(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, flags, a.Words(4, uint64(program)))
}

// TestRefusedByFilter has calls answered by a seccomp filter, before the kernel
// looks at them.
func TestRefusedByFilter(t *testing.T) {
	needsEveryEntry(t)
	h := newIsolated(t)
	for name, do := range map[string]struct {
		number int
		act    func(*actor) *act
	}{
		"setns":   {unix.SYS_SETNS, func(a *actor) *act { return a.setns(firstFile, unix.CLONE_NEWNET) }},
		"unshare": {unix.SYS_UNSHARE, func(a *actor) *act { return a.unshare(unix.CLONE_NEWNET) }},
		"clone":   {unix.SYS_CLONE, func(a *actor) *act { return a.clone(unix.CLONE_NEWNET|int(unix.SIGCHLD), nil) }},
		"clone3":  {unix.SYS_CLONE3, func(a *actor) *act { return a.clone3(unix.CLONE_NEWNET) }},
	} {
		t.Run(name, func(t *testing.T) {
			s := open(t, trace.Options{})
			run := func(filtered int) (*actor, *callscript.Run) {
				a := newActor()
				a.filter(filtered, seccompErrno|uint64(unix.ENOSYS))
				do.act(a)
				return a, a.Run(t, callscript.Options{Files: []*os.File{h.open(ns.Net)}})
			}
			a, refused := run(do.number)
			b, passed := run(unix.SYS_ACCT) // its twin
			if got := refused.Errno(a.acts[0].step); got != unix.ENOSYS {
				t.Fatalf("the filtered call: %v, want ENOSYS", got)
			}
			events := s.all()
			want := a.expected(refused, "callscript")
			want[0].Refused = true
			demand(t, of(events, refused.PID), want)
			demand(t, of(events, passed.PID), b.expected(passed, "callscript"))
			if e := of(events, refused.PID)[0]; e.Call == trace.Setns {
				demandTarget(t, e, trace.Via{Kind: trace.ViaNSFS, Path: ns.FormatLink(ns.Net, h.where[ns.Net].Inode)}, trace.Target{NS: h.part(ns.Net)})
			}
			s.lostNothing()
		})
	}
}

// TestKilledByFilter has a filter end the process for a call, as systemd's
// SystemCallFilter= does: such a call returns nothing.
func TestKilledByFilter(t *testing.T) {
	needsEveryEntry(t)
	for name, answer := range map[string]uint64{"kill": seccompKill, "trap": seccompTrap} {
		for call, number := range map[string]int{"unshare": unix.SYS_UNSHARE, "clone": unix.SYS_CLONE} {
			t.Run(name+" "+call, func(t *testing.T) {
				if name == "kill" && !need.KernelIs(t, 6, 1) {
					need.Missing(t, "5.10 shows no call that a seccomp filter kills for, 6.1 does")
				}
				s := open(t, trace.Options{})
				a := newActor()
				a.filter(number, answer)
				a.Call(number, unix.CLONE_NEWNET)
				run := a.Start(t, callscript.Options{})
				if err := run.Wait(); err == nil {
					t.Fatal("the script was not killed")
				}
				e := one(t, of(s.all(), run.PID))
				if !e.Refused || !e.Failed() || e.Ret != -1 || e.Errno != 0 {
					t.Errorf("refused %v, failed %v, returned %d, %v; want true, true, -1 and no errno: %s",
						e.Refused, e.Failed(), e.Ret, e.Errno, describe(e))
				}
				if e.Child != 0 || e.To != (trace.Set{}) || e.From[ns.Net].Inode == 0 {
					t.Errorf("it has a child or led somewhere: %s", describe(e))
				}
			})
		}
	}
}
