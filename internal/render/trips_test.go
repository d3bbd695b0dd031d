// SPDX-License-Identifier: Apache-2.0

package render

import (
	"time"

	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/pkg/ns"
	"github.com/nsinspect/nsinspect/pkg/owner"
	"github.com/nsinspect/nsinspect/pkg/trace"
)

var (
	host = trace.NS{Inode: 4026531833, Cookie: 3}
	blue = trace.NS{Inode: 4026532177, Cookie: 4101}
	anon = trace.NS{Inode: 4026532300, Cookie: 4102}
)

// homes are the namespaces that a thread is in before a call.
func homes() trace.Set {
	var s trace.Set
	for _, t := range ns.Types() {
		s[t].Inode = host.Inode + uint64(t)
	}
	s[ns.Net] = host
	return s
}

func with(s trace.Set, t ns.Type, ns trace.NS) trace.Set {
	s[t] = ns
	return s
}

var noon = time.Date(2026, 3, 1, 12, 3, 44, 120394000, time.UTC)

func setnsBlue() trace.Event {
	return trace.Event{
		Call: trace.Setns, Time: noon, Duration: 8123, PID: 4242, TID: 4242, PPID: 1, Comm: "ip",
		Flags: unix.CLONE_NEWNET, FD: 5, Via: trace.Via{Kind: trace.ViaNSFS, Path: "/run/netns/blue"},
		Target: trace.Target{Type: ns.Net, NS: trace.Set{blue}}, ABI: "x86_64",
		From: homes(), To: with(homes(), ns.Net, blue),
	}
}

type namedTrip struct {
	name string
	trip Trip
}

