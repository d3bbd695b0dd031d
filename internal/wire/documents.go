// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"time"

	"github.com/nsinspect/nsinspect/internal/explain"
	"github.com/nsinspect/nsinspect/pkg/doctor"
	"github.com/nsinspect/nsinspect/pkg/ns"
	"github.com/nsinspect/nsinspect/pkg/owner"
)

// List is the document of nsinspect list.
type List struct {
	Head
	Tree       string      `json:"tree,omitempty" jsonschema:"enum=owner,enum=parent"` // which tree was asked for: of owner, userns leads up; of parent, parent does
	Namespaces []Namespace `json:"namespaces"`                                         // by type, then inode, if no other order was asked for; in a tree, each before those below it
}

// NewList returns namespaces of a snapshot, with the owners that x finds.
func NewList(s *ns.Snapshot, x *owner.Index, all []*ns.Namespace) List {
	l := List{Namespaces: []Namespace{}}
	c := newConverter(s, x)
	for _, n := range all {
		l.Namespaces = append(l.Namespaces, c.namespace(n))
	}
	l.Head = newHead(s, x) // last: a search for owners may leave gaps
	return l
}

// Node is a namespace in a tree.
type Node struct {
	*ns.Namespace
	Context  bool
	Children []uint64
}

// NewTree is NewList with a tree.
func NewTree(s *ns.Snapshot, x *owner.Index, tree string, all []Node) List {
	flat := make([]*ns.Namespace, 0, len(all))
	for i := range all {
		flat = append(flat, all[i].Namespace)
	}
	l := NewList(s, x, flat)
	l.Tree = tree
	for i := range all {
		l.Namespaces[i].Context, l.Namespaces[i].Children = all[i].Context, all[i].Children
	}
	return l
}

// Uses is the document of nsinspect who-uses.
type Uses struct {
	Head
	Matched   *Match    `json:"matched,omitempty"` // what led to the namespace, if it was asked for by an address, a device or a port
	Verdict   string    `json:"verdict"`           // the answer in a sentence
	Fix       []string  `json:"fix"`               // shell commands that free the namespace, in order; none was run
	Advice    []string  `json:"advice"`            // what to do where no command is safe, or none is known, a sentence each
	Namespace Namespace `json:"namespace"`
}

// NewUses returns a namespace of a snapshot with its holders.
func NewUses(s *ns.Snapshot, n *ns.Namespace, x *owner.Index, answer explain.Answer) Uses {
	c := newConverter(s, x)
	u := Uses{Namespace: c.namespace(n), Verdict: answer.Verdict, Fix: answer.Fix, Advice: answer.Advice}
	u.Namespace.Holders = c.holders(n)
	u.Head = newHead(s, x)
	return u
}

// Doctor is the document of nsinspect doctor.
type Doctor struct {
	Head
	Status    string         `json:"status" jsonschema:"enum=ok,enum=unknown,enum=warning,enum=critical"` // the worst of all findings
	Headline  string         `json:"headline"`                                                            // the first line of the table
	Tolerated int            `json:"tolerated"`                                                           // how many namespaces --max-orphans excuses
	Ignored   []Ignored      `json:"ignored"`                                                             // the findings that --ignore excuses, which count for nothing else here
	Findings  []Finding      `json:"findings"`                                                            // the worst first
	Unknown   []UnknownCheck `json:"unknown"`                                                             // the checks that found nothing and could not read everything
}

// Finding is one thing that is wrong.
type Finding struct {
	ID          string     `json:"id"` // the same in every run, and of no other finding; --ignore takes it
	Check       string     `json:"check"`
	Severity    string     `json:"severity" jsonschema:"enum=unknown,enum=warning,enum=critical"`
	Title       string     `json:"title"`             // what it is about, for people
	Subject     *Ref       `json:"subject,omitempty"` // the namespace that it is about
	Owner       *Owner     `json:"owner,omitempty"`   // of that namespace, or of what holds it
	PID         ns.TaskID  `json:"pid,omitempty"`     // the process whose threads it is about
	Path        string     `json:"path,omitempty"`    // the file or mount point that it is about
	PathBase64  []byte     `json:"path_base64,omitempty"`
	Summary     string     `json:"summary"`
	Evidence    []string   `json:"evidence"` // what was seen
	Meaning     string     `json:"meaning"`
	Fix         []string   `json:"fix"`                   // shell commands that resolve it, in order; none was run
	Alternative []string   `json:"alternative,omitempty"` // shell commands that resolve it in another way, in order
	Advice      []string   `json:"advice"`                // what else to do, or what to do where no command is safe, a sentence each
	Since       *time.Time `json:"since,omitempty"`
	Authority   string     `json:"authority" jsonschema:"pattern=^(kernel|root|user|user:[1-9][0-9]*)$"` // whose word it is that it is so
}

// Ignored is a finding that is not reported.
type Ignored struct {
	Finding
	Pattern string `json:"pattern"` // of --ignore, which it fits
}

// UnknownCheck is a check without a result.
type UnknownCheck struct {
	Check string `json:"check"`
	Why   string `json:"why"`
}

// NewDoctor returns a report of doctor.
func NewDoctor(r *doctor.Report) Doctor {
	d := Doctor{
		Status: r.Status().String(), Headline: r.Headline(), Tolerated: r.Tolerated,
		Ignored: []Ignored{}, Findings: []Finding{}, Unknown: unknown(r),
	}
	c := newConverter(r.Snapshot, r.Owners)
	for i := range r.Findings {
		d.Findings = append(d.Findings, c.finding(&r.Findings[i]))
	}
	for i := range r.Ignored {
		d.Ignored = append(d.Ignored, Ignored{c.finding(&r.Ignored[i].Finding), r.Ignored[i].Pattern})
	}
	d.Head = newHead(r.Snapshot, r.Owners)
	return d
}

func unknown(r *doctor.Report) []UnknownCheck {
	all := []UnknownCheck{}
	for _, b := range r.Undecided {
		all = append(all, UnknownCheck{b.Check, b.Why})
	}
	return all
}

func (c *converter) finding(f *doctor.Finding) Finding {
	w := Finding{
		ID: f.ID, Check: f.Check, Severity: f.Severity.String(), Title: f.Subject, Owner: NewOwner(f.Owner), PID: f.PID, Path: f.Path, PathBase64: raw(f.Path),
		Summary: f.Summary, Evidence: append([]string{}, f.Evidence...), Meaning: f.Meaning,
		Fix: append([]string{}, f.Fix...), Alternative: f.Alternative, Advice: append([]string{}, f.Advice...), Authority: f.Authority.String(),
	}
	if f.Namespace != nil {
		if c.byInode[f.Namespace.Inode] == nil { // of another type than the snapshot's
			c.byInode[f.Namespace.Inode] = f.Namespace
		}
		w.Subject = c.ref(f.Namespace.Type, f.Namespace.Inode)
	}
	if !f.Since.IsZero() {
		w.Since = &f.Since
	}
	return w
}
