// SPDX-License-Identifier: Apache-2.0

package scan

import (
	"os"
	"os/exec"
	"testing"

	"github.com/nsinspect/nsinspect/internal/host"
	"github.com/nsinspect/nsinspect/internal/kernel"
	"github.com/nsinspect/nsinspect/pkg/ns"
)

// Each process of a whole scan was read once, for all that it holds and leads, and with what is
// asked of it later.
func TestWhole(t *testing.T) {
	h, err := host.Open("/")
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	snap, tasks, err := Whole(t.Context(), Options{Host: h, Types: ns.Types()})
	if err != nil {
		t.Fatal(err)
	}
	processes := map[ns.TaskID]*ns.Process{}
	for i := range snap.Namespaces {
		n := &snap.Namespaces[i]
		for j := range n.Holders {
			holder := &n.Holders[j]
			if holder.Kind == ns.KindChild && snap.Find(holder.Child.Inode) != nil && holder.Child != snap.Find(holder.Child.Inode) {
				t.Errorf("a child of %s is a copy", n)
			}
			if _, known := tasks[holder.PID]; !known || holder.Process == nil || holder.TID != 0 {
				continue
			}
			if p := processes[holder.PID]; p != nil && p != holder.Process {
				t.Errorf("pid %d was read twice", holder.PID)
			}
			processes[holder.PID] = holder.Process
		}
		if n.Leader != nil && processes[n.Leader.PID] != nil && processes[n.Leader.PID] != n.Leader {
			t.Errorf("the leader of %s was read twice", n)
		}
	}
	self := ns.TaskID(os.Getpid())
	p, task := processes[self], tasks[self]
	if p == nil || p.UID != os.Geteuid() || p.Started.IsZero() || len(p.Cmdline) != len(os.Args) {
		t.Fatalf("this process: %+v", p)
	}
	cgroup, err := h.ReadCgroup("self")
	if err != nil {
		t.Fatal(err)
	}
	if st, err := h.ReadStat("self"); err != nil || task.Stat.Start != st.Start || task.Stat.Comm != p.Comm || task.OutlivesTerm || string(task.Cgroup) != string(cgroup) {
		t.Errorf("this process: %+v, want %+v, cgroups %q", task, st, cgroup)
	}
}

// A process that started after the scan began may have the PID of another that was found: its
// holders are described one by one, each with its own start.
func TestWholeOfALaterProcess(t *testing.T) {
	h, err := host.Open("/")
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	begun := kernel.BootTime()
	later := exec.Command("sleep", "1000")
	if err := later.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = later.Process.Kill(); _ = later.Wait() }()
	self, pid := ns.TaskID(os.Getpid()), ns.TaskID(later.Process.Pid)
	st, err := h.ReadStat(pid.String())
	if err != nil {
		t.Fatal(err)
	}
	s, err := newScanner(Options{Host: h})
	if err != nil {
		t.Fatal(err)
	}
	s.tasks = map[ns.TaskID]host.Task{}
	net := ns.Namespace{Type: ns.Net, Inode: ownNet(t), Holders: []ns.Holder{
		{Kind: ns.KindFD, PID: self, FD: 3}, {Kind: ns.KindFD, PID: pid, FD: 3, Born: st.Born() - host.Tick}, {Kind: ns.KindFD, PID: pid, FD: 4, Born: st.Born()},
	}}
	snap := &ns.Snapshot{Namespaces: []ns.Namespace{net}}
	if err := s.describeAll(t.Context(), snap, begun); err != nil {
		t.Fatal(err)
	}
	if _, known := s.tasks[pid]; known || len(s.tasks) != 1 {
		t.Errorf("tasks %+v, want pid %d alone", s.tasks, self)
	}
	if got := snap.Namespaces[0].Holders; len(got) != 2 || got[0].Process == nil || got[1].FD != 4 || got[1].Process == nil {
		t.Errorf("holders %+v, want fd 3 of pid %d and fd 4 of pid %d", got, self, pid)
	}
}