// trips has an event of every kind that looks different.
func trips() []namedTrip {
	var all []namedTrip
	add := func(name string, change func(*Trip)) {
		t := Trip{Event: setnsBlue()}
		change(&t)
		all = append(all, namedTrip{name, t})
	}
	fail := func(t *Trip, errno unix.Errno) { t.Ret, t.Errno, t.To = -1, errno, t.From }
	add("setns", func(*Trip) {})
	add("back", func(t *Trip) { t.From, t.To, t.Target.NS[0] = t.To, t.From, host; t.Via.Path = "net:[4026531833]" })
	add("again", func(t *Trip) { t.To, t.Target.NS[0] = t.From, host })
	add("thread", func(t *Trip) { t.Comm, t.PID, t.TID = "agent", 500, 512 })
	add("no type", func(t *Trip) { t.Flags = 0 })
	add("other type", func(t *Trip) {
		t.Flags, t.To = unix.CLONE_NEWNS, with(t.From, ns.Mnt, trace.NS{Inode: 4026532200})
		t.Target = trace.Target{Type: ns.Mnt, NS: with(trace.Set{}, ns.Mnt, trace.NS{Inode: 4026532200})}
	})
	add("refused", func(t *Trip) { fail(t, unix.EPERM) })
	add("wrong type", func(t *Trip) { fail(t, unix.EINVAL); t.Flags = unix.CLONE_NEWUTS })
	add("no capability", func(t *Trip) {
		fail(t, unix.EPERM)
		t.Reason = trace.Reason{Kind: trace.ReasonCapability, Capability: "CAP_SYS_ADMIN", UserNS: homes()[ns.User]}
	})
	add("limit", func(t *Trip) {
		t.Call, t.FD, t.Via, t.Target = trace.Unshare, -1, trace.Via{}, trace.Target{}
		fail(t, unix.ENOSPC)
		t.Reason = trace.Reason{Kind: trace.ReasonLimit, Limit: "max_net_namespaces", UserNS: anon}
	})
	add("threads", func(t *Trip) {
		t.Call, t.FD, t.Via, t.Target, t.Flags = trace.Unshare, -1, trace.Via{}, trace.Target{}, unix.CLONE_NEWUSER
		fail(t, unix.EINVAL)
		t.Reason = trace.Reason{Kind: trace.ReasonThreads}
	})
	add("bad fd", func(t *Trip) { fail(t, unix.EBADF); t.FD, t.Via, t.Target = -1, trace.Via{}, trace.Target{} })
	add("no namespace", func(t *Trip) {
		fail(t, unix.EINVAL)
		t.Via, t.Target = trace.Via{Kind: trace.ViaOther}, trace.Target{}
	})
	add("ordinary file", func(t *Trip) {
		fail(t, unix.EINVAL)
		t.Via, t.Target = trace.Via{Kind: trace.ViaOther, Path: "/etc/passwd"}, trace.Target{}
	})
	add("a file with a namespace's name", func(t *Trip) {
		fail(t, unix.EINVAL)
		t.Via, t.Target = trace.Via{Kind: trace.ViaOther, Path: "net:[4026532177]"}, trace.Target{}
	})
	add("interrupted", func(t *Trip) {
		t.Call, t.FD, t.Via, t.Target, t.Flags = trace.Clone, -1, trace.Via{}, trace.Target{}, unix.CLONE_NEWUTS
		fail(t, 513)
	})
	add("odd errno", func(t *Trip) { fail(t, 4000); t.Refused = true; t.Ret = -1 })
	add("unshare", func(t *Trip) {
		t.Call, t.FD, t.Via, t.Target = trace.Unshare, -1, trace.Via{}, trace.Target{}
		t.Flags = unix.CLONE_NEWNET | unix.CLONE_NEWPID
		t.To = with(with(t.From, ns.Net, anon), ns.PID, trace.NS{Inode: 4026532301})
	})
	add("unshare of everything", func(t *Trip) {
		t.Call, t.FD, t.Via, t.Target, t.Flags = trace.Unshare, -1, trace.Via{}, trace.Target{}, 0
		for i, typ := range ns.Types() {
			t.Flags |= trace.FlagOf(typ)
			t.To[typ] = trace.NS{Inode: 4026532400 + uint64(i)}
		}
		t.Owner = &owner.Owner{Runtime: "docker", ID: "27d0", Name: "web", Authority: ns.RootAuthority}
	})
	add("unshare refused by seccomp", func(t *Trip) {
		t.Call, t.FD, t.Via, t.Target, t.Flags = trace.Unshare, -1, trace.Via{}, trace.Target{}, unix.CLONE_NEWUSER
		fail(t, unix.EPERM)
		t.Refused = true
	})
	add("killed by seccomp", func(t *Trip) {
		t.Call, t.FD, t.Via, t.Target, t.Flags = trace.Unshare, -1, trace.Via{}, trace.Target{}, unix.CLONE_NEWUSER
		t.To, t.Ret, t.Refused = t.From, -1, true
	})
	add("answered by seccomp", func(t *Trip) {
		t.Call, t.FD, t.Via, t.Target, t.Flags = trace.Unshare, -1, trace.Via{}, trace.Target{}, unix.CLONE_NEWNET
		t.To, t.Answered = trace.Set{}, true
	})
	add("clone", func(t *Trip) {
		t.Call, t.FD, t.Via, t.Target, t.Flags = trace.Clone, -1, trace.Via{}, trace.Target{}, unix.CLONE_NEWNET|unix.CLONE_NEWPID|unix.CLONE_VFORK
		t.Ret, t.Child, t.To = 7, 4243, with(with(t.From, ns.Net, anon), ns.PID, trace.NS{Inode: 4026532301})
	})
	add("clone refused", func(t *Trip) {
		t.Call, t.FD, t.Via, t.Target = trace.Clone, -1, trace.Via{}, trace.Target{}
		fail(t, unix.EPERM)
	})
	add("pidfd", func(t *Trip) {
		t.Flags, t.Via = unix.CLONE_NEWNET|unix.CLONE_NEWUTS, trace.Via{Kind: trace.ViaPidfd, PID: 77}
		t.Target.NS = with(t.Target.NS, ns.UTS, trace.NS{Inode: 4026532302})
		t.To = with(t.To, ns.UTS, trace.NS{Inode: 4026532302})
	})
	add("pidfd refused", func(t *Trip) {
		t.Flags, t.Via = unix.CLONE_NEWNET|unix.CLONE_NEWUTS, trace.Via{Kind: trace.ViaPidfd}
		t.Target.NS = with(t.Target.NS, ns.UTS, trace.NS{Inode: 4026532302})
		fail(t, unix.EPERM)
	})
	add("pidfd of nobody", func(t *Trip) {
		t.Via, t.Target = trace.Via{Kind: trace.ViaPidfd}, trace.Target{}
		fail(t, unix.ESRCH)
	})
	add("pidfd without types", func(t *Trip) { // check_setns_flags, kernel/nsproxy.c, 6.18
		t.Flags, t.Via, t.Target.Type = 0, trace.Via{Kind: trace.ViaPidfd, PID: 77}, 0
		fail(t, unix.EINVAL)
	})
	add("32 bit", func(t *Trip) { t.ABI = "i386" })
	add("only its end", func(t *Trip) { t.Partial, t.From = true, trace.Set{} })
	add("only a move", func(t *Trip) {
		t.Call, t.Flags, t.FD, t.Via, t.Target, t.Duration, t.ABI = trace.Move, 0, -1, trace.Via{}, trace.Target{}, 0, ""
	})
	add("only a child", func(t *Trip) {
		t.Call, t.Flags, t.FD, t.Via, t.Target, t.Duration, t.ABI = trace.Clone, 0, -1, trace.Via{}, trace.Target{}, 0, ""
		t.Child, t.Comm, t.UID = 4243, "", -1
	})
	add("out of sight", func(t *Trip) { t.PID, t.TID, t.PPID, t.UID = 0, 0, 0, -1; t.To = trace.Set{} })
	add("runc", func(t *Trip) {
		t.Call, t.FD, t.Via, t.Target, t.Comm = trace.Unshare, -1, trace.Via{}, trace.Target{}, "runc:[1:CHILD]"
		t.Flags = unix.CLONE_NEWNET | unix.CLONE_NEWPID
		t.From, t.To = with(t.From, ns.Net, anon), with(with(t.From, ns.Net, blue), ns.PID, trace.NS{Inode: 4026532301})
	})
	add("hostile", func(t *Trip) {
		t.Comm, t.Via.Path = "\x1b[31m\n\xff\u202e", "…/\x1b]0;title\x07/\xfe\n12:00:00 init[1] unshare() = 0>, 0) = 0   host → y"
	})
	add("a container's", func(t *Trip) {
		t.Owner = &owner.Owner{Runtime: "docker", ID: "27d0", Name: "web\x1b", Unit: "docker-27d0.scope", Service: "shop/web", Authority: ns.RootAuthority}
	})
	add("a unit's", func(t *Trip) {
		t.Owner = &owner.Owner{Runtime: "systemd", Unit: "nginx.service", Authority: ns.RootAuthority}
	})
	add("folded", func(t *Trip) {
		back := setnsBlue()
		back.From, back.To, back.Time, back.FD = t.To, t.From, t.Time.Add(1234567), 6
		back.Via.Path, back.Target.NS = "net:[4026531833]", trace.Set{host}
		t.Back = &back
	})
	return all
}
