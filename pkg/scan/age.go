// SPDX-License-Identifier: Apache-2.0

package scan

import (
	"time"

	"golang.org/x/sys/unix"
)

// Age says since when a namespace is there, as well as that can be known, and
// how it is known. The kernel does not keep when a namespace was made: it is at
// least as old as a file of it that has been kept since, and about as old as the
// oldest process in it.
type Age struct {
	Since time.Time // zero if nothing tells
	From  AgeFrom
}

// AgeFrom is what tells an age.
type AgeFrom string

// What tells an age.
const (
	FromBoot    AgeFrom = "boot"    // it is the host's own
	FromName    AgeFrom = "name"    // its file was made to be mounted then: it is no younger
	FromFile    AgeFrom = "file"    // the same of one that is only open
	FromProcess AgeFrom = "process" // the oldest process in it was started then
)

// Tell takes another word on the age, if it is older than what is known.
func (a *Age) Tell(since time.Time, from AgeFrom) {
	if since.IsZero() || !a.Since.IsZero() && !since.Before(a.Since) {
		return
	}
	a.Since, a.From = since, from
}

// tellAge takes what names and processes say of a namespace's age, and what the
// kernel's own file of it says, open at fd (-1 if none is).
func (n *Namespace) tellAge(fd int, taken, boot time.Time) {
	if n.Initial {
		n.Age.Tell(boot, FromBoot)
		return
	}
	if n.Leader != nil {
		n.Age.Tell(n.Leader.Started, FromProcess)
	}
	for i := range n.Names {
		if name := &n.Names[i]; name.Kind == NameMount {
			n.Age.Tell(name.Made, FromName)
		}
	}
	var st unix.Stat_t
	if fd < 0 || unix.Fstat(fd, &st) != nil {
		return
	}
	// There is one nsfs inode of a namespace for as long as it is open or mounted
	// anywhere (fs/nsfs.c, path_from_stashed, 6.18; __ns_get_path before). If that
	// was nowhere, our own opening has just made it.
	const tick = 20 * time.Millisecond // how far the clock of inodes lags behind
	from := FromFile
	if n.Count(KindMount) > 0 {
		from = FromName
	} else if n.Count(KindFD) == 0 && !made(&st).Before(taken.Add(-tick)) {
		return
	}
	n.Age.Tell(made(&st), from)
}
