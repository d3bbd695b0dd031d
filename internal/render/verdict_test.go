// SPDX-License-Identifier: Apache-2.0

package render

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/internal/explain"
	"github.com/nsinspect/nsinspect/pkg/ns"
)

func TestVerdicts(t *testing.T) {
	s := sample()
	s.Sources = []string{"process", "thread", "mount"}
	for want, n := range map[string]*ns.Namespace{
		"net:[4026531833] is the host's own: the kernel keeps it for as long as it runs; 1 process is in it.": &s.Namespaces[0],
		"Nothing that was looked at keeps net:[5] alive, and yet it is.":                                      {Inode: 5},
		"net:[6] is kept alive by 5 processes; to free it, end a (pid 1), a (pid 2), a (pid 3) and 2 more processes.": {Inode: 6, Holders: []ns.Holder{
			processA(1), processA(2), processA(3), processA(4), processA(5),
		}},
		"net:[6] is kept alive by 4 processes; to free it, end a (pid 1), a (pid 2), a (pid 3) and a (pid 4).": {Inode: 6, Holders: []ns.Holder{
			processA(1), processA(2), processA(3), processA(4),
		}},
		"net:[7] is kept alive by 1 thread and 2 mounts; to free it, end thread 9 (a) of pid 8, run `ip netns del x` and unmount /tmp/y below the mount that covers it.": {Inode: 7, Holders: []ns.Holder{
			{Kind: ns.KindThread, PID: 8, TID: 9, Process: &ns.Process{Comm: "a"}},
			{Kind: ns.KindMount, Path: "/run/netns/x", Authority: ns.RootAuthority}, {Kind: ns.KindMount, Path: "/tmp/y", Covered: true},
		}},
	} {
		if got := explain.Verdict(n, s); !strings.HasPrefix(got, want) {
			t.Errorf("verdict\n%s\nwant\n%s", got, want)
		}
	}
	s.Gaps = []ns.Gap{{Sources: []string{"process"}, Path: "/proc/1/ns/net", Err: unix.EACCES}}
	if got := explain.Verdict(&ns.Namespace{Holders: []ns.Holder{processA(1)}}, s); !strings.Contains(got, "alive by at least 1 process") {
		t.Errorf("an incomplete scan is sure of itself: %s", got)
	}
	if got := explain.Verdict(&s.Namespaces[0], s); !strings.Contains(got, "; at least 1 process is in it") {
		t.Errorf("an incomplete scan is sure of itself: %s", got)
	}
	s.Gaps = []ns.Gap{{Sources: []string{ns.SourceLink}, Path: "net:[7]", Err: unix.EPERM}}
	if got := explain.Verdict(&ns.Namespace{Holders: []ns.Holder{processA(1)}}, s); strings.Contains(got, "at least") {
		t.Errorf("unsure of holders for want of links: %s", got)
	}
}

// Copies of one mount are one row, except in a wide table.
func TestMountRows(t *testing.T) {
	s := sample()
	s.MountNS = 1
	at := func(path string, mountNS uint64, pid int, covered bool) ns.Holder {
		return ns.Holder{Kind: ns.KindMount, Path: path, MountNS: mountNS, PID: ns.TaskID(pid), MountID: 40, Covered: covered}
	}
	n := &ns.Namespace{Inode: 5, Holders: []ns.Holder{
		at("/run/netns/blue", 1, 1, false), at("/run/netns/blue", 2, 7, true), at("/run/netns/blue", 3, 0, false),
		at("/ours", 1, 1, false), at("/theirs", 2, 7, false), at("/lost", 3, 0, false), at("", 2, 7, true),
		at("/twice", 1, 1, true), at("/twice", 1, 1, false),
	}}
	rows := func(f Format) []string {
		var out bytes.Buffer
		if err := Uses(&out, &explain.Adviser{Snapshot: s}, n, nil, f, Style{}); err != nil {
			t.Fatal(err)
		}
		var rows []string
		for line := range strings.Lines(out.String()) {
			if strings.HasPrefix(line, "mount ") {
				rows = append(rows, strings.TrimLeft(strings.TrimPrefix(strings.TrimSpace(line), "mount"), " -"))
			}
		}
		return rows
	}
	want := []string{
		"/run/netns/blue (in 3 mount namespaces, ours among them, covered by another mount in 1)",
		"/ours", "/theirs (in the mount namespace of pid 7)", "/lost (in mnt:[3], which no process is in)",
		"(in the mount namespace of pid 7; no path leads to it)", "/twice (covered by another mount)", "/twice",
	}
	if got := rows(Table); !slices.Equal(got, want) {
		t.Errorf("rows\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if got := rows(Wide); len(got) != len(n.Holders) || !strings.Contains(got[1], "pid 7; covered by another mount") {
		t.Errorf("wide rows\n%s", strings.Join(got, "\n"))
	}
}

func processA(pid int) ns.Holder {
	return ns.Holder{Kind: ns.KindProcess, PID: ns.TaskID(pid), Process: &ns.Process{Comm: "a"}}
}
