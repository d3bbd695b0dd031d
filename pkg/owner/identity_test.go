// SPDX-License-Identifier: Apache-2.0

package owner

import (
	"os"
	"testing"
	"time"

	"github.com/nsinspect/nsinspect/internal/host"
	"github.com/nsinspect/nsinspect/pkg/ns"
)

// The owner of a process that has the PID of another one by now is not that one's.
func TestOwnerOfAReusedPID(t *testing.T) {
	h, err := host.Open("/")
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	st, err := h.ReadStat("self")
	if err != nil {
		t.Fatal(err)
	}
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
