// SPDX-License-Identifier: Apache-2.0

package enter

import (
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/internal/host"
	"github.com/nsinspect/nsinspect/pkg/ns"
)

// What is opened is of the process that was meant, or nothing is: not of another one that has
// its number, nor of one that has left.
func TestOpenProcess(t *testing.T) {
	h, err := host.Open("/")
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	self := ns.TaskID(os.Getpid())
	stat, err := h.ReadStat(self.String())
	if err != nil {
		t.Fatal(err)
	}
	inode := func(typ ns.Type) uint64 {
		var st unix.Stat_t
		if err := unix.Stat("/proc/self/ns/"+typ.String(), &st); err != nil {
			t.Fatal(err)
		}
		return st.Ino
	}
	in := ns.Namespace{Type: ns.IPC, Inode: inode(ns.IPC)}
	types := []ns.Type{ns.UTS, ns.IPC}
	for want, meant := range map[string]struct {
		born time.Duration
		in   ns.Namespace
	}{
		"has ended":    {stat.Born() + host.Tick, in},
		"has left ipc": {stat.Born(), ns.Namespace{Type: ns.IPC, Inode: in.Inode + 1}},
		"has left uts": {stat.Born(), ns.Namespace{Type: ns.UTS, Inode: in.Inode}},
	} {
		if _, err := OpenProcess(h, self, meant.born, &meant.in, types); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
	for _, born := range []time.Duration{0, stat.Born()} {
		p, err := OpenProcess(h, self, born, &in, types)
		if err != nil {
			t.Fatal(err)
		}
		defer p.Close()
		var got []ns.Type
		for _, n := range p.Namespaces {
			if got = append(got, n.Type); n.Inode != inode(n.Type) {
				t.Errorf("%s, not of this process", n.String())
			}
		}
		if want := []ns.Type{ns.IPC, ns.UTS}; !slices.Equal(got, want) {
			t.Errorf("types %v, want %v", got, want)
		}
	}
}
