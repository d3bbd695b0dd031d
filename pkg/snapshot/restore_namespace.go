// SPDX-License-Identifier: Apache-2.0

package snapshot

import (
	"net/netip"
	"slices"

	"github.com/nsinspect/nsinspect/internal/wire"
	"github.com/nsinspect/nsinspect/pkg/ns"
	"github.com/nsinspect/nsinspect/pkg/owner"
)

// namespace adds a namespace.
func (r *restorer) namespace(w *kept) error {
	t, err := ns.ParseType(w.Type)
	if err != nil || w.Inode == 0 {
		return bad("the type of a namespace", w.Type)
	}
	n := ns.Namespace{Type: t, Inode: w.Inode, Cookie: w.Cookie, UserNS: w.UserNS, Parent: w.Parent, OwnerUID: -1, NSID: w.NSID, Threads: w.Threads, Initial: w.Initial}
	if w.OwnerUID != nil {
		n.OwnerUID = *w.OwnerUID
	}
	if w.Age != nil {
		n.Age = ns.Age{Since: w.Age.Since, From: ns.AgeFrom(w.Age.From)}
	}
	if w.References != nil {
		n.References = &ns.References{Total: w.References.Total, Explained: w.References.Explained}
	}
	if w.Leader != nil {
		n.Leader = r.leader(w.Leader)
	}
	if len(w.Names) > 0 {
		n.Names = make([]ns.Name, 0, len(w.Names))
	}
	for i := range w.Names {
		name := &w.Names[i]
		a, err := authority(name.Authority)
		if err != nil {
			return err
		}
		n.Names = append(n.Names, ns.Name{Name: textOf(name.Base(), name.NameBase64), Path: textOf(name.Path, name.PathBase64), Kind: ns.NameKind(name.Kind), Authority: a})
	}
	if n.Links, err = linksOf(w.Links); err != nil {
		return err
	}
	if err := r.fill(&n, w); err != nil {
		return err
	}
	if err := r.extras(w, r.read.all.len()); err != nil {
		return err
	}
	r.read.all.add(n)
	words := w.Words()
	if words.Name == "" && words.Path == "" {
		words.Path = w.Holders.path
	}
	r.read.words.add(words)
	r.owners = append(r.owners, w.Owner)
	return nil
}

// fill fills in the holders of a namespace, but for its children.
func (r *restorer) fill(n *ns.Namespace, w *kept) error {
	others := &w.Holders
	if others.err != nil {
		return others.err
	}
	more := len(others.all)
	if len(w.Members) == 0 && more > mostRoom {
		more = 0 // see take
	}
	var err error
	if n.Holders, err = r.membersOf(w.Members, more); err != nil {
		return err
	}
	members := len(n.Holders)
	if r.members += members; r.members > mostMembers {
		return errTooLarge // also of those that share them: each is looked at
	}
	n.Holders = others.take(n.Holders)
	owners := slices.Clone(others.owners)
	for i := range owners {
		h := &n.Holders[members+i]
		if p := r.known(h); p != nil && !others.apart[i] {
			h.Process, h.Born, owners[i] = p.Process, p.Born, p.of(n, h)
		}
	}
	if r.first, r.holders = append(r.first, members), append(r.holders, owners); w.Owns {
		r.owns = append(r.owns, r.read.all.len())
	}
	return nil
}

