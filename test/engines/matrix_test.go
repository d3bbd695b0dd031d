// SPDX-License-Identifier: Apache-2.0

//go:build amd64 || arm64

package engines

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nsinspect/nsinspect/internal/need"
	"github.com/nsinspect/nsinspect/internal/nstest"
	"github.com/nsinspect/nsinspect/pkg/ns"
	"github.com/nsinspect/nsinspect/pkg/scan"
)

// What an engine makes of a scene.
type word string

const (
	found  word = "found"  // exactly the truth's holders
	listed word = "listed" // on the kernel's list, without its holder, and the snapshot has the gap
	gap    word = "gap"    // not found, and the snapshot has the gap
)

// since has the Linux from which on a scene is as in the matrix, and what each
// engine makes of it before.
var since = map[nstest.Kind]struct {
	major, minor int
	before       [numEngines]word
}{
	nstest.MountFD:    {6, 12, [...]word{gap, listed}},
	nstest.MountMount: {6, 12, [...]word{gap, listed}},
	nstest.MountTree:  {5, 17, [...]word{gap, listed}},
	nstest.MountGone:  {5, 17, [...]word{gap, listed}},

	nstest.Mmap:               {5, 17, [...]word{gap, listed}},
	nstest.IOURing:            {5, 17, [...]word{gap, listed}},
	nstest.Inflight:           {6, 0, [...]word{gap, listed}},
	nstest.InflightSocket:     {6, 0, [...]word{gap, listed}},
	nstest.InflightNested:     {6, 0, [...]word{gap, listed}},
	nstest.InflightUnaccepted: {6, 0, [...]word{gap, listed}},
	nstest.InflightSender:     {6, 0, [...]word{gap, listed}},
	nstest.IOURingRegistered:  {5, 18, [...]word{gap, listed}},
	nstest.IOURingPoll:        {6, 0, [...]word{gap, listed}},
	nstest.AIOPoll:            {5, 17, [...]word{gap, listed}},
	nstest.IOURingMapped:      {6, 1, [...]word{gap, listed}},
	nstest.SocketUnaccepted:   {6, 0, [...]word{gap, listed}},
}

// expected is what the engines are to make of a scene on this kernel.
func expected(t *testing.T, kind nstest.Kind, want [numEngines]word) [numEngines]word {
	t.Helper()
	if s, ok := since[kind]; ok && !need.KernelIs(t, s.major, s.minor) {
		want = s.before
	}
	if word, ok := active[kind]; ok && need.KernelIs(t, 6, 19) {
		want[proc] = word
	}
	return want
}

// active are the scenes of which listns(2) lists the namespace, from Linux 6.19 on, and
// what the proc engine makes of them then: a namespace file is somewhere in them. What
// watches it is known once the namespace is.
var active = map[nstest.Kind]word{
	nstest.MountTree: listed, nstest.Inflight: listed, nstest.InflightNested: listed, nstest.InflightUnaccepted: listed,
	nstest.IOURing: listed, nstest.IOURingRegistered: listed, nstest.IOURingMapped: listed, nstest.Inotify: found, nstest.Fanotify: found,
}

