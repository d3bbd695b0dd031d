// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/nsinspect/nsinspect/internal/nstest"
)

// holderRow is one row of the table of holders: scenes that are found alike.
type holderRow struct {
	title  string
	as     string // what a scan calls the holder
	scenes []nstest.Kind
}

// holderRows is to have every scene: a test checks that.
var holderRows = []holderRow{
	{"`process`, `thread`, a thread of a process whose first has ended", "process|thread", []nstest.Kind{nstest.Process, nstest.Thread, nstest.ZombieLeader}},
	{"`fd`: by any path, `O_PATH`, of one thread, a mount that is gone or detached", "fd", []nstest.Kind{
		nstest.FD, nstest.FDPath, nstest.FDThread, nstest.FDUnmounted, nstest.FDDetached, nstest.Veth}},
	{"`fd` registered with an io_uring", "fd", []nstest.Kind{nstest.IOURing}},
	{"`fd` registered with an io_uring that is itself only registered", "fd", []nstest.Kind{nstest.IOURingRegistered}},
	{"`fd` registered with an io_uring that is only mapped", "fd", []nstest.Kind{nstest.IOURingMapped}},
	{"`mount`, where a process sees it", "mount", []nstest.Kind{nstest.Mount, nstest.MountPrivate}},
	{"`mount` in a mount namespace that no process is in", "mount", []nstest.Kind{nstest.MountFD, nstest.MountMount}},
	{"`mount` below a detached mount, or below one that was unmounted", "mount", []nstest.Kind{nstest.MountTree, nstest.MountGone}},
	{"`socket`: inet, packet, netlink, unix", "socket", []nstest.Kind{
		nstest.Socket, nstest.SocketInet6Dgram, nstest.SocketPacket, nstest.SocketNetlink,
		nstest.SocketUnixStream, nstest.SocketUnixDgram, nstest.SocketUnixSeqpacket}},
	{"`socket`: a connection not yet accepted", "socket", []nstest.Kind{nstest.SocketUnaccepted}},
	{"`socket`: closed, and one elsewhere is connected to it", "socket", []nstest.Kind{nstest.SocketPeer}},
	{"`socket`: closed, and an io_uring polls it", "socket", []nstest.Kind{nstest.IOURingPoll}},
	{"`socket`: closed, and polled by aio", "socket", []nstest.Kind{nstest.AIOPoll}},
	{"`tun`: tun and tap, moved, without a device", "tun", []nstest.Kind{nstest.Tun, nstest.Tap, nstest.TunMoved, nstest.TunBare}},
	{"`tun`: the file of a macvtap device", "tun", []nstest.Kind{nstest.Macvtap}},
	{"`mmap`: a packet ring whose descriptor is closed", "mmap", []nstest.Kind{nstest.Mmap}},
	{"`inflight`: a namespace file queued in a unix socket, nested, not accepted", "inflight", []nstest.Kind{
		nstest.Inflight, nstest.InflightNested, nstest.InflightUnaccepted}},
	{"`inflight`: a socket queued in a unix socket", "inflight", []nstest.Kind{nstest.InflightSocket}},
	{"`inflight`: a closed unix socket whose datagram is unread", "inflight", []nstest.Kind{nstest.InflightSender}},
	{"`fd`: an open file below its /proc/net", "fd", []nstest.Kind{nstest.ProcNet}},
	{"`fd`: an inotify or fanotify watch on its file", "fd", []nstest.Kind{nstest.Inotify, nstest.Fanotify}},
}

// cell returns what an engine makes of the scenes of a row: all the same, or each.
func (r holderRow) cell(f facts, engine string) string {
	var words []string
	for _, scene := range r.scenes {
		if w := r.word(f.of[fmt.Sprintf("scene %s, %s", scene, engine)]); !slices.Contains(words, w) {
			words = append(words, w)
		}
	}
	return strings.Join(words, ", ")
}

func (r holderRow) word(found string) string {
	_, kind, counted := strings.Cut(found, " ")
	switch {
	case found == "":
		return "?"
	case found == "not looked at":
		return "–"
	case found == "unexplained":
		return "*alive*"
	case counted && slices.Contains(strings.Split(r.as, "|"), strings.TrimSuffix(strings.TrimSuffix(kind, "es"), "s")),
		counted && slices.Contains(strings.Split(r.as, "|"), kind):
		return "✔"
	}
	return found
}

// featureRow is one row of the table of what a kernel offers.
type featureRow struct {
	title   string
	fact    string
	instead string
}

var featureRows = []featureRow{
	{"type information (BTF)", "BTF", "proc engine, tracing tier 3"},
	{"bpf engine", "engine bpf", "proc engine"},
	{"the kernel's own list of network namespaces", "bpf reads kernel's list", "–"},
	{"mapped sockets", "bpf reads mapped sockets", "such namespaces are shown as *alive*"},
	{"files in flight", "bpf reads files in flight", "such namespaces are shown as *alive*"},
	{"tracing, tier", "mode as it is, trace", "–"},
	{"cookie, by the bpf engine", "cookie, bpf", "identity is the inode alone"},
	{"cookie, by `SO_NETNS_COOKIE`", "cookie, SO_NETNS_COOKIE", "the same"},
	{"cookie, by `NS_GET_ID`", "cookie, NS_GET_ID", "a thread enters and asks a socket, with CAP_SYS_ADMIN"},
	{"sockets can be borrowed (`pidfd_getfd`)", "borrow sockets, pidfd_getfd", "–"},
	{"paths can be asked without waiting (`RESOLVE_CACHED`)", "ask paths that may block, RESOLVE_CACHED", "paths of mounts are not opened"},
	{"mount namespaces are listed (`NS_MNT_GET_NEXT`)", "list mount namespaces, NS_MNT_GET_NEXT", "those that no process is in stay unread, which is a gap"},
	{"mounts can be read from outside (`statmount`)", "read mounts from outside, statmount", "/proc/PID/mountinfo of a process in it"},
	{"a namespace can be opened by its ID", "open a namespace by its ID", "by a holder's path"},
	{"`listns`", "list namespaces, listns", "the proc engine shows what /proc explains"},
}

func (r featureRow) cell(f facts) string {
	value := f.of[r.fact]
	switch {
	case value == "yes":
		return "✔"
	case strings.HasPrefix(value, "no"):
		return "–"
	}
	if _, tier, ok := strings.Cut(value, "by tier "); ok {
		return tier[:1]
	}
	return "?"
}

// modeRows choose, of what the guest prints with something taken away, what a
// reader looks for.
var modeRows = []struct{ title, mode, kernel string }{
	{"nothing", "as it is, list", "5.10"},
	{"nothing", "as it is, list", "6.12"},
	{"nothing", "as it is, trace", "6.12"},
	{"", "no BTF, list", "6.12"},
	{"", "no BTF, trace", "6.12"},
	{"", "no CAP_BPF, list", "6.12"},
	{"", "no CAP_BPF, trace", "6.12"},
	{"lockdown=confidentiality", "as it is, list", "6.12-lockdown"},
	{"lockdown=confidentiality", "as it is, trace", "6.12-lockdown"},
	{"no tracefs", "as it is, trace", "6.1-notracefs"},
	{"no tracefs and no BTF", "no BTF, trace", "6.1-notracefs"},
	{"", "cgroup v1 beside v2, list", "6.12"},
	{"", "no cgroup mounted, list", "6.12"},
	{"", "hidepid, list", "6.12"},
	{"holder", "32-bit program, who-uses", "6.12"},
}