// membersOf returns as holders the processes at some places, with room for some more. Namespaces
// that have the same ones and no more share them: the host's own of all types mostly do.
func (r *restorer) membersOf(places []int, more int) ([]ns.Holder, error) {
	switch {
	case len(places) == 0:
		return make([]ns.Holder, 0, more), nil
	case more == 0 && slices.Equal(places, r.last.places):
		return r.last.holders, nil
	case len(places)%2 != 0:
		return nil, bad("the number of members", len(places))
	}
	count := 0
	for i, last := 0, -1; i < len(places); i += 2 {
		if places[i] <= last || places[i+1] < places[i] || places[i+1] >= len(r.processes) {
			return nil, bad("a member", places[i])
		}
		last = places[i+1]
		count += last - places[i] + 1
	}
	if count > mostMembers {
		return nil, errTooLarge
	}
	all := make([]ns.Holder, 0, count+more)
	for i := 0; i < len(places); i += 2 {
		for _, p := range r.processes[places[i] : places[i+1]+1] {
			all = append(all, ns.Holder{Kind: ns.KindProcess, PID: p.PID, FD: -1, Process: p.Process, Born: p.Born})
		}
	}
	if more == 0 {
		r.last.places, r.last.holders = places, all
	}
	return all, nil
}

// known returns the process of a holder that has no details itself, nil if it is not known.
func (r *restorer) known(h *ns.Holder) *knownProcess {
	at, ok := r.places[h.PID]
	if !ok || h.TID != 0 || h.PID == 0 || h.Kind == ns.KindMount {
		return nil
	}
	return &r.processes[at]
}

// of returns whose a process is as a holder.
func (p *knownProcess) of(n *ns.Namespace, h *ns.Holder) *wire.Owner {
	if owner.Inside(n, h) && p.inside != nil {
		return p.inside
	}
	return p.owner
}

// leader returns the leader of a namespace, which may have its details among the processes.
func (r *restorer) leader(w *wire.Process) *ns.Process {
	if at, ok := r.places[w.PID]; ok && w.Comm == "" && w.UID == nil && w.Started == nil {
		return r.processes[at].Process
	}
	return details(w.PID, &w.Details)
}

// process adds a process to the table.
func (r *restorer) process(w *wire.KeptProcess) error {
	pid := w.PID
	if n := len(r.processes); pid <= 0 || n > 0 && r.processes[n-1].PID >= pid {
		return bad("the PID of a process", w.PID)
	}
	p := details(pid, &w.Details)
	if w.Started == nil && !r.boot.IsZero() {
		p.Started = r.boot.Add(p.Born)
	}
	if r.places == nil {
		r.places = map[ns.TaskID]int{}
	}
	r.places[pid] = len(r.processes)
	r.processes = append(r.processes, knownProcess{p, w.Owner, w.Inside})
	return nil
}

// extras adds what a snapshot has beside a namespace.
func (r *restorer) extras(w *kept, place int) error {
	if r.answers == nil {
		r.answers, r.ports, r.local = map[int]*wire.Answer{}, map[int][]ns.Listener{}, map[uint64][]ns.Local{}
	}
	if w.Answer != nil {
		r.answers[place] = w.Answer
	}
	for _, l := range w.Local {
		prefix, err := netip.ParsePrefix(l.Prefix)
		if err != nil {
			return bad("the prefix of a route", l.Prefix)
		}
		r.local[w.Inode] = append(r.local[w.Inode], ns.Local{Prefix: prefix, Index: l.Index})
	}
	if w.Listeners == nil {
		return nil
	}
	r.heard = append(r.heard, w.Inode)
	for i := range *w.Listeners {
		l := &(*w.Listeners)[i]
		addr, err := netip.ParseAddr(l.Address)
		if err != nil || l.Port < 0 || l.Port > 1<<16-1 {
			return bad("the address of a listener", l.Address)
		}
		out := ns.Listener{Proto: l.Protocol, Addr: netip.AddrPortFrom(addr, uint16(l.Port)), V6Only: l.V6Only != nil && *l.V6Only, UID: l.UID, Socket: l.Inode}
		for k := range w.Links {
			if textOf(w.Links[k].Name, w.Links[k].NameBase64) == textOf(l.Device, l.DeviceBase64) {
				out.Index = w.Links[k].Index
			}
		}
		for k := range l.Holders {
			h, err := holder(&l.Holders[k])
			if err != nil {
				return err
			}
			out.Holders = append(out.Holders, h)
		}
		r.ports[place] = append(r.ports[place], out)
	}
	return nil
}
