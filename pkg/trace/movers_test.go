// SPDX-License-Identifier: Apache-2.0

//go:build amd64 || arm64

package trace

import (
	"testing"
	"time"

	"github.com/nsinspect/nsinspect/pkg/ns"
)

// A call is a known mover's by the file that root executes, and by nothing else.
func TestMover(t *testing.T) {
	const host, container = 10, 20
	runc, dockerd, other, memfd := File{1, 1}, File{1, 2}, File{1, 3}, File{0, 4}
	in := func(mnt uint64, c Caller) *Event {
		return &Event{Comm: "runc", Caller: c, From: Set{ns.Mnt: NS{Inode: mnt}}}
	}
	for name, test := range map[string]struct {
		event *Event
		want  string
	}{
		"runc":                   {in(host, Caller{Root: true, Program: runc}), "runc"},
		"runc in a container":    {in(container, Caller{Root: true, Program: runc}), "runc"},
		"of a user":              {in(host, Caller{Program: runc}), ""},
		"its name":               {in(host, Caller{Root: true, Program: other}), ""},
		"its child":              {in(host, Caller{Root: true, Program: other, Parent: runc}), ""},
		"its copy":               {in(host, Caller{Root: true, Program: memfd, Unlinked: true, Parent: runc}), "runc"},
		"its copy, elsewhere":    {in(container, Caller{Root: true, Program: memfd, Unlinked: true, Parent: runc}), ""},
		"its copy, of a user":    {in(host, Caller{Program: memfd, Unlinked: true, Parent: runc}), ""},
		"a file without a name":  {in(host, Caller{Root: true, Program: memfd, Unlinked: true, Parent: other}), ""},
		"and no copy of dockerd": {in(host, Caller{Root: true, Program: memfd, Unlinked: true, Parent: dockerd}), ""},
		"dockerd":                {in(host, Caller{Root: true, Program: dockerd}), "docker"},
		"unknown":                {in(host, Caller{Root: true}), ""},
	} {
		m := &Movers{mnt: host, looked: time.Now(), known: map[File]string{runc: "runc", dockerd: "docker"}, others: map[File]bool{}, copying: map[string]bool{"runc": true}}
		if got := m.Mover(test.event); got != test.want {
			t.Errorf("%s: %q, want %q", name, got, test.want)
		}
	}
}
