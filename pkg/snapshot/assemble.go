// SPDX-License-Identifier: Apache-2.0

package snapshot

import (
	"time"

	"github.com/nsinspect/nsinspect/internal/wire"
	"github.com/nsinspect/nsinspect/pkg/doctor"
	"github.com/nsinspect/nsinspect/pkg/ns"
	"github.com/nsinspect/nsinspect/pkg/owner"
)

// file puts everything together.
func (r *restorer) file(head *wire.Snapshot) (*File, error) {
	r.all, r.words, r.texts = r.read.all.joined(), r.read.words.joined(), r.read.texts.joined()
	s, err := r.snapshot(head)
	if err != nil {
		return nil, err
	}
	r.reader, r.same = s.Kept.UID, map[wire.Owner]*owner.Owner{}
	f := &File{Snapshot: s, Sockets: r.hits(), Version: head.Version, Redacted: head.Redacted, redactKey: head.RedactKey}
	if f.Answers, err = r.answered(); err != nil {
		return nil, err
	}
	if f.Owners, err = r.index(head, s); err != nil {
		return nil, err
	}
	r.addChildren()
	r.trust(f)
	places := s.JoinChildren()
	r.wordsOf = make(map[uint64]*wire.Words, len(r.words))
	for i := range r.words {
		r.wordsOf[r.all[i].Inode] = &r.words[i]
	}
	if r.doctor != nil {
		f.Report, err = r.report(f, places)
	}
	return f, err
}

// snapshot makes the snapshot, whose authorities are not yet trusted or not.
func (r *restorer) snapshot(head *wire.Snapshot) (*ns.Snapshot, error) {
	s := &ns.Snapshot{
		Taken: head.Taken, Root: head.Root, Machine: ns.Machine{Host: head.Host, MachineID: head.MachineID, BootID: head.BootID},
		Kernel: head.Kernel, Engine: head.Engine, Sources: head.Sources, NamesDirs: head.NamesDirs, MountNS: head.MountNS,
		MountsAll: head.AllMounts, LoneMounts: head.LoneMounts, Namespaces: r.all, Gaps: gapsOf(head.Gaps, false),
		Kept: &ns.Kept{UID: head.Reader.UID, Capabilities: head.Reader.Capabilities, Users: map[int]string{}, Local: r.local},
	}
	if year := s.Taken.Year(); year < 1970 || year > 2200 { // there are nanoseconds for no more
		return nil, bad("the time that it was taken", head.Taken.Format(time.RFC3339))
	}
	if head.NoEngine != nil {
		s.NoEngine = wire.ErrorOf(head.NoEngine.Error, head.NoEngine.Code)
	}
	for _, word := range head.Types {
		t, err := ns.ParseType(word)
		if err != nil {
			return nil, bad("a type", word)
		}
		s.Types = append(s.Types, t)
	}
	for word, inode := range head.Initial {
		if t, err := ns.ParseType(word); err == nil {
			s.Initial[t] = inode
		}
	}
	for word, inode := range head.Reader.Namespaces {
		if t, err := ns.ParseType(word); err == nil {
			s.Kept.Own[t] = inode
		}
	}
	for _, u := range head.Users {
		s.Kept.Users[u.UID] = u.Name
	}
	for _, d := range head.Dangling {
		a, err := authority(d.Authority)
		if err != nil {
			return nil, err
		}
		s.Dangling = append(s.Dangling, ns.DanglingName{
			Path: textOf(d.Path, d.PathBase64), Kind: ns.NameKind(d.Kind), Reason: d.Reason, Target: textOf(d.Target, d.TargetBase64), Authority: a,
		})
	}
	return s, nil
}

// gapsOf returns the gaps of owners, or all others.
func gapsOf(all []wire.Gap, owners bool) (out []ns.Gap) {
	for _, g := range all {
		gap := ns.Gap{Sources: g.Sources, Path: textOf(g.Path, g.PathBase64), Err: wire.ErrorOf(g.Error, g.Code)}
		if gap.Of(owner.Source) == owners {
			out = append(out, gap)
		}
	}
	return out
}

