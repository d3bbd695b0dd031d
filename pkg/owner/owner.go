// SPDX-License-Identifier: Apache-2.0

// Package owner finds out whose a process or a namespace is: which container,
// pod, compose service or systemd unit.
//
// Everything is read from files of the machine: the cgroup of a process, and what
// container runtimes keep beside their containers. No daemon is asked, so a
// killed one's containers are known as well, and nothing is written. What was to
// be read and could not be is a gap.
package owner

import (
	"context"
	"strings"

	"github.com/nsinspect/nsinspect/pkg/scan"
)

// Owner says whose something is. What is not known, or is not there, is "".
type Owner struct {
	Runtime string // "docker", "containerd", "cri-o", "podman", "lxc", "incus", "lxd", "systemd", …
	ID      string // of the container, whole; of a pod's namespace that of its sandbox
	Name    string // of the container, within its pod if it is in one
	Pod     string // "NAMESPACE/NAME"
	Unit    string // "nginx.service"
	Service string // of docker compose: "PROJECT/SERVICE"
}

// String returns the owner as tables show it, and as a reference that the
// command line takes: "pod:default/web-1", "docker:web", "unit:nginx.service".
// A container without a known name goes by the first twelve digits of its ID.
func (o Owner) String() string {
	switch {
	case o.Pod != "":
		return "pod:" + o.Pod
	case o.Name != "":
		return o.Runtime + ":" + o.Name
	case o.ID != "":
		return o.Runtime + ":" + shortID(o.ID)
	case o.Unit != "":
		return "unit:" + o.Unit
	}
	return o.Runtime
}

func shortID(id string) string {
	if isID(id) {
		return id[:12]
	}
	return id
}

// isID reports whether a text is a container ID as all runtimes but lxc make
// them: 64 hexadecimal digits.
func isID(s string) bool {
	return len(s) == 64 && strings.Trim(s, "0123456789abcdef") == ""
}

// Container is what a runtime has written down of one of its containers.
type Container struct {
	Owner
	PID     int      // its first process when that was written, which may have ended since; 0 if there is none
	State   string   // "running", "paused", "stopped", "created"; "" if the runtime's files do not tell
	Sandbox string   // the path of the network namespace that was made for it; "" if it has none of its own
	NetNS   uint64   // the inode that is there now; 0 if none
	IPs     []string // its addresses, without prefix lengths
	Dir     string   // where this was read
}

// Options says what to read. Nil fields stand for the running machine, and for
// no snapshot.
type Options struct {
	Host     *scan.Host
	Snapshot *scan.Snapshot // what was found; its processes show where the daemons keep their files
}

// Index knows the owners of one machine. Its methods may be called from several
// goroutines at once.
type Index struct {
	Gaps []scan.Gap // sorted by path

	host       *scan.Host
	snapshot   *scan.Snapshot
	containers []Container // sorted by runtime, name, ID
}

// Read reads what every runtime has written down. It needs root where the
// runtimes' files do; a runtime that is not there is no gap.
func Read(ctx context.Context, opts Options) *Index {
	return &Index{host: opts.Host, snapshot: opts.Snapshot}
}

// Process returns whose a process is, nil if it is nobody's: one that is in no
// container and no unit.
func (x *Index) Process(pid int) *Owner { return nil }

// Namespace returns whose a namespace is, nil if that is unknown or nobody's, as
// the host's own is.
func (x *Index) Namespace(n *scan.Namespace) *Owner { return nil }

// Containers returns every container known, stopped ones too.
func (x *Index) Containers() []Container { return x.containers }

// Find returns the containers that a reference fits: a name, an ID or the
// beginning of one, any of them after "RUNTIME:", or "pod:NAMESPACE/NAME". One
// that fits whole comes alone; else all are returned that it is the beginning of.
func (x *Index) Find(ref string) []Container { return nil }
