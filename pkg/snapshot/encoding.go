// SPDX-License-Identifier: Apache-2.0

package snapshot

import (
	"slices"

	"github.com/nsinspect/nsinspect/internal/wire"
)

// head changes the head of a document as it is to be written.
func (e Encoding) head(s *wire.Snapshot) {
	r := e.Redact
	if r == nil {
		return
	}
	s.Redacted, s.RedactKey = true, r.keyID()
	r.machine(&s.Head)
	r.parts(&s.Root)
	for i := range s.NamesDirs {
		r.parts(&s.NamesDirs[i])
	}
	if s.NoEngine != nil {
		r.sentence(&s.NoEngine.Error)
	}
	for i := range s.Users {
		r.name(&s.Users[i].Name)
	}
	for i := range s.Dangling {
		d := &s.Dangling[i]
		r.pathOf(&d.Path, &d.PathBase64)
		r.sentence(&d.Reason)
		r.parts(&d.Target)
		d.TargetBase64 = nil
	}
	for i := range s.Containers {
		c := &s.Containers[i]
		r.owner(&c.Owner)
		r.parts(&c.Sandbox)
		r.parts(&c.Dir)
		c.IPs = slices.Clone(c.IPs)
		for k := range c.IPs {
			r.address(&c.IPs[k])
		}
	}
}

// machine replaces what names the machine.
func (r *Redaction) machine(h *wire.Head) {
	r.name(&h.Host)
	r.name(&h.MachineID)
	for i := range h.Gaps {
		g := &h.Gaps[i]
		r.gap(&g.Path)
		r.sentence(&g.Error)
		g.PathBase64 = nil
	}
}

// holders changes holders of a namespace as they are to be written.
func (e Encoding) holders(all []wire.KeptHolder) {
	for i := range all {
		h := &all[i]
		if e.NoCmdline || e.Redact != nil {
			leaveOut(&h.Details)
			if h.Pin != nil {
				leaveOut(&h.Pin.Details)
			}
		}
		if e.Redact != nil {
			e.Redact.holder(&h.Holder)
		}
	}
}

// namespace changes a namespace as it is to be written.
func (e Encoding) namespace(n *wire.Kept) {
	e.holders(n.Holders)
	if e.NoCmdline || e.Redact != nil {
		if n.Leader != nil {
			leaveOut(&n.Leader.Details)
		}
		if n.Listeners != nil {
			for _, l := range *n.Listeners {
				for i := range l.Holders {
					leaveOut(&l.Holders[i].Details)
				}
			}
		}
	}
	r := e.Redact
	if r == nil {
		return
	}
	e.names(n.Names)
	r.owner(n.Owner)
	for i := range n.Links {
		r.link(&n.Links[i])
	}
	if n.Answer != nil {
		r.sentence(&n.Answer.Verdict.Literal)
		r.texts(n.Answer.Fix)
		r.texts(n.Answer.Advice)
	}
	if n.Listeners != nil {
		for i := range *n.Listeners {
			l := &(*n.Listeners)[i]
			r.address(&l.Address)
			r.name(&l.Device)
			l.DeviceBase64 = nil
			for k := range l.Holders {
				r.holder(&l.Holders[k])
			}
		}
	}
	for i := range n.Local {
		r.address(&n.Local[i].Prefix)
	}
}

// process changes a process as it is to be written.
func (e Encoding) process(p *wire.KeptProcess) {
	if e.NoCmdline || e.Redact != nil {
		leaveOut(&p.Details)
	}
	if e.Redact != nil {
		e.Redact.owner(p.Owner)
		e.Redact.owner(p.Inside)
	}
}

// leaveOut replaces a command line by the name of the program, as ps -o comm has it.
func leaveOut(d *wire.Details) {
	if d.Cmdline != nil {
		d.Cmdline, d.CmdlineBase64 = []string{d.Comm}, nil
		if d.CommBase64 != nil {
			d.CmdlineBase64 = [][]byte{d.CommBase64}
		}
	}
}

func (r *Redaction) link(l *wire.Link) {
	r.name(&l.Name)
	l.NameBase64, l.AltNamesBase64 = nil, nil
	l.AltNames = slices.Clone(l.AltNames)
	for i := range l.AltNames {
		r.name(&l.AltNames[i])
	}
	r.hardware(&l.MAC)
	for i := range l.Addrs {
		r.address(&l.Addrs[i])
	}
	if l.Peer != nil {
		r.name(&l.Peer.Name)
		l.Peer.NameBase64 = nil
		r.ref(l.Peer.Namespace)
	}
}

func (r *Redaction) ref(n *wire.Ref) {
	if n != nil {
		r.parts(&n.Name) // a user's is user:1000/NAME
		n.NameBase64 = nil
	}
}

func (r *Redaction) holder(h *wire.Holder) {
	r.owner(h.Owner)
	r.address(&h.Peer)
	r.name(&h.Device)
	h.DeviceBase64 = nil
	r.ref(h.Namespace)
	if h.Path != "" {
		r.pathOf(&h.Path, &h.PathBase64)
	}
	if h.Pin != nil {
		r.holder(h.Pin)
	}
}

// names changes names of a namespace as they are to be written.
func (e Encoding) names(all []wire.KeptName) {
	for i := range all {
		if name := &all[i]; e.Redact != nil {
			e.Redact.name(&name.Name)
			name.NameBase64 = nil
			e.Redact.pathOf(&name.Path, &name.PathBase64)
		}
	}
}

// texts changes texts as they are to be written.
func (e Encoding) texts(all []wire.Text) {
	if e.Redact != nil {
		e.Redact.texts(all)
	}
}

// finding changes a finding as it is to be written.
func (e Encoding) finding(f *wire.Finding) {
	r := e.Redact
	if r == nil {
		return
	}
	r.owner(f.Owner)
	r.ref(f.Subject)
	if f.Path != "" {
		r.pathOf(&f.Path, &f.PathBase64)
	}
	for _, text := range []*string{&f.ID, &f.Title, &f.Summary, &f.Meaning} {
		r.sentence(text)
	}
	f.Alternative = slices.Clone(f.Alternative)
	for _, texts := range [][]string{f.Evidence, f.Fix, f.Alternative, f.Advice} {
		r.sentences(texts)
	}
}

// doctor changes a report as it is to be written.
func (e Encoding) doctor(d *wire.KeptDoctor) {
	if e.Redact != nil {
		e.Redact.machine(&d.Head)
	}
}

// unknown changes checks as they are to be written.
func (e Encoding) unknown(all []wire.UnknownCheck) {
	for i := range all {
		if e.Redact != nil {
			e.Redact.sentence(&all[i].Why)
		}
	}
}
