// SPDX-License-Identifier: Apache-2.0

package nstest

import "golang.org/x/sys/unix"

// Kind names a scene.
type Kind string

// The scenes. A new one is a constant, a row in the table below and a file.
const (
	Process      Kind = "process"
	Thread       Kind = "thread"
	ZombieLeader Kind = "zombie-leader"

	FD          Kind = "fd"
	FDPath      Kind = "fd-opath"
	FDThread    Kind = "fd-thread"
	FDUnmounted Kind = "fd-unmounted"
	FDDetached  Kind = "fd-detached"

	Mount        Kind = "mount"
	MountPrivate Kind = "mount-private"
	MountFD      Kind = "mount-fd"
	MountMount   Kind = "mount-mount"
	MountTree    Kind = "mount-detached"
	MountGone    Kind = "mount-unmounted"

	Socket              Kind = "socket" // inet stream
	SocketInet6Dgram    Kind = "socket-inet6-dgram"
	SocketPacket        Kind = "socket-packet"
	SocketNetlink       Kind = "socket-netlink"
	SocketUnixStream    Kind = "socket-unix-stream"
	SocketUnixDgram     Kind = "socket-unix-dgram"
	SocketUnixSeqpacket Kind = "socket-unix-seqpacket"
	SocketUnaccepted    Kind = "socket-unaccepted"
	SocketPeer          Kind = "socket-closed-peer"

	Tun      Kind = "tun"
	Tap      Kind = "tap"
	TunMoved Kind = "tun-moved"
	TunBare  Kind = "tun-bare"
	Macvtap  Kind = "macvtap"

	Mmap Kind = "mmap"

	Inflight           Kind = "inflight"
	InflightSocket     Kind = "inflight-socket"
	InflightNested     Kind = "inflight-nested"
	InflightUnaccepted Kind = "inflight-unaccepted"
	InflightSender     Kind = "inflight-sender"

	IOURing           Kind = "io-uring"
	IOURingRegistered Kind = "io-uring-registered"
	IOURingMapped     Kind = "io-uring-mapped"
	IOURingPoll       Kind = "io-uring-poll"
	AIOPoll           Kind = "aio-poll"

	ProcNet Kind = "proc-net"

	Inotify  Kind = "inotify"
	Fanotify Kind = "fanotify"

	Veth Kind = "veth"
)

// scene is how one kind is made, in a child process of its own.
type scene struct {
	kind   Kind
	holder string // the kind of the one holder it leaves
	about  string
	// enter runs on the child's first thread, which then executes the child
	// anew, so that the whole process is where enter moved that thread.
	enter func(*maker) error
	// hold makes the scene and fills in its truth.
	hold func(*maker) error
}

