// SPDX-License-Identifier: Apache-2.0

package nstest

import "golang.org/x/sys/unix"

// Kind names a scene.
type Kind string

// The scenes. A new one is a constant, a row in the table below and a file.
const (
	Process      Kind = "process"
	Thread       Kind = "thread"
	ZombieLeader Kind = "zombie-leader"

	FD          Kind = "fd"
	FDPath      Kind = "fd-opath"
	FDThread    Kind = "fd-thread"
	FDUnmounted Kind = "fd-unmounted"
	FDDetached  Kind = "fd-detached"

	Mount        Kind = "mount"
	MountPrivate Kind = "mount-private"
	MountFD      Kind = "mount-fd"
	MountMount   Kind = "mount-mount"
)

// scene is how one kind is made, in a child process of its own.
type scene struct {
	kind   Kind
	holder string // the kind of the one holder it leaves
	about  string
	// enter runs on the child's first thread, which then executes the child
	// anew, so that the whole process is where enter moved that thread.
	enter func(*maker) error
	// hold makes the scene and fills in its truth.
	hold func(*maker) error
}

var scenes = []scene{
	{Process, "process", "a process in it", enterNetNS, holdProcess},
	{Thread, "thread", "a thread in it, of a process that is not", nil, holdThread},
	{ZombieLeader, "thread", "a thread in it, of a process whose first thread has ended", nil, holdZombieLeader},

	{FD, "fd", "an open nsfs file", nil, holdFD(unix.O_RDONLY)},
	{FDPath, "fd", "an nsfs file opened with O_PATH", nil, holdFD(unix.O_PATH)},
	{FDThread, "fd", "an nsfs file in the private fd table of a thread", nil, holdFDThread},
	{FDUnmounted, "fd", "an nsfs file opened through a bind mount that is gone", nil, holdFDUnmounted},
	{FDDetached, "fd", "a detached mount of its nsfs file", nil, holdFDDetached},

	{Mount, "mount", "a bind mount in the mount namespace of the caller", nil, holdMount},
	{MountPrivate, "mount", "a bind mount in a mount namespace of one process", enterMountNS, holdMountPrivate},
	{MountFD, "mount", "a bind mount in a mount namespace held by an fd alone", nil, holdMountFD},
	{MountMount, "mount", "a bind mount in a mount namespace held by a mount of it", enterMountNS, holdMountMount},
}

// Kinds lists every scene.
func Kinds() []Kind {
	var list []Kind
	for _, s := range scenes {
		list = append(list, s.kind)
	}
	return list
}

// About says in a few words what holds the namespace of a scene.
func (k Kind) About() string { return k.scene().about }

// Holder is the kind of holder that a scene leaves as the only one.
func (k Kind) Holder() string { return k.scene().holder }

// scene returns the row of a kind; hold is nil if there is none.
func (k Kind) scene() scene {
	for _, s := range scenes {
		if s.kind == k {
			return s
		}
	}
	return scene{kind: k}
}