// index makes the owners.
func (r *restorer) index(head *wire.Snapshot, s *ns.Snapshot) (*owner.Index, error) {
	var containers []owner.Container
	for _, c := range head.Containers {
		o, err := r.owner(&c.Owner)
		if err != nil {
			return nil, err
		}
		containers = append(containers, owner.Container{Owner: *o, PID: c.PID, State: c.State, Sandbox: c.Sandbox, NetNS: c.NetNS, IPs: c.IPs, Dir: c.Dir})
	}
	x := owner.Recorded(containers, gapsOf(head.Gaps, true))
	x.ReadBy(s.Kept.UID)
	for i := range r.processes {
		p := &r.processes[i]
		o, err := r.owner(p.owner)
		if err != nil {
			return nil, err
		}
		inside := o
		if p.inside != nil {
			if inside, err = r.owner(p.inside); err != nil {
				return nil, err
			}
		}
		x.AddProcess(p.PID, o, inside)
	}
	for i := range s.Namespaces {
		n := &s.Namespaces[i]
		o, err := r.owner(r.owners[i])
		if err != nil {
			return nil, err
		}
		x.AddNamespace(n, o)
		for j, w := range r.holders[i] {
			if o, err = r.owner(w); err != nil {
				return nil, err
			}
			x.AddHolder(n, &n.Holders[r.first[i]+j], o)
		}
	}
	r.owners, r.holders = nil, nil
	return x, nil
}

func (r *restorer) owner(w *wire.Owner) (*owner.Owner, error) {
	if w == nil {
		return nil, nil
	}
	if o := r.same[*w]; o != nil {
		return o, nil
	}
	a, err := authority(w.Authority)
	if err != nil {
		return nil, err
	}
	r.believe(&a)
	o := &owner.Owner{Runtime: w.Runtime, ID: w.ID, Name: w.Name, Pod: w.Pod, Unit: w.Unit, Service: w.Service, Guest: w.Guest, Namesake: w.Namesake, Static: w.Static, Authority: a}
	r.same[*w] = o
	return o, nil
}

// believe has an authority trusted if whoever took the snapshot trusts it.
func (r *restorer) believe(a *ns.Authority) {
	a.Trusted = a.Source != ns.OfUser || a.UID > 0 && int(a.UID) == r.reader
}

func (r *restorer) trust(f *File) {
	s := f.Snapshot
	for i := range s.Dangling {
		r.believe(&s.Dangling[i].Authority)
	}
	for i := range s.Namespaces {
		n := &s.Namespaces[i]
		for j := range n.Names {
			r.believe(&n.Names[j].Authority)
		}
		for j := range n.Holders {
			if h := &n.Holders[j]; h.Kind == ns.KindMount {
				r.believe(&h.Authority)
			}
		}
	}
}

// report makes the report of doctor.
func (r *restorer) report(f *File, places map[uint64]*ns.Namespace) (*doctor.Report, error) {
	d := r.doctor
	looked := *f.Snapshot.Of(ns.Net)
	looked.Taken, looked.Gaps, looked.Sources = d.Taken, gapsOf(d.Gaps, false), d.Sources
	out := &doctor.Report{Snapshot: &looked, Tolerated: d.Tolerated}
	if gaps := gapsOf(d.Gaps, true); gaps != nil {
		out.Owners = owner.Recorded(nil, gaps)
	}
	out.Findings = make([]doctor.Finding, r.read.findings.len())
	i := 0
	for w := range r.read.findings.each {
		if err := r.finding(&out.Findings[i], w, places); err != nil {
			return nil, err
		}
		i++
	}
	for _, u := range d.Unknown {
		out.Undecided = append(out.Undecided, doctor.Undecided{Check: u.Check, Why: u.Why})
	}
	return out, nil
}