var scenes = []scene{
	{Process, "process", "a process in it", enterNetNS, holdProcess},
	{Thread, "thread", "a thread in it, of a process that is not", nil, holdThread},
	{ZombieLeader, "thread", "a thread in it, of a process whose first thread has ended", nil, holdZombieLeader},

	{FD, "fd", "an open nsfs file", nil, holdFD(unix.O_RDONLY)},
	{FDPath, "fd", "an nsfs file opened with O_PATH", nil, holdFD(unix.O_PATH)},
	{FDThread, "fd", "an nsfs file in the private fd table of a thread", nil, holdFDThread},
	{FDUnmounted, "fd", "an nsfs file opened through a bind mount that is gone", nil, holdFDUnmounted},
	{FDDetached, "fd", "a detached mount of its nsfs file", nil, holdFDDetached},

	{Mount, "mount", "a bind mount in the mount namespace of the caller", nil, holdMount},
	{MountPrivate, "mount", "a bind mount in a mount namespace of one process", enterMountNS, holdMountPrivate},
	{MountFD, "mount", "a bind mount in a mount namespace held by an fd alone", nil, holdMountFD},
	{MountMount, "mount", "a bind mount in a mount namespace held by a mount of it", enterOlderMountNS, holdMountMount},
	{MountTree, "mount", "a bind mount below a detached mount held by an fd alone", nil, holdMountDetached},
	{MountGone, "mount", "a bind mount below one that was unmounted while a directory in it is open", nil, holdMountUnmounted},

	{Socket, "socket", "a TCP socket of a process elsewhere", nil, holdSocket(inetStream)},
	{SocketInet6Dgram, "socket", "a UDP socket over IPv6 of a process elsewhere", nil, holdSocket(inet6Dgram)},
	{SocketPacket, "socket", "a packet socket of a process elsewhere", nil, holdSocket(packetRaw)},
	{SocketNetlink, "socket", "a netlink socket of a process elsewhere", nil, holdSocket(netlinkRaw)},
	{SocketUnixStream, "socket", "a unix stream socket of a process elsewhere", nil, holdSocket(unixStream)},
	{SocketUnixDgram, "socket", "a unix datagram socket of a process elsewhere", nil, holdSocket(unixDgram)},
	{SocketUnixSeqpacket, "socket", "a unix seqpacket socket of a process elsewhere", nil, holdSocket(unixSeqpacket)},
	{SocketUnaccepted, "kernel", "a unix connection not yet accepted by a process elsewhere", nil, holdSocketUnaccepted},
	{SocketPeer, "kernel", "a closed unix socket that one of a process elsewhere is connected to", nil, holdSocketPeer},

	{Tun, "tun", "a tun file of a process elsewhere", nil, holdTun("nstun0", unix.IFF_TUN)},
	{Tap, "tun", "a tap file of a process elsewhere", nil, holdTun("nstap0", unix.IFF_TAP)},
	{TunMoved, "tun", "a tun file whose device was moved out of the namespace", nil, holdTunMoved},
	{TunBare, "tun", "a tun file without a device", nil, holdTun("", 0)},
	{Macvtap, "tun", "the file of a macvtap device of a process elsewhere", nil, holdMacvtap},

	{Mmap, "mmap", "a mapped packet ring whose fd is closed", nil, holdMmap},

	{Inflight, "inflight", "an nsfs file queued in a unix socket", nil, holdInflight(openNS)},
	{InflightSocket, "inflight", "a socket of it queued in a unix socket", nil, holdInflight(inetStream.open)},
	{InflightNested, "inflight", "an nsfs file queued in a unix socket queued in another", nil, holdInflightNested},
	{InflightUnaccepted, "inflight", "an nsfs file queued in a connection not yet accepted", nil, holdInflightUnaccepted},
	{InflightSender, "inflight", "a closed unix socket whose datagram is unread", nil, holdInflightSender},

	{IOURing, "kernel", "an nsfs file registered with an io_uring", nil, holdIOURing},
	{IOURingRegistered, "kernel", "an nsfs file registered with an io_uring that is itself only registered", nil, holdIOURingRegistered},
	{IOURingMapped, "kernel", "an nsfs file registered with an io_uring that is only mapped", nil, holdIOURingMapped},
	{IOURingPoll, "kernel", "a closed socket that an io_uring polls", nil, holdIOURingPoll},
	{AIOPoll, "kernel", "a closed socket that is polled by aio", nil, holdAIOPoll},
	{ProcNet, "kernel", "an open file of its /proc/net", nil, holdProcNet},

	{Inotify, "kernel", "an inotify watch on its nsfs file", nil, holdInotify},
	{Fanotify, "kernel", "a fanotify mark on its nsfs file", nil, holdFanotify},

	{Veth, "fd", "an nsfs file; a veth pair joins it with another, also held by one", nil, holdVeth},
}

// Kinds lists every scene.
func Kinds() []Kind {
	var list []Kind
	for _, s := range scenes {
		list = append(list, s.kind)
	}
	return list
}

// About returns in a few words what holds the namespace of a scene.
func (k Kind) About() string { return k.scene().about }

// Holder is the kind of holder that a scene leaves as the only one.
func (k Kind) Holder() string { return k.scene().holder }

// scene returns the row of a kind; hold is nil if there is none.
func (k Kind) scene() scene {
	for _, s := range scenes {
		if s.kind == k {
			return s
		}
	}
	return scene{kind: k}
}
