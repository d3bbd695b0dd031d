// SPDX-License-Identifier: Apache-2.0

// Package snapshot keeps what a scan saw in a file, reads such files, and compares two of
// them.
//
// A file is one JSON document (internal/wire, Snapshot), compressed with gzip. Whoever
// wrote it is a stranger: what is read from it is bounded, and the commands in it are
// believed only if nobody else could have written it (see File.Authority).
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
	Sockets  links.Sockets             // that listen in network namespaces
	Report   *doctor.Report            // of doctor, of namespaces of all types; nil if there is none

	Version   string       // of nsinspect that took it
	Authority ns.Authority // who could have written the file
	Redacted  bool         // names and addresses are hashes
	redactKey string       // equal in files with hashes by one key
}

// answerOf returns what is answered of a namespace, nil if nothing was kept of that.
func (f *File) answerOf(n *ns.Namespace) *explain.Lists {
	if a, ok := f.Answers[n.Inode]; ok {
		return a.Lists()
	}
	return nil
}

// Owner returns whose a namespace is, nil if that is unknown or nobody's.
func (f *File) Owner(n *ns.Namespace) *owner.Owner { return f.Owners.Namespace(n) }