// matrix has for each scene the source that finds it and what each engine is to
// make of it. That word is all there is to change when a source is added.
var matrix = []struct {
	kind   nstest.Kind
	source string
	want   [numEngines]word
}{
	{nstest.Process, "process", [...]word{found, found}},
	{nstest.Thread, "thread", [...]word{found, found}},
	{nstest.ZombieLeader, "thread", [...]word{found, found}},

	{nstest.FD, "fd", [...]word{found, found}},
	{nstest.FDPath, "fd", [...]word{found, found}},
	{nstest.FDThread, "fd", [...]word{found, found}},
	{nstest.FDUnmounted, "fd", [...]word{found, found}},
	{nstest.FDDetached, "fd", [...]word{found, found}},
	{nstest.Veth, "fd", [...]word{found, found}},

	{nstest.Mount, "mount", [...]word{found, found}},
	{nstest.MountPrivate, "mount", [...]word{found, found}},
	{nstest.MountFD, "mount", [...]word{found, found}},
	{nstest.MountMount, "mount", [...]word{found, found}},
	{nstest.MountTree, "mount", [...]word{gap, found}},
	{nstest.MountGone, "mount", [...]word{gap, found}},

	{nstest.Socket, "socket", [...]word{found, found}},
	{nstest.SocketInet6Dgram, "socket", [...]word{found, found}},
	{nstest.SocketPacket, "socket", [...]word{found, found}},
	{nstest.SocketNetlink, "socket", [...]word{found, found}},
	{nstest.SocketUnixStream, "socket", [...]word{found, found}},
	{nstest.SocketUnixDgram, "socket", [...]word{found, found}},
	{nstest.SocketUnixSeqpacket, "socket", [...]word{found, found}},
	{nstest.Tun, "socket", [...]word{found, found}},
	{nstest.Tap, "socket", [...]word{found, found}},
	{nstest.TunMoved, "socket", [...]word{found, found}},
	{nstest.TunBare, "socket", [...]word{found, found}},
	{nstest.Macvtap, "socket", [...]word{gap, found}},

	{nstest.Mmap, "mmap", [...]word{gap, found}},
	{nstest.Inflight, "inflight", [...]word{gap, found}},
	{nstest.InflightSocket, "inflight", [...]word{gap, found}},
	{nstest.InflightNested, "inflight", [...]word{gap, found}},
	{nstest.InflightUnaccepted, "inflight", [...]word{gap, found}},
	{nstest.InflightSender, "inflight", [...]word{gap, found}},

	{nstest.SocketUnaccepted, "socket", [...]word{gap, found}},
	{nstest.SocketPeer, "socket", [...]word{gap, found}},
	{nstest.IOURing, "fd", [...]word{gap, found}},
	{nstest.IOURingRegistered, "fd", [...]word{gap, found}},
	{nstest.IOURingMapped, "fd", [...]word{gap, found}},
	{nstest.IOURingPoll, "socket", [...]word{gap, found}},
	{nstest.AIOPoll, "socket", [...]word{gap, found}},
	{nstest.ProcNet, "fd", [...]word{gap, found}},
	{nstest.Inotify, "fd", [...]word{gap, found}},
	{nstest.Fanotify, "fd", [...]word{gap, found}},
}

// better is what the bpf engine has of a holder where it knows more than the
// scene's truth, which calls it "kernel", or has something else: of what
// is in flight the truth has the socket it waits in, the scan that and what it
// is itself.
var better = map[nstest.Kind]func(*holder){
	nstest.IOURing:            func(h *holder) { h.Kind = "fd" },
	nstest.IOURingRegistered:  func(h *holder) { h.Kind, h.FD = "fd", -1 },
	nstest.IOURingPoll:        func(h *holder) { h.Kind, h.FD, h.Family, h.Type = "socket", -1, "inet6", "dgram" },
	nstest.AIOPoll:            func(h *holder) { h.Kind, h.FD, h.Family, h.Type = "socket", -1, "inet6", "dgram" },
	nstest.IOURingMapped:      func(h *holder) { h.Kind, h.FD = "fd", -1 },
	nstest.SocketPeer:         func(h *holder) { h.Kind, h.Family, h.Type = "socket", "unix", "dgram" },
	nstest.SocketUnaccepted:   func(h *holder) { h.Kind, h.Family, h.Type = "socket", "unix", "stream" },
	nstest.MountTree:          func(h *holder) { h.Path = "" }, // no path leads there
	nstest.MountGone:          func(h *holder) { h.Path = "" },
	nstest.ProcNet:            func(h *holder) { h.Kind, h.Via = "fd", "/proc/net" },
	nstest.Inotify:            func(h *holder) { h.Kind = "fd" },
	nstest.Fanotify:           func(h *holder) { h.Kind = "fd" },
	nstest.Inflight:           func(h *holder) { h.Family, h.Type = "", "" },
	nstest.InflightSocket:     func(h *holder) { h.Family, h.Type = "inet", "stream" },
	nstest.InflightNested:     func(h *holder) { h.Family, h.Type, h.Via = "", "", "" },
	nstest.InflightUnaccepted: func(h *holder) { h.Family, h.Type, h.Via = "", "", "" },
}

// hiding is where the proc engine has a gap: for what has a
// better explanation in the bpf engine than "kernel", that is all it can report.
func hiding(k nstest.Kind, source string) string {
	if k.Holder() == "kernel" || slices.Contains([]nstest.Kind{nstest.MountTree, nstest.MountGone, nstest.Macvtap}, k) {
		return "kernel"
	}
	return source
}

