// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"path"
	"time"

	"github.com/nsinspect/nsinspect/pkg/ns"
)

// KeptProcess is a process that holds namespaces of a snapshot.
type KeptProcess struct {
	PID     ns.TaskID `json:"pid"`
	Details           // without started where that is the boot and started_after_boot_ns later
	Owner   *Owner    `json:"owner,omitempty"`
	Inside  *Owner    `json:"inside,omitempty"` // the owner of the process where it is in a namespace that is not the host's own, if that is another
}

// Kept is a namespace in a snapshot. Other documents have the same of it in full: see
// Namespace.
type Kept struct {
	Type       string      `json:"type" jsonschema:"enum=net,enum=mnt,enum=user,enum=pid,enum=ipc,enum=uts,enum=cgroup,enum=time"`
	Inode      uint64      `json:"inode"`
	Cookie     uint64      `json:"cookie,omitempty"`
	Initial    bool        `json:"initial,omitempty"`
	UserNS     uint64      `json:"userns,omitempty"`
	Parent     uint64      `json:"parent,omitempty"`
	OwnerUID   *int        `json:"owner_uid,omitempty"`
	NSID       *int        `json:"nsid,omitempty"`
	Names      []KeptName  `json:"names,omitempty"`
	Owner      *Owner      `json:"owner,omitempty"`
	Threads    int         `json:"threads,omitempty"`
	References *References `json:"references,omitempty"`
	Leader     *Process    `json:"leader,omitempty"` // with its pid alone if it is in processes
	Age        *Age        `json:"age,omitempty"`
	Links      []Link      `json:"links,omitempty"`
	Members    []int       `json:"members,omitempty"` // the processes in it: the places in processes, from 0 on, of the first and the last of those that follow one another there, again and again
	Owns       bool        `json:"owns,omitempty"`    // true if it is held by all namespaces of the snapshot that have it as userns or parent

	Answer    *Answer      `json:"answer,omitempty"`    // as who-uses gives it
	Listeners *[]Listener  `json:"listeners,omitempty"` // of a network namespace its listening sockets; absent if they were not read
	Local     []LocalRoute `json:"local_routes,omitempty"`

	Holders []KeptHolder `json:"holders,omitempty"` // the others
}

// KeptName is a name of a namespace in a snapshot.
type KeptName struct {
	Name       string `json:"name,omitempty"` // absent if it is the last element of the path
	NameBase64 []byte `json:"name_base64,omitempty"`
	Path       string `json:"path"`
	PathBase64 []byte `json:"path_base64,omitempty"`
	Kind       string `json:"kind" jsonschema:"enum=mount,enum=symlink"`
	Authority  string `json:"authority" jsonschema:"pattern=^(kernel|root|user|user:[1-9][0-9]*)$"`
}

// Base returns the name.
func (n *KeptName) Base() string {
	if n.Name == "" {
		return path.Base(n.Path)
	}
	return n.Name
}

// KeptHolder is a holder in a snapshot.
type KeptHolder struct {
	Holder      // without what processes has of its process
	Apart  bool `json:"apart,omitempty"` // true if that does not count: what is absent is unknown
}

// Answer is the answer to who uses a namespace.
type Answer struct {
	Verdict Text   `json:"verdict"`
	Fix     []Text `json:"fix"`
	Advice  []Text `json:"advice"`
}

// LocalRoute is a route by which a namespace takes addresses for its own that no link has.
type LocalRoute struct {
	Prefix string `json:"prefix"`
	Index  int    `json:"index"` // of the link that it is of
}

// KeptDoctor is the report of doctor in a snapshot: see Doctor. A check that could not read
// everything is among Unknown also where it found something.
type KeptDoctor struct {
	Head
	Status    string         `json:"status" jsonschema:"enum=ok,enum=unknown,enum=warning,enum=critical"`
	Headline  string         `json:"headline"`
	Tolerated int            `json:"tolerated"`
	Findings  []KeptFinding  `json:"findings"`
	Unknown   []UnknownCheck `json:"unknown"`
}

// KeptFinding is a finding in a snapshot: see Finding.
type KeptFinding struct {
	ID          Text       `json:"id"`
	Check       string     `json:"check"`
	Severity    string     `json:"severity" jsonschema:"enum=unknown,enum=warning,enum=critical"`
	Title       Text       `json:"title"`
	On          uint64     `json:"on,omitempty"`      // the inode of the namespace that it is about
	Subject     *Ref       `json:"subject,omitempty"` // the namespace, if that is not in the snapshot
	Owner       *Owner     `json:"owner,omitempty"`
	PID         ns.TaskID  `json:"pid,omitempty"`
	Path        Text       `json:"path,omitzero"`
	PathBase64  []byte     `json:"path_base64,omitempty"`
	Summary     Text       `json:"summary"`
	Evidence    []Text     `json:"evidence"`
	Meaning     Text       `json:"meaning"`
	Fix         []Text     `json:"fix"`
	Alternative []Text     `json:"alternative,omitempty"`
	Advice      []Text     `json:"advice"`
	Since       *time.Time `json:"since,omitempty"`   // absent if it is the age of the namespace
	Undated     bool       `json:"undated,omitempty"` // true if it is absent because it is unknown
	Authority   string     `json:"authority" jsonschema:"pattern=^(kernel|root|user|user:[1-9][0-9]*)$"`
}

// longestWord is less than what is cut (MaxString).
const longestWord = 1 << 12

// Words returns what the texts about a namespace have in common with those about others.
func (n *Kept) Words() Words {
	w := Words{Ref: refOf(n.Type, n.Inode)}
	for i := range n.Names {
		if name := &n.Names[i]; name.NameBase64 == nil && name.PathBase64 == nil && len(name.Path) <= longestWord {
			w.Name, w.Path = name.Base(), name.Path
			return w
		}
	}
	for i := 0; i < len(n.Holders) && w.Path == ""; i++ {
		w.Path = PathOf(&n.Holders[i])
	}
	return w
}

// PathOf returns the path of a mount that Words has if no holder before has one, "" for any other
// holder.
func PathOf(h *KeptHolder) string {
	if h.Kind != ns.KindMount.String() || h.PathBase64 != nil || len(h.Path) > longestWord {
		return ""
	}
	return h.Path
}

func refOf(typ string, inode uint64) string {
	t, err := ns.ParseType(typ)
	if err != nil {
		return ""
	}
	return ns.FormatLink(t, inode)
}
