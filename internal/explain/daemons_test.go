// SPDX-License-Identifier: Apache-2.0

package explain

import (
	"iter"
	"os"
	"strings"
	"testing"

	"github.com/nsinspect/nsinspect/pkg/ns"
	"github.com/nsinspect/nsinspect/pkg/owner"
)

// What dockerd has open in the namespace of a container goes with the container, and no
// command ends or restarts a daemon that others depend on.
func TestDaemonsAreLeftAlone(t *testing.T) {
	const dockerd = 1 << 22 // no process has it
	pid := ns.TaskID(os.Getpid())
	web := &owner.Owner{Runtime: "docker", Name: "web", Authority: ns.RootAuthority}
	service := &owner.Owner{Runtime: "systemd", Unit: "docker.service", Authority: ns.RootAuthority}
	owners := &fakeOwners{of: map[ns.TaskID]*owner.Owner{pid: web, dockerd: service}, whole: web}
	socket := ns.Holder{Kind: ns.KindSocket, PID: dockerd, FD: 40, Socket: ns.NewSocket(ns.SocketWords{Family: "inet", Type: "dgram"}), Process: &ns.Process{PID: dockerd, Comm: "dockerd"}}
	a, _ := adviser(t, owners)

	like(t, a.Free(netns(own(t, ns.KindProcess), socket)), "docker stop -- web")
	if text := strings.Join(Advice(a.Free(netns(own(t, ns.KindProcess), socket))), " "); strings.Contains(text, "dockerd") {
		t.Errorf("advice on what goes with the container: %s", text)
	}
	like(t, a.Free(netns(socket))) // no command
	if text := strings.Join(Advice(a.Free(netns(socket))), " "); !strings.Contains(strings.ToLower(text), "close fd 40 of dockerd") {
		t.Errorf("a leak of dockerd's: %s", text)
	}
	users := socket
	users.Process = &ns.Process{PID: dockerd, Comm: "dockerd", UID: 1000}
	if text := strings.Join(Advice(a.Free(netns(own(t, ns.KindProcess), users))), " "); !strings.Contains(text, "dockerd") {
		t.Errorf("a process of a user's that is called dockerd is passed over: %q", text)
	}
}

// What keeps a mount namespace without processes, or a detached mount, is restarted only where what
// keeps the namespace itself would be: no daemon that others depend on, nor a unit of root's
// for what a user's process has in it.
func TestKeepersAreLeftAlone(t *testing.T) {
	pid := ns.TaskID(os.Getpid())
	unit := &owner.Owner{Runtime: "systemd", Unit: "a.service", Authority: ns.RootAuthority}
	a, _ := adviser(t, &fakeOwners{of: map[ns.TaskID]*owner.Owner{pid: unit}})
	for _, via := range []ns.Via{ns.NoVia, ns.ViaDetached} { // by a mount namespace, by a detached mount
		free := func(change func(*ns.Process)) iter.Seq[Fix] {
			pin, h := own(t, ns.KindFD), mountAt("/srv/ns", 9)
			change(pin.Process)
			h.Pin, h.Via = &pin, via
			return a.Free(netns(h))
		}
		like(t, free(func(*ns.Process) {}), "systemctl restart -- a.service")
		like(t, free(func(p *ns.Process) { p.UID = 1000 }), "&& kill ")
		if got := Commands(free(func(p *ns.Process) { p.Comm = "dockerd" })); strings.Contains(strings.Join(got, " "), "systemctl") {
			t.Errorf("commands %q", got)
		}
	}
}
