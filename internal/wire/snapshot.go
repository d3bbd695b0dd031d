// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"cmp"
	"slices"

	"github.com/nsinspect/nsinspect/internal/explain"
	"github.com/nsinspect/nsinspect/pkg/links"
	"github.com/nsinspect/nsinspect/pkg/ns"
	"github.com/nsinspect/nsinspect/pkg/owner"
)

// Snapshot is the document of nsinspect snapshot: namespaces of every type with all that
// keeps them alive, and what other commands need to answer from it.
type Snapshot struct {
	Head
	Document   string            `json:"document" jsonschema:"enum=snapshot"`
	Redacted   bool              `json:"redacted,omitempty"` // true if names and addresses are hashes, and command lines are left out
	Root       string            `json:"root"`               // the root directory of the machine that was read; / is the running one
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
	Namespaces []Kept            `json:"namespaces"`       // by type, then inode
	Doctor     *Doctor           `json:"doctor,omitempty"` // of namespaces of all types
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
	Path       string `json:"path"`
	PathBase64 []byte `json:"path_base64,omitempty"`
	Kind       string `json:"kind,omitempty" jsonschema:"enum=symlink,enum=file"` // absent for anything else
	Reason     string `json:"reason"`                                             // what it is instead
	Authority  string `json:"authority" jsonschema:"pattern=^(kernel|root|user|user:[1-9][0-9]*)$"`
}

// Container is what a runtime has written down of one of its containers.
type Container struct {
	Owner
	PID     int      `json:"pid,omitempty"`     // its first process
	State   string   `json:"state,omitempty"`   // running, paused, stopped or created
	Sandbox string   `json:"sandbox,omitempty"` // the path of the network namespace that was made for it
	NetNS   uint64   `json:"netns,omitempty"`   // the inode of the namespace at that path
	IPs     []string `json:"ips,omitempty"`
	Dir     string   `json:"dir"` // where this was read
}

// Kept is a namespace in a snapshot.
type Kept struct {
	Namespace
	Answer    *Answer      `json:"answer,omitempty"`    // as who-uses gives it
	Listeners *[]Listener  `json:"listeners,omitempty"` // of a network namespace its listening sockets; absent if they were not read
	Local     []LocalRoute `json:"local_routes,omitempty"`
}

// Answer is the answer to who uses a namespace.
type Answer struct {
	Verdict string   `json:"verdict"`
	Fix     []string `json:"fix"`
	Advice  []string `json:"advice"`
}

// LocalRoute is a route by which a namespace takes addresses for its own that no link has.
type LocalRoute struct {
	Prefix string `json:"prefix"`
	Index  int    `json:"index"` // of the link that it is of
}

// Keeper makes the parts of a Snapshot.
type Keeper struct {
	c       *converter
	answers map[uint64]explain.Answer
	ports   map[uint64]*links.PortHit
	heard   map[uint64]bool
}

// NewKeeper returns what makes the parts of a snapshot, by inode.
func NewKeeper(s *ns.Snapshot, x *owner.Index, answers map[uint64]explain.Answer, sockets links.Sockets) *Keeper {
	k := &Keeper{newConverter(s, x), answers, map[uint64]*links.PortHit{}, map[uint64]bool{}}
	for i := range sockets.Hits {
		k.ports[sockets.Hits[i].Namespace.Inode] = &sockets.Hits[i]
	}
	for _, inode := range sockets.Read {
		k.heard[inode] = true
	}
	return k
}

// Head returns all of a snapshot but the namespaces and the report of doctor.
func (k *Keeper) Head() Snapshot {
	s := k.c.snap
	w := Snapshot{
		Head: newHead(s, k.c.owners), Document: "snapshot", Root: s.Root, Types: []string{}, Initial: inodes(s.Initial),
		NamesDirs: append([]string{}, s.NamesDirs...), AllMounts: s.MountsAll, LoneMounts: s.LoneMounts,
		Reader: Reader{UID: s.Kept.UID, Capabilities: append([]string{}, s.Kept.Capabilities...), Namespaces: inodes(s.Kept.Own)},
		Users:  []User{}, Dangling: []DanglingName{}, Containers: []Container{},
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
		w.Dangling = append(w.Dangling, DanglingName{d.Path, raw(d.Path), string(d.Kind), d.Reason, d.Authority.String()})
	}
	for _, o := range k.c.owners.Containers() {
		w.Containers = append(w.Containers, Container{*NewOwner(&o.Owner), int(o.PID), o.State, o.Sandbox, o.NetNS, o.IPs, o.Dir})
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

// Namespace returns a namespace of the snapshot.
func (k *Keeper) Namespace(n *ns.Namespace) Kept {
	w := Kept{Namespace: k.c.namespace(n)}
	w.Holders = k.c.holders(n)
	if a, ok := k.answers[n.Inode]; ok {
		w.Answer = &Answer{a.Verdict, append([]string{}, a.Fix...), append([]string{}, a.Advice...)}
	}
	if k.heard[n.Inode] {
		all := []Listener{}
		if hit := k.ports[n.Inode]; hit != nil {
			all = k.c.listeners(hit)
		}
		w.Listeners = &all
	}
	for _, l := range k.c.snap.Kept.Local[n.Inode] {
		w.Local = append(w.Local, LocalRoute{l.Prefix.String(), l.Index})
	}
	return w
}
