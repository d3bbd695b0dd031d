// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"cmp"
	"slices"
	"time"

	"github.com/nsinspect/nsinspect/pkg/ns"
)

// SnapshotSchema is the version of the format of a snapshot. Version 1 had everything where it
// belongs, again and again.
const SnapshotSchema = "nsinspect/v2"

// Snapshot is the document of nsinspect snapshot: namespaces of every type with all that
// keeps them alive, and what other commands need to answer from it.
type Snapshot struct {
	Head
	Document   string            `json:"document" jsonschema:"enum=snapshot"`
	Redacted   bool              `json:"redacted,omitempty"`   // true if names and addresses are hashes, and command lines are left out
	RedactKey  string            `json:"redact_key,omitempty"` // of a redacted one: equal where hashes are of one key, so that equal ones are of equal names
	Root       string            `json:"root"`                 // the root directory of the machine that was read; / is the running one
	Reader     Reader            `json:"reader"`
	Types      []string          `json:"types"`       // of namespaces that were looked for
	Initial    map[string]uint64 `json:"initial"`     // inodes of the host's own namespaces by type, where they are known
	NamesDirs  []string          `json:"names_dirs"`  // the names directories there are
	AllMounts  bool              `json:"all_mounts"`  // whether mount namespaces were looked for that no process is in
	LoneMounts bool              `json:"lone_mounts"` // whether mounts were looked for that are in no mount namespace
	NoEngine   *Cause            `json:"no_engine,omitempty"`
	Users      []User            `json:"users"` // the names of the users that occur
	Dangling   []DanglingName    `json:"dangling"`
	Containers []Container       `json:"containers"`       // those that runtimes have written down, stopped ones too
	Boot       *time.Time        `json:"boot,omitempty"`   // when the machine booted, by the processes
	Processes  []KeptProcess     `json:"processes"`        // by PID: those that hold namespaces
	Namespaces []Kept            `json:"namespaces"`       // by type, then inode
	Doctor     *KeptDoctor       `json:"doctor,omitempty"` // of namespaces of all types
	Texts      []string          `json:"texts"`            // where a number is in place of a text, it is its place here; %r stands for the namespace, %n for its first name, %p for the path of that or of its first mount, %% for %
}

// Reader is the process that took a snapshot.
type Reader struct {
	UID          int               `json:"uid"`          // effective
	Capabilities []string          `json:"capabilities"` // in effect, that matter here
	Namespaces   map[string]uint64 `json:"namespaces"`   // inodes of those that it was in, by type
}

// User is a user of the machine.
type User struct {
	UID  int    `json:"uid"`
	Name string `json:"name"`
}

// Cause is why something could not be done.
type Cause struct {
	Error string `json:"error"`
	Code  string `json:"code,omitempty"` // as of a gap
}

// DanglingName is an entry of a names directory that refers to no namespace.
type DanglingName struct {
	Path         string `json:"path"`
	PathBase64   []byte `json:"path_base64,omitempty"`
	Kind         string `json:"kind,omitempty" jsonschema:"enum=symlink,enum=file"` // absent for anything else
	Reason       string `json:"reason"`                                             // what it is instead
	Target       string `json:"target,omitempty"`                                   // of a symlink: its text
	TargetBase64 []byte `json:"target_base64,omitempty"`
	Authority    string `json:"authority" jsonschema:"pattern=^(kernel|root|user|user:[1-9][0-9]*)$"`
}

func newDangling(d *ns.DanglingName) DanglingName {
	return DanglingName{d.Path, raw(d.Path), string(d.Kind), d.Reason, d.Target, raw(d.Target), d.Authority.String()}
}

// Container is what a runtime has written down of one of its containers.
type Container struct {
	Owner
	PID     ns.TaskID `json:"pid,omitempty"`     // its first process
	State   string    `json:"state,omitempty"`   // running, paused, stopped or created
	Sandbox string    `json:"sandbox,omitempty"` // the path of the network namespace that was made for it
	NetNS   uint64    `json:"netns,omitempty"`   // the inode of the namespace at that path
	IPs     []string  `json:"ips,omitempty"`
	Dir     string    `json:"dir"` // where this was read
}

// Head returns all of a snapshot that is not in lists.
func (k *Keeper) Head() Snapshot {
	s := k.c.snap
	w := Snapshot{
		Head: newHead(s, k.c.owners), Document: "snapshot", Root: s.Root, Types: []string{}, Initial: inodes(s.Initial),
		NamesDirs: append([]string{}, s.NamesDirs...), AllMounts: s.MountsAll, LoneMounts: s.LoneMounts,
		Reader: Reader{UID: s.Kept.UID, Capabilities: append([]string{}, s.Kept.Capabilities...), Namespaces: inodes(s.Kept.Own)},
		Users:  []User{}, Dangling: []DanglingName{}, Containers: []Container{},
	}
	w.Schema = SnapshotSchema
	if !k.boot.IsZero() {
		w.Boot = &k.boot
	}
	if s.NoEngine != nil {
		w.NoEngine = &Cause{s.NoEngine.Error(), codeOf(s.NoEngine)}
	}
	for _, t := range s.Types {
		w.Types = append(w.Types, t.String())
	}
	for uid, name := range s.Kept.Users {
		w.Users = append(w.Users, User{uid, name})
	}
	slices.SortFunc(w.Users, func(a, b User) int { return cmp.Compare(a.UID, b.UID) })
	for _, d := range s.Dangling {
		w.Dangling = append(w.Dangling, newDangling(&d))
	}
	for _, o := range k.c.owners.Containers() {
		w.Containers = append(w.Containers, Container{*NewOwner(&o.Owner), o.PID, o.State, o.Sandbox, o.NetNS, o.IPs, o.Dir})
	}
	return w
}

func inodes(all [ns.NumTypes]uint64) map[string]uint64 {
	out := map[string]uint64{}
	for t, inode := range all {
		if inode != 0 {
			out[ns.Type(t).String()] = inode
		}
	}
	return out
}
