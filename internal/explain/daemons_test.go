// SPDX-License-Identifier: Apache-2.0

package explain

import (
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
