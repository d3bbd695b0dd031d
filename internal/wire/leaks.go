// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"time"

	"github.com/nsinspect/nsinspect/pkg/ns"
)

// Leaks is the document of nsinspect leaks.
type Leaks struct {
	Machine
	Series  []LeakSeries  `json:"series"`  // by host, then time
	Skipped []LeakSkipped `json:"skipped"` // the files that were not used
}

// LeakSeries are the snapshots of one boot of a machine.
type LeakSeries struct {
	Host      string    `json:"host,omitempty"`
	MachineID string    `json:"machine_id,omitempty"`
	BootID    string    `json:"boot_id,omitempty"`
	Snapshots int       `json:"snapshots"` // how many there are
	First     time.Time `json:"first"`     // when the first one was taken
	Last      time.Time `json:"last"`
	Leaks     []Leak    `json:"leaks"` // those that grow fastest first
}

// Leak is a group of namespaces without processes that grows. They are alike in type,
// runtime, names and creator, and each is in every snapshot since it was seen first.
type Leak struct {
	Type      string     `json:"type" jsonschema:"enum=net,enum=mnt,enum=user,enum=pid,enum=ipc,enum=uts,enum=cgroup,enum=time"`
	Runtime   string     `json:"runtime,omitempty"`   // of the owner
	Names     string     `json:"names,omitempty"`     // their names, with * for numbers, hashes and UUIDs; absent if they have none
	OwnerUID  *int       `json:"owner_uid,omitempty"` // the user who created the user namespace that owns them
	Count     int        `json:"count"`               // how many there are in the last snapshot
	Grown     int        `json:"grown"`               // how many of them were not in the first one
	PerHour   float64    `json:"per_hour"`            // how many came an hour
	FirstSeen time.Time  `json:"first_seen"`          // the snapshot that has one first
	FirstGrew LeakGrowth `json:"first_grew"`          // where the first of them came
	LastGrew  LeakGrowth `json:"last_grew"`           // where the last ones came
	Oldest    Ref        `json:"oldest"`
	Newest    Ref        `json:"newest"`
}

// LeakGrowth are two snapshots, one after the other, to be compared by nsinspect diff.
type LeakGrowth struct {
	Before       string    `json:"before"` // the file
	BeforeBase64 []byte    `json:"before_base64,omitempty"`
	After        string    `json:"after"`
	AfterBase64  []byte    `json:"after_base64,omitempty"`
	Taken        time.Time `json:"taken"` // when the second was taken
	Count        int       `json:"count"` // how many it has more
}

// LeakSkipped is a file that was not used.
type LeakSkipped struct {
	Path       string `json:"path"`
	PathBase64 []byte `json:"path_base64,omitempty"`
	Error      string `json:"error"` // why
}

// NewLeakSeries returns a series without its leaks.
func NewLeakSeries(m ns.Machine, snapshots int, first, last time.Time) LeakSeries {
	return LeakSeries{m.Host, m.MachineID, m.BootID, snapshots, first, last, []Leak{}}
}

// NewLeakGrowth returns a growth between two files.
func NewLeakGrowth(before, after string, taken time.Time, count int) LeakGrowth {
	return LeakGrowth{before, raw(before), after, raw(after), taken, count}
}

// NewLeakSkipped returns a file that was not used.
func NewLeakSkipped(path string, err error) LeakSkipped {
	return LeakSkipped{path, raw(path), err.Error()}
}

// NewLeakRef returns a reference to a namespace of which no more is known.
func NewLeakRef(t ns.Type, inode, cookie uint64, name string) Ref {
	return Ref{Type: t.String(), Inode: inode, Cookie: cookie, Name: name, NameBase64: raw(name)}
}
