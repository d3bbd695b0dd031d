// SPDX-License-Identifier: Apache-2.0

// Package snapshot keeps what a scan saw in a file, reads such files, and compares two of
// them.
//
// A file is one JSON document (internal/wire, Snapshot), compressed with gzip. Whoever
// wrote it is a stranger: what is read from it is bounded, and believed no further than
// the authority of the file (see File.Authority).
package snapshot

import (
	"github.com/nsinspect/nsinspect/internal/explain"
	"github.com/nsinspect/nsinspect/pkg/doctor"
	"github.com/nsinspect/nsinspect/pkg/links"
	"github.com/nsinspect/nsinspect/pkg/ns"
	"github.com/nsinspect/nsinspect/pkg/owner"
)

// File is what was kept of a machine at one moment, in a file or in memory.
type File struct {
	// Snapshot has the namespaces of every type with all their holders, described, and the
	// links of those of the network.
	Snapshot *ns.Snapshot
	Owners   *owner.Index              // of all namespaces and of the processes that hold them
	Answers  map[uint64]explain.Answer // what who-uses answers, by inode
	Report   *doctor.Report            // of doctor, of namespaces of all types; nil if it was not taken
	Ports    []links.PortHit           // the listening sockets of each network namespace that has some, with their holders
	PortsOf  []uint64                  // inodes of the network namespaces whose listening sockets were read
	Reader   Reader
	Users    map[int]string // names of users on the machine, by UID

	Authority ns.Authority // who could have written the file
	Redacted  bool         // names and addresses are hashes

	// OwnerOf returns whose a namespace is, where Owners does not; nil otherwise.
	OwnerOf func(*ns.Namespace) *owner.Owner
}

// Owner returns whose a namespace of the snapshot is, nil if that is unknown or nobody's.
func (f *File) Owner(n *ns.Namespace) *owner.Owner {
	if f.OwnerOf != nil {
		return f.OwnerOf(n)
	}
	return f.Owners.Namespace(n)
}

// hasOwners reports whether the owners of namespaces were read.
func (f *File) hasOwners() bool { return f.OwnerOf != nil || f.Owners != nil }

// Reader is who took a snapshot.
type Reader struct {
	UID        int                 // effective
	Namespaces [ns.NumTypes]uint64 // inodes of its own namespaces; 0 where unknown
}
