// SPDX-License-Identifier: Apache-2.0

package scan

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/internal/host"
	"github.com/nsinspect/nsinspect/internal/hosttest"
	"github.com/nsinspect/nsinspect/pkg/ns"
)

// fakeMachine scans the machine of a file in testdata.
func fakeMachine(t *testing.T, file string, opts Options) *ns.Snapshot {
	t.Helper()
	archive, err := os.ReadFile("testdata/" + file)
	if err != nil {
		t.Fatal(err)
	}
	return scanMachine(t, string(archive), opts)
}

func scanMachine(t *testing.T, archive string, opts Options) *ns.Snapshot {
	t.Helper()
	h, err := host.Open(hosttest.New(t, archive))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.Close() })
	opts.Host = h
	snap, err := Scan(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	// What a recorded tree never has is no property of this machine.
	snap.Gaps = slices.DeleteFunc(snap.Gaps, func(g ns.Gap) bool { return g.Err == ErrNotInProc })
	return snap
}

// recorded are the sources that a recorded tree can serve.
var recorded = []string{"process", "thread", "mount", "child", "name"}

// outline is a snapshot's namespaces in one line each, for comparison.
func outline(s *ns.Snapshot) string {
	var b strings.Builder
	for i := range s.Namespaces {
		n := &s.Namespaces[i]
		fmt.Fprintf(&b, "%s", n)
		if n.Initial {
			b.WriteString(" initial")
		}
		for _, name := range n.Names {
			fmt.Fprintf(&b, " %s=%q", name.Kind, name.Path)
		}
		for _, h := range n.Holders {
			fmt.Fprintf(&b, " %s", h.Kind)
			switch h.Kind {
			case ns.KindProcess:
				fmt.Fprintf(&b, ":%d%s", h.PID, h.Via)
			case ns.KindThread:
				fmt.Fprintf(&b, ":%d/%d", h.PID, h.TID)
			case ns.KindMount:
				fmt.Fprintf(&b, ":%q#%d", h.Path, h.MountID)
				if h.Covered {
					b.WriteString("covered")
				}
			}
		}
		if n.Threads > 0 {
			fmt.Fprintf(&b, " threads=%d", n.Threads)
		}
		if n.Leader != nil {
			fmt.Fprintf(&b, " leader=%d(%s)", n.Leader.PID, n.Leader.Comm)
		}
		b.WriteString("\n")
	}
	return b.String()
}

func TestFakeMachine(t *testing.T) {
	snap := fakeMachine(t, "machine.txtar", Options{Details: true})
	want := `net:[4026531840] initial symlink="/run/docker/netns/default" symlink="/run/netns/\x1b[31mred\n" process:1 process:2 leader=2(kthreadd)
net:[4026532100] symlink="/run/netns/again" mount="/run/netns/blue" symlink="/run/netns/linked" process:300 process:5000 mount:"/run/netns/blue"#41 threads=1 leader=5000(old)
net:[4026532200] mount="/run/netns/red" mount="/run/netns/two words" mount:"/run/netns/red"#42 mount:"/run/netns/two words"#44
net:[4026532300] mount:"/run/netns/two words"#43covered
net:[4026532400] mount="/run/docker/netns/27d0a9f1c2b3" symlink="/run/user/1000/netns/rootless" process:7000 mount:"/run/docker/netns/27d0a9f1c2b3"#45 leader=7000(web)
net:[4026532500] thread:5000/5002
net:[4026532600] thread:6000/6001
`
	if diff := cmp.Diff(want, outline(snap)); diff != "" {
		t.Errorf("namespaces (-want +got):\n%s", diff)
	}
	leader := snap.Find(4026532100).Leader
	wantLeader := &ns.Process{PID: 5000, Comm: "old", Cmdline: []string{"old"}, UID: 1000, Started: time.Unix(1700000040, 0), Born: 40 * time.Second}
	if diff := cmp.Diff(wantLeader, leader); diff != "" {
		t.Errorf("leader (-want +got):\n%s", diff)
	}
	if snap.Kernel != "6.12.9-fake" || snap.Initial[ns.Net] != 4026531840 {
		t.Errorf("kernel %q, initial %d", snap.Kernel, snap.Initial[ns.Net])
	}
	if diff := cmp.Diff([]string{"/run/docker/netns", "/run/netns", "/run/user/1000/netns"}, snap.NamesDirs); diff != "" {
		t.Errorf("names directories (-want +got):\n%s", diff)
	}
}

// notMade leaves out when a file of an unpacked tree was made: just now.
var notMade = cmpopts.IgnoreFields(ns.DanglingName{}, "Made", "Authority")