func TestMatrixIsWhole(t *testing.T) {
	var rows []nstest.Kind
	for _, row := range matrix {
		rows = append(rows, row.kind)
	}
	kinds := nstest.Kinds()
	slices.Sort(rows)
	slices.Sort(kinds)
	if diff := cmp.Diff(kinds, rows); diff != "" {
		t.Errorf("scenes and rows of the matrix (-scenes +rows):\n%s", diff)
	}
}

func TestMatrix(t *testing.T) {
	CheckKernel(t)
	engines := optionsOf(t)
	for _, row := range matrix {
		t.Run(string(row.kind), func(t *testing.T) {
			nstest.CheckLeaks(t)
			scene := nstest.Make(t, row.kind)
			want := expected(t, row.kind, row.want)
			for e, opts := range engines {
				t.Run(engineNames[e], func(t *testing.T) {
					switch want[e] {
					case found:
						checkFound(t, opts, scene, row.source)
					case listed:
						checkListed(t, opts, scene)
					case gap:
						checkGap(t, opts, scene, hiding(row.kind, row.source))
					}
				})
			}
			scene.Free()
			for e, opts := range engines {
				checkGone(t, engineNames[e], opts, scene)
			}
		})
	}
}

// checkFound checks the truth's holders, and without the source only that the
// kernel has the namespace on its list, if that is read.
func checkFound(t *testing.T, opts scan.Options, scene *nstest.Scene, source string) {
	t.Helper()
	for truth := &scene.Truth; truth != nil; truth = truth.Peer {
		holders := truthOf(truth)
		if opts.Engine != nil && !need.KernelIs(t, 5, 11) { // whose modules have no type information
			for i := range holders {
				holders[i].Device = ""
			}
		}
		checkHolders(t, "all sources", opts, truth, holders)
		var unexplained []holder
		lists := opts.Engine != nil || source != "socket" && need.KernelIs(t, 6, 19) // see active
		if lists && source != "kernel" {
			unexplained = []holder{{Kind: "kernel"}}
		}
		checkHolders(t, "without "+source, without(opts, source), truth, unexplained)
		checkHolders(t, "without kernel and "+source, without(opts, source, "kernel"), truth, nil)
	}
}

// checkGap checks that the namespace is not there, and that the snapshot shows
// why.
func checkGap(t *testing.T, opts scan.Options, scene *nstest.Scene, source string) {
	t.Helper()
	checkHolders(t, "all sources", opts, &scene.Truth, nil)
	snap := look(t, opts)
	i := slices.IndexFunc(snap.Gaps, func(g ns.Gap) bool { return g.Of(source) })
	if i < 0 || source != "mount" && !errors.Is(snap.Gaps[i].Err, scan.ErrNotInProc) && !errors.Is(snap.Gaps[i].Err, scan.ErrActiveOnly) || snap.Complete() {
		t.Errorf("gaps %v, complete %v, want a gap in %s", snap.Gaps, snap.Complete(), source)
	}
	if source != "mount" && slices.Contains(snap.Sources, source) {
		t.Errorf("sources %v, want none that is called %s", snap.Sources, source)
	}
}

// checkListed checks that the namespace is there, held by something unknown,
// and that the snapshot is not complete.
func checkListed(t *testing.T, opts scan.Options, scene *nstest.Scene) {
	t.Helper()
	checkHolders(t, "all sources", opts, &scene.Truth, []holder{{Kind: "kernel"}})
	if snap := look(t, opts); snap.Complete() {
		t.Errorf("complete, without having looked at %s", scene.Scene.Holder())
	}
}

// checkGone checks that no holder of the truth is left.
func checkGone(t *testing.T, engine string, opts scan.Options, scene *nstest.Scene) {
	t.Helper()
	truth := truthOf(&scene.Truth)
	nstest.Eventually(t, func() string {
		for _, h := range holdersOf(findIn(look(t, opts), &scene.Truth)) {
			if slices.Contains(truth, h) {
				return fmt.Sprintf("%s: still there when it is freed: %+v", engine, h)
			}
		}
		return ""
	})
}
