// SPDX-License-Identifier: Apache-2.0

package owner

import (
	"os"
	"testing"
	"time"

	"github.com/nsinspect/nsinspect/internal/host"
	"github.com/nsinspect/nsinspect/internal/hosttest"
	"github.com/nsinspect/nsinspect/pkg/ns"
)

// hostAndSelf opens the host, and reads what this process is there.
func hostAndSelf(t *testing.T) (*host.Host, host.Stat) {
	t.Helper()
	h, err := host.Open("/")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.Close() })
	st, err := h.ReadStat("self")
	if err != nil {
		t.Fatal(err)
	}
	return h, st
}

// The owner of a process that has the PID of another one by now is not that one's.
func TestOwnerOfAReusedPID(t *testing.T) {
	h, st := hostAndSelf(t)
	net, err := h.NamespaceLink("self/ns/net")
	if err != nil {
		t.Fatal(err)
	}
	self, x := ns.TaskID(os.Getpid()), &Index{host: h}
	read := func(ns.TaskID) *Owner { return &Owner{Runtime: "docker", Name: "web"} }
	for name, test := range map[string]struct {
		process
		want bool
	}{
		"the same":           {process{self, st.Born()}, true},
		"finer":              {process{self, st.Born() + host.Tick - 1}, true},
		"another":            {process{self, st.Born() - host.Tick}, false},
		"unknown":            {process{self, 0}, false},
		"ended":              {process{4194304, st.Born()}, false},
		"a holder":           {x.holding(&ns.Namespace{Inode: net}, &ns.Holder{PID: self}), true},
		"no holder any more": {x.holding(&ns.Namespace{Inode: net + 1}, &ns.Holder{PID: self}), false},
		"another holder":     {x.holding(&ns.Namespace{Inode: net}, &ns.Holder{PID: self, Born: st.Born() + time.Second}), false},
		"a file":             {x.holding(&ns.Namespace{Inode: net}, &ns.Holder{Kind: ns.KindFD, PID: self}), false},
	} {
		if got := x.check(test.process, read); (got != nil) != test.want {
			t.Errorf("%s: %v, want one: %v", name, got, test.want)
		}
	}
}

// Of a process whose cgroups were read before, the owner is known without another look at it,
// but not that of one which has its PID by now.
func TestOwnerOfATask(t *testing.T) {
	h, st := hostAndSelf(t)
	const ended = ns.TaskID(4194304)
	self, web := ns.TaskID(os.Getpid()), &Owner{Runtime: "docker", Name: "web"}
	x := Read(t.Context(), Options{Host: h, Snapshot: &ns.Snapshot{}, Tasks: map[ns.TaskID]host.Task{
		self:  {Stat: st, Cgroup: []byte("0::/user.slice/a.service\n")},
		ended: {Stat: st, Cgroup: []byte("0::/web\n")},
	}})
	x.cgroups["0::/web\n"] = web
	for name, test := range map[string]struct {
		process
		want string
	}{
		"in cgroups that are known": {process{ended, st.Born()}, web.Name},
		"in other ones":             {process{self, st.Born()}, "a.service"},
		"another one":               {process{self, st.Born() + host.Tick}, ""},
		"another one that ended":    {process{ended, st.Born() + host.Tick}, ""},
	} {
		o := x.of(test.process)
		if o == nil {
			o = &Owner{}
		}
		if got := o.Name + o.Unit; got != test.want {
			t.Errorf("%s: %q, want %q", name, got, test.want)
		}
	}
	x.tasks[ended] = host.Task{Stat: st, Cgroup: []byte("0::/user.slice/b.service\n")}
	if o := x.of(process{ended, st.Born()}); o != nil {
		t.Errorf("the owner of a process that ended before its cgroups were judged: %+v", o)
	}
}

// Where the names of processes were read before, only those are looked at that may be daemons.
func TestFindDaemonsAmongTasks(t *testing.T) {
	machine := ""
	for _, pid := range []string{"7", "8", "9"} {
		machine += "-- proc/" + pid + " (process) --\nnet 4026532500\n-- proc/" + pid + "/comm --\ndockerd\n-- proc/" + pid + "/cmdline --\ndockerd\n"
	}
	h, err := host.Open(hosttest.New(t, machine))
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	r := &reader{done: t.Context().Done(), host: h}
	r.findDaemons([]ns.TaskID{7, 8, 9}, true, map[ns.TaskID]host.Task{7: {Stat: host.Stat{Comm: "sleep"}}, 8: {Stat: host.Stat{Comm: "dockerd"}}})
	if len(r.daemons) != 2 || r.daemons[0].pid != 8 || r.daemons[1].pid != 9 {
		t.Errorf("daemons %+v, want pids 8 and 9", r.daemons)
	}
}