func TestFakeMachineDanglingNames(t *testing.T) {
	snap := fakeMachine(t, "machine.txtar", Options{})
	want := []ns.DanglingName{
		{Path: "/run/netns/dangling", Kind: ns.NameSymlink, Target: "/proc/4242/ns/net",
			Reason: "a symlink to /proc/4242/ns/net, but process 4242 is gone"},
		{Path: "/run/netns/loop", Kind: ns.NameSymlink, Target: "loop", Reason: "a symlink to loop, a loop of symlinks"},
		{Path: "/run/netns/nowhere", Kind: ns.NameSymlink, Target: "/does/not/exist",
			Reason: "a symlink to /does/not/exist, which does not exist"},
		{Path: "/run/netns/passwd", Kind: ns.NameSymlink, Target: "/proc/1/stat",
			Reason: "a symlink to /proc/1/stat, which is not a namespace"},
		{Path: "/run/netns/pipe", Reason: "a FIFO"},
		{Path: "/run/netns/plain", Kind: ns.NameFile, Compared: true,
			Reason: "a plain file; it may be a mount point in another mount namespace"},
		{Path: "/run/netns/sub", Reason: "a directory"},
	}
	if diff := cmp.Diff(want, snap.Dangling, notMade); diff != "" {
		t.Errorf("dangling names (-want +got):\n%s", diff)
	}
	if len(snap.Gaps) != 2 || !snap.Gaps[0].Of("mount") || !strings.Contains(snap.Gaps[0].Error(), "this is no mount") {
		t.Errorf("gaps: %v, want the one broken mount line", snap.Gaps)
	}
	if g := snap.Gaps[len(snap.Gaps)-1]; g.Path != "mnt:[4026532900]" || !strings.Contains(g.Error(), "no process is in it") {
		t.Errorf("gap %v, want the mount namespace that is mounted and that no process is in", g)
	}
}

// Each source is what finds its holders: without it they are not there.
func TestFakeMachineSourcesTakenAway(t *testing.T) {
	for _, away := range recorded {
		var rest []string
		for _, s := range recorded {
			if s != away {
				rest = append(rest, s)
			}
		}
		snap := fakeMachine(t, "machine.txtar", Options{Sources: rest})
		if diff := cmp.Diff(rest, snap.Sources); diff != "" {
			t.Errorf("sources (-want +got):\n%s", diff)
		}
		text := outline(snap)
		for mark, source := range map[string]string{
			" process:": "process", " thread:": "thread", " threads=": "thread", " mount:": "mount", " symlink=": "name",
		} {
			if got, want := strings.Contains(text, mark), source != away; got != want {
				t.Errorf("without %s: %q there: %v, want %v", away, mark, got, want)
			}
		}
	}
}

func TestFakeMachineOtherTypes(t *testing.T) {
	snap := fakeMachine(t, "machine.txtar", Options{Types: []ns.Type{ns.Mnt, ns.PID}})
	want := `mnt:[4026531841] initial process:1 process:2 leader=2(kthreadd)
mnt:[4026532900] mount:"/var/lib/pin"#46
pid:[4026531836] initial process:7000 leader=7000(web)
pid:[4026532700] process:7000pid_for_children
`
	if diff := cmp.Diff(want, outline(snap)); diff != "" {
		t.Errorf("namespaces (-want +got):\n%s", diff)
	}
	if n := snap.Find(4026532700); n.Processes() != 0 || n.Count(ns.KindProcess) != 1 {
		t.Errorf("a namespace kept for children has %d processes and %d holders", n.Processes(), n.Count(ns.KindProcess))
	}
}

// A namespace that only a thread's future children will be in is alive, too: each has its own.
func TestNamespaceForChildren(t *testing.T) {
	const machine = "-- proc/7 (process) --\ntime 4026531834\ntime_for_children 4026531834\n" +
		"-- proc/7/task/7 (process) --\ntime 4026531834\ntime_for_children 4026531834\n" +
		"-- proc/7/task/8 (process) --\ntime 4026531834\ntime_for_children 4026532178\n"
	n := scanMachine(t, machine, Options{Types: []ns.Type{ns.Time}}).Find(4026532178)
	if n == nil || len(n.Holders) != 1 || n.Holders[0].TID != 8 || n.Holders[0].Via != ns.ViaTimeForChildren {
		t.Errorf("namespace %+v, want one that thread 8 keeps", n)
	}
}

