// SPDX-License-Identifier: Apache-2.0

package enter

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/internal/host"
	"github.com/nsinspect/nsinspect/internal/kernel"
	"github.com/nsinspect/nsinspect/internal/nsfs"
	"github.com/nsinspect/nsinspect/pkg/ns"
)

// Types are the types of namespaces that a command can be run in, in the order in which
// nsenter(1) enters them. A user or time namespace is none of them: a process of several
// threads may not enter one (kernel/user_namespace.c, userns_install, and
// kernel/time/namespace.c, timens_install, 6.18).
var Types = []ns.Type{ns.Cgroup, ns.IPC, ns.UTS, ns.Net, ns.PID, ns.Mnt}

// Process is a process some of whose namespaces are open. Only the process that had its
// number from the first to the last of them is one: its stat file stays its own.
type Process struct {
	PID        ns.TaskID
	Comm       string
	Namespaces []Namespace // in the order of Types
	stat       host.StatFile
}

// Namespace is an open namespace.
type Namespace struct {
	File int // open for reading
	ns.Namespace
}

// ForeignMountsError is the error for a mount namespace of another user namespace than ours.
// Whoever has that has chosen the programs there, which would run with our rights.
type ForeignMountsError struct {
	PID   ns.TaskID
	Inode uint64
	Owner uint64 // inode of the user namespace that owns it; 0 if unknown
	UID   int    // that made that; -1 if unknown
}

func (e *ForeignMountsError) Error() string {
	mnt, by := ns.FormatLink(ns.Mnt, e.Inode), ""
	if e.Owner == 0 {
		return fmt.Sprintf("which user namespace %s belongs to is not shown here, and programs from there would run with your rights", mnt)
	}
	if e.UID >= 0 {
		by = fmt.Sprintf(", which uid %d made", e.UID)
	}
	return fmt.Sprintf("%s belongs to %s%s: programs from there would run with your rights", mnt, ns.FormatLink(ns.User, e.Owner), by)
}

// OpenProcess opens namespaces of these types of the process that has a PID and, unless born
// is 0, was born at that time after boot, and that is in a namespace which the caller keeps
// open. It returns a ForeignMountsError for mounts that are none of the caller's.
func OpenProcess(h *host.Host, pid ns.TaskID, born time.Duration, in *ns.Namespace, types []ns.Type) (p *Process, err error) {
	stat, err := h.OpenStat(pid.String())
	if err != nil {
		return nil, fmt.Errorf("process %d has ended", pid)
	}
	opened := &Process{PID: pid, stat: stat}
	defer func() {
		if err != nil {
			opened.Close()
		}
	}()
	st, err := stat.Read()
	if err != nil || born != 0 && !st.IsOf(born) {
		return nil, fmt.Errorf("process %d has ended", pid)
	}
	opened.Comm = st.Comm
	if t, inode, err := h.LookupNamespace(opened.file(in.Type)); err != nil || t != in.Type || inode != in.Inode {
		return nil, fmt.Errorf("process %d has left %s", pid, in)
	}
	for _, t := range Types {
		if !slices.Contains(types, t) {
			continue
		}
		if err := opened.open(h, t); err != nil {
			return nil, err
		}
	}
	return opened, opened.check(h)
}

func (p *Process) file(t ns.Type) string { return "/proc/" + p.PID.String() + "/ns/" + t.String() }

// open opens the namespace of one type.
func (p *Process) open(h *host.Host, t ns.Type) error {
	fd, err := h.OpenNamespace(p.file(t))
	if err != nil {
		switch {
		case h.LacksType("/proc/"+p.PID.String()+"/ns", t):
			err = kernel.NoTypeError{Type: t}
		case Denied(err):
			err = &kernel.DeniedError{Capability: unix.CAP_SYS_PTRACE, Err: err}
		}
		return fmt.Errorf("open the %s namespace of process %d: %w", t, p.PID, err)
	}
	n := Namespace{File: fd, Namespace: ns.Namespace{OwnerUID: -1}}
	p.Namespaces = append(p.Namespaces, n) // which closes it
	last := &p.Namespaces[len(p.Namespaces)-1]
	if last.Type, last.Inode, err = nsfs.Read(fd); err != nil || last.Type != t {
		return fmt.Errorf("the %s namespace of process %d cannot be identified", t, p.PID)
	}
	if t == ns.Mnt {
		return p.checkMounts(last)
	}
	return nil
}

// checkMounts returns an error unless the mounts are of our own user namespace: in any
// other a user may have the say over which files are there.
func (p *Process) checkMounts(n *Namespace) error {
	n.UserNS, n.OwnerUID = nsfs.Owner(ns.Mnt, n.File)
	var own unix.Stat_t
	if err := unix.Stat("/proc/self/ns/user", &own); err == nil && n.UserNS == own.Ino {
		return nil
	}
	return &ForeignMountsError{p.PID, n.Inode, n.UserNS, n.OwnerUID}
}

// check returns an error unless the process is there still, and in the namespaces that are
// open: then it had its number all the time, and they are those of one moment.
func (p *Process) check(h *host.Host) error {
	for _, n := range p.Namespaces {
		if t, inode, err := h.LookupNamespace(p.file(n.Type)); err != nil || t != n.Type || inode != n.Inode {
			return fmt.Errorf("process %d has left %s meanwhile", p.PID, n.String())
		}
	}
	return p.Alive()
}

// Alive returns an error if the process has ended.
func (p *Process) Alive() error {
	if _, err := p.stat.Read(); err != nil {
		return fmt.Errorf("process %d has ended", p.PID)
	}
	return nil
}

// Close closes what is open.
func (p *Process) Close() {
	p.stat.Close()
	for _, n := range p.Namespaces {
		unix.Close(n.File)
	}
}

// Has reports whether a namespace of a type is open.
func (p *Process) Has(t ns.Type) bool {
	return slices.ContainsFunc(p.Namespaces, func(n Namespace) bool { return n.Type == t })
}

// enterAll makes the namespaces those of the calling thread, and of its children where it is
// a PID namespace.
func (p *Process) enterAll() error {
	for _, n := range p.Namespaces {
		if err := n.enter(); err != nil {
			return &StepError{stepOther + n.String(), err}
		}
	}
	return nil
}

// enter has the thread enter the namespace, if the open file is of that one: setns enters what
// a file is of.
func (n *Namespace) enter() error {
	t, inode, err := nsfs.Read(n.File)
	if err != nil || t != n.Type || inode != n.Inode {
		return errors.New("its file cannot be identified")
	}
	if t == ns.Mnt {
		// Threads that share their root directory may not (fs/namespace.c, mntns_install, 6.18).
		if err := unix.Unshare(unix.CLONE_FS); err != nil {
			return err
		}
	}
	return unix.Setns(n.File, t.Flag())
}
