// SPDX-License-Identifier: Apache-2.0

// Package explain is the only place where sentences and advice are written: the verdict
// on a namespace, what a finding means, and how to free or repair what it is about.
//
// The reader is root, and what is on the machine is not only root's. A command is
// printed only if it runs, opens, removes and mounts nothing that a user controls, if what
// it is about was looked at in the way that the command will go, and if it can be
// written as one line of POSIX shell in printable ASCII. Where there is no such command,
// the advice is in words.
package explain

import (
	"os/exec"
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/internal/host"
	"github.com/nsinspect/nsinspect/internal/kernel"
	"github.com/nsinspect/nsinspect/pkg/ns"
	"github.com/nsinspect/nsinspect/pkg/owner"
)

// Adviser writes about the namespaces of one snapshot.
type Adviser struct {
	Snapshot *ns.Snapshot
	Machine  Machine                         // nil if only the snapshot is there: paths are believed, and no process is ended by a command
	Owners   func() Owners                   // nil if owners are unknown
	Process  func(pid ns.TaskID) *ns.Process // returns nil for one that has ended; nil if only holders are known

	// Connections counts the TCP connections in a network namespace; nil if there is only
	// the snapshot.
	Connections func(n *ns.Namespace) (int, error)

	Answers map[uint64]Answer // by inode, of a snapshot from a file; what has none is worked out, as the host's own namespace that nothing visible keeps

	unchecked bool                    // no more commands are checked: see mostChecked
	confined  bool                    // this process may not enter the mount namespaces of others
	busybox   bool                    // umount of this machine enters no mount namespace
	inside    map[uint64][]ns.TaskID  // see tasksIn
	open      map[uint64]int          // see connections
	covered   map[mountPoint]bool     // see stacked; nil until it is asked for
	freezers  map[string]host.Freezer // by the text of a cgroup file
}

// Machine is what a command is checked against before it is printed. A *host.Host is one.
type Machine interface {
	LookupNamespace(name string) (ns.Type, uint64, error)
	NamespaceLink(name string) (inode uint64, err error)
	Authority(name string) (ns.Authority, error)
	AuthorityInside(task ns.TaskID, name string) (ns.Authority, error)
	AuthorityOf(uid int) ns.Authority
	ProcessAuthority(pid ns.TaskID) ns.Authority
	ReadProcLink(pid ns.TaskID, name string) (string, error)
	ReadStat(task string) (host.Stat, error)
	BootTime() (time.Time, error)
	OutlivesTerm(pid ns.TaskID) bool
	ReadCgroup(task string) ([]byte, error)
	FreezerOf(cgroups string) host.Freezer
	OwnTaskIDs() bool
	Recorded() bool
}

// Owners finds whose things are. An *owner.Index does.
type Owners interface {
	Of(pid ns.TaskID, born time.Duration) *owner.Owner
	Namespace(n *ns.Namespace) *owner.Owner
	Holder(n *ns.Namespace, h *ns.Holder) *owner.Owner
	Containers() []owner.Container
}

// New returns an adviser on a snapshot of a machine.
func New(s *ns.Snapshot, m Machine, owners func() Owners) *Adviser {
	return &Adviser{Snapshot: s, Machine: m, Owners: owners, busybox: !umountEnters(), confined: !kernel.HasCapability(unix.CAP_SYS_ADMIN)}
}

// umountEnters reports whether umount has the option -N, as that of util-linux has, and
// BusyBox's has not.
func umountEnters() bool {
	name, err := exec.LookPath("umount")
	if err != nil {
		return true // the command may be for another machine
	}
	program, err := filepath.EvalSymlinks(name)
	return err != nil || filepath.Base(program) != "busybox"
}

// live reports whether the machine is a running one whose processes have the PIDs that a
// command of this process's PID namespace takes.
func (a *Adviser) live() bool {
	return a.Machine != nil && !a.Machine.Recorded() && a.Machine.OwnTaskIDs()
}

// leads reports whether a path of this mount namespace leads to a namespace. Of a
// recorded machine that is believed.
func (a *Adviser) leads(name string, t ns.Type, inode uint64) bool {
	if a.Machine == nil || a.Machine.Recorded() {
		return true
	}
	typ, there, err := a.Machine.LookupNamespace(name)
	return err == nil && typ == t && there == inode
}

// directory returns who controls a directory and the way there.
func (a *Adviser) directory(name string) ns.Authority {
	if a.Machine == nil {
		return ns.UnknownAuthority
	}
	authority, err := a.Machine.Authority(name)
	if err != nil {
		return ns.UnknownAuthority
	}
	return authority
}

// owner returns whose the process of a holder is, nil if that is unknown or nobody's.
// A pod's is the pod, with the ID of its sandbox, if the namespace is the pod's.
func (a *Adviser) owner(n *ns.Namespace, h *ns.Holder) *owner.Owner {
	if a.Owners == nil {
		return nil
	}
	o := a.Owners().Holder(n, h)
	if whole := a.Owners().Namespace(n); o != nil && whole != nil && o.Pod != "" && whole.Pod == o.Pod {
		return whole
	}
	return o
}

// holderOwner returns whose the process of a holder is that holds no namespace itself.
func (a *Adviser) holderOwner(h *ns.Holder) *owner.Owner {
	if a.Owners == nil {
		return nil
	}
	born := h.Born
	if born == 0 && h.Process != nil {
		born = h.Process.Born
	}
	return a.Owners().Of(h.PID, born)
}

// tasksIn returns the processes and threads of a mount namespace as holders of it, by
// what the snapshot has of mount namespaces or else by the links of every process in it.
func (a *Adviser) tasksIn(mountNS uint64) []*ns.Holder {
	var tasks []*ns.Holder
	if n := a.Snapshot.Find(mountNS); n != nil {
		for i := range n.Holders {
			if n.Holders[i].IsTask() {
				tasks = append(tasks, &n.Holders[i])
			}
		}
		return tasks
	}
	if a.inside == nil {
		a.inside = a.readInside()
	}
	for _, pid := range a.inside[mountNS] {
		h := &ns.Holder{Kind: ns.KindProcess, PID: pid, Process: a.process(pid)}
		if a.isIn(pid, mountNS) { // what was read is of a process that is there
			tasks = append(tasks, h)
		}
	}
	return tasks
}

func (a *Adviser) readInside() map[uint64][]ns.TaskID {
	inside := map[uint64][]ns.TaskID{}
	if a.Machine == nil {
		return inside
	}
	var pids []ns.TaskID
	for i := range a.Snapshot.Namespaces {
		n := &a.Snapshot.Namespaces[i]
		for j := range n.Holders {
			if h := &n.Holders[j]; h.IsTask() {
				pids = append(pids, h.PID)
			}
		}
	}
	slices.Sort(pids)
	for _, pid := range slices.Compact(pids) {
		if inode, err := a.Machine.NamespaceLink(pid.String() + "/ns/mnt"); err == nil { // else it has ended, or is a gap of the scan
			inside[inode] = append(inside[inode], pid)
		}
	}
	return inside
}

// isIn reports whether a task is in a mount namespace.
func (a *Adviser) isIn(task ns.TaskID, mountNS uint64) bool {
	inode, err := a.Machine.NamespaceLink(task.String() + "/ns/mnt")
	return err == nil && inode == mountNS
}

// process returns the details of a process, nil if they are unknown.
func (a *Adviser) process(pid ns.TaskID) *ns.Process {
	if a.Process == nil {
		return nil
	}
	return a.Process(pid)
}
