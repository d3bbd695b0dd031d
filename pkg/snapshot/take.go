// SPDX-License-Identifier: Apache-2.0

package snapshot

import (
	"context"
	"os/user"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/internal/explain"
	"github.com/nsinspect/nsinspect/internal/host"
	"github.com/nsinspect/nsinspect/internal/kernel"
	"github.com/nsinspect/nsinspect/internal/text"
	"github.com/nsinspect/nsinspect/pkg/doctor"
	"github.com/nsinspect/nsinspect/pkg/links"
	"github.com/nsinspect/nsinspect/pkg/ns"
	"github.com/nsinspect/nsinspect/pkg/owner"
)

// Source is the machine that a snapshot is taken of.
type Source struct {
	Host *host.Host // it must be open

	// Whole takes a scan of all types by every source, whose holders are described.
	Whole func(context.Context) (*ns.Snapshot, map[ns.TaskID]host.Task, error)

	// Scan takes one of some types, which needs no details but cookies.
	Scan func(ctx context.Context, types ...ns.Type) (*ns.Snapshot, error)

	// Adviser returns who writes about the namespaces of a scan.
	Adviser func(*ns.Snapshot, *owner.Index) *explain.Adviser

	Doctor doctor.Options // Pause and MinAge of the report that is kept; the rest is filled in
}

// Taking is a snapshot whose report needs a second look.
type Taking struct {
	File    // has no Answers, unless it is Whole
	first   *doctor.First
	answers answers
}

// Report takes the second look, if there is anything to confirm, and returns the report of
// namespaces of all types, of which much is packed: see doctor.First.End.
func (t *Taking) Report(ctx context.Context) (*doctor.Report, error) { return t.first.End(ctx) }

// Whole takes the second look, as Report does, and returns the snapshot with all that it has.
func (t *Taking) Whole(ctx context.Context) (*File, error) {
	var err error
	if t.File.Report, err = t.Report(ctx); err != nil {
		return nil, err
	}
	t.File.Report.Unpack()
	t.Answers = make(map[uint64]explain.Answer, len(t.Snapshot.Namespaces))
	for i := range t.Snapshot.Namespaces {
		n := &t.Snapshot.Namespaces[i]
		t.Answers[n.Inode] = t.answers.get(n).Whole()
	}
	return &t.File, nil
}

// Take takes a snapshot of a machine by one scan, which is the first look of doctor as well.
// It needs what the scan needs to see everything: root. It fails only if the scan does or ctx
// ends.
func Take(ctx context.Context, from Source) (*Taking, error) {
	snap, tasks, err := from.Whole(ctx)
	if err != nil {
		return nil, err
	}
	looked := time.Now()
	t := &Taking{File: File{Snapshot: snap, Authority: ns.RootAuthority}}
	snap.Kept = &ns.Kept{UID: unix.Geteuid(), Own: own(from.Host), Capabilities: kernel.Capabilities()}
	if t.Sockets, snap.Kept.Local, err = links.ReadAll(ctx, from.Host, snap); err != nil {
		return nil, err
	}
	machine := remember(from.Host, tasks)
	opts := from.doctor()
	opts.Machine, opts.Tasks = machine, tasks
	if t.first, err = doctor.Begin(ctx, opts, snap, looked); err != nil {
		return nil, err
	}
	t.Owners = t.first.Owners().Record(snap)
	if err := t.answer(ctx, from, machine); err != nil {
		return nil, err
	}
	machine.forget()
	snap.Kept.Users = t.users()
	inTicks(snap)
	snap.Sort()
	return t, nil
}

// answer has every namespace answered for, as if those of its type alone had been asked about.
func (t *Taking) answer(ctx context.Context, from Source, machine explain.Machine) error {
	snap := t.Snapshot
	lone := *snap
	lone.Gaps = snap.GapsOf()
	living, others := from.Adviser(snap, t.Owners), from.Adviser(&lone, t.Owners)
	living.Machine, others.Machine = machine, machine
	if living.Process != nil {
		living.Process = processes(living.Process)
		others.Process = living.Process
	}
	t.answers = answers{make(map[uint64]packed, len(snap.Namespaces)), map[text.Packed]text.Packed{}}
	for i := range snap.Namespaces {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		n, adviser := &snap.Namespaces[i], others
		if n.Type == ns.User || n.Type == ns.PID {
			adviser = living
		}
		answer := adviser.Lists(n)
		t.answers.put(n, &answer)
	}
	return nil
}

// inTicks gives start times the precision that a file has, which is that of /proc: so those of
// one process are equal in both.
func inTicks(snap *ns.Snapshot) {
	for i := range snap.Namespaces {
		n := &snap.Namespaces[i]
		if n.Leader != nil {
			n.Leader.Born = n.Leader.Born.Truncate(host.Tick)
		}
		for j := range n.Holders {
			h := &n.Holders[j]
			if h.Born = h.Born.Truncate(host.Tick); h.Process != nil {
				h.Process.Born = h.Process.Born.Truncate(host.Tick)
			}
		}
	}
}

// doctor returns the options of doctor, for its second look.
func (from Source) doctor() doctor.Options {
	opts := from.Doctor
	opts.Host, opts.Types, opts.ForChoice = from.Host, ns.Types(), true
	opts.Scan = func(ctx context.Context) (*ns.Snapshot, error) { return from.Scan(ctx, ns.Net) }
	opts.ScanAll = func(ctx context.Context) (*ns.Snapshot, error) { return from.Scan(ctx, ns.Types()...) }
	return opts
}

// own returns the inodes of the namespaces that this process is in.
func own(h *host.Host) (all [ns.NumTypes]uint64) {
	if !h.OwnTaskIDs() {
		return all
	}
	for _, t := range ns.Types() {
		if _, inode, err := h.NamespaceAt("/proc/self/ns/" + t.String()); err == nil { // if not, it stays unknown
			all[t] = inode
		}
	}
	return all
}

// users returns the names of the users that occur.
func (t *Taking) users() map[int]string {
	uids := map[int]bool{}
	for i := range t.Snapshot.Namespaces {
		n := &t.Snapshot.Namespaces[i]
		uids[n.OwnerUID] = true
		if n.Leader != nil {
			uids[n.Leader.UID] = true
		}
		for j := range n.Holders {
			if p := n.Holders[j].Process; p != nil {
				uids[p.UID] = true
			}
		}
	}
	for _, hit := range t.Sockets.Hits {
		for _, l := range hit.Listeners {
			uids[l.UID] = true
		}
	}
	names := map[int]string{}
	for uid := range uids {
		if t.Snapshot.Root != "/" || uid < 0 {
			continue // the names of another tree are not this machine's
		}
		if u, err := user.LookupId(strconv.Itoa(uid)); err == nil {
			names[uid] = u.Username
		}
	}
	return names
}