func TestGaps(t *testing.T) {
	base := "-- proc/1 (process) --\nnet 4026531840\n"
	for _, tt := range []struct{ name, machine, gap string }{
		{"no mountinfo", base, "mount: /proc/1/mountinfo: no such file or directory"},
		{"mountinfo is a FIFO", base + "-- proc/1/mountinfo (fifo) --\n", "mount: /proc/1/mountinfo: not a regular file"},
		{"odd nsfs mount", base + "-- proc/1/mountinfo --\n1 0 0:4 what /x rw - nsfs nsfs rw\n", `mount: /x: nsfs mount of unknown root "what"`},
		{"odd link", base + "-- proc/7 (dir) --\n-- proc/7/ns/net -> pid:[4026531836] --\n", "process: /proc/7/ns/net: invalid argument"},
		{"link is a FIFO", base + "-- proc/7/ns/net (fifo) --\n", "process: /proc/7/ns/net: invalid argument"},
		{"link is a file", base + "-- proc/7/ns/net --\nnet:[4026532500]\n", "process: /proc/7/ns/net: invalid argument"},
		{"names directory is a file", base + "-- run/netns --\nx\n", "name: /run/netns: not a directory"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			snap := scanMachine(t, tt.machine, Options{})
			for _, g := range snap.Gaps {
				if g.Error() == tt.gap {
					return
				}
			}
			t.Errorf("gaps %v, want %q", snap.Gaps, tt.gap)
		})
	}
}

// A process whose details cannot be read is in its namespace all the same.
func TestUnreadableDetails(t *testing.T) {
	for name, stat := range map[string]string{
		"no stat": "", "broken stat": "-- proc/7/stat --\n7 (x\n", "stat is a FIFO": "-- proc/7/stat (fifo) --\n",
	} {
		t.Run(name, func(t *testing.T) {
			snap := scanMachine(t, "-- proc/stat --\nbtime 1\n-- proc/1/mountinfo --\n-- proc/7/ns/net -> net:[4026532500] --\n"+stat, Options{Sources: []string{"process"}})
			if n := snap.Find(4026532500); n == nil || n.Processes() != 1 {
				t.Errorf("namespace %+v, want one with process 7", n)
			}
			if len(snap.Gaps) != 1 || snap.Gaps[0].Path != "/proc/7/stat" {
				t.Errorf("gaps %v, want that /proc/7/stat could not be read", snap.Gaps)
			}
		})
	}
}

func TestNamesDirs(t *testing.T) {
	machine := "-- proc/1 (process) --\nnet 4026531840\n-- proc/1/mountinfo --\n-- srv/names/a -> /proc/1/ns/net --\n" +
		"-- run/netns -> /srv/names --\n"
	snap := scanMachine(t, machine, Options{NamesDirs: []string{"/srv/names", "/missing"}})
	if diff := cmp.Diff([]string{"/srv/names"}, snap.NamesDirs); diff != "" {
		t.Errorf("names directories (-want +got):\n%s", diff)
	}
	if n := snap.Find(4026531840); len(n.Names) != 1 || n.Names[0].Path != "/srv/names/a" {
		t.Errorf("names %v, want /srv/names/a once", n.Names)
	}
	if len(snap.Gaps) != 1 || snap.Gaps[0].Path != "/missing" || !errors.Is(snap.Gaps[0].Err, unix.ENOENT) {
		t.Errorf("gaps %v, want the missing directory that was asked for", snap.Gaps)
	}
}

func TestOpenHost(t *testing.T) {
	if _, err := host.Open(t.TempDir()); !errors.Is(err, unix.ENOENT) {
		t.Errorf("a root without proc: %v", err)
	}
	if _, err := host.Open("/does/not/exist"); !errors.Is(err, unix.ENOENT) {
		t.Errorf("no root: %v", err)
	}
}

// A recorded tree does not show open files, and the snapshot has that gap.
func TestRecordedTreeIsNeverComplete(t *testing.T) {
	h, err := host.Open(hosttest.New(t, "-- proc/1 (process) --\nnet 4026531840\n-- proc/1/mountinfo --\n"))
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	snap, err := Scan(t.Context(), Options{Host: h})
	if err != nil {
		t.Fatal(err)
	}
	var missing []string
	for _, g := range snap.Gaps {
		if g.Err == ErrNotInProc {
			missing = append(missing, g.Sources...)
		}
	}
	if diff := cmp.Diff([]string{"fd", "inflight", "kernel", "mmap", "socket"}, missing); diff != "" || snap.Complete() {
		t.Errorf("complete: %v; gaps (-want +got):\n%s", snap.Complete(), diff)
	}
	if diff := cmp.Diff(recorded, snap.Sources); diff != "" {
		t.Errorf("sources (-want +got):\n%s", diff)
	}
}
