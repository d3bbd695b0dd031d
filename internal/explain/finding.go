// SPDX-License-Identifier: Apache-2.0

package explain

import (
	"fmt"
	"iter"
	"slices"
	"strings"

	"github.com/nsinspect/nsinspect/internal/text"
	"github.com/nsinspect/nsinspect/pkg/ns"
	"github.com/nsinspect/nsinspect/pkg/owner"
)

// Text is what is written of a finding.
type Text struct {
	Summary     string   // what is wrong, a sentence
	Evidence    []string // what was seen, a phrase each
	Meaning     string   // what it means, and what not to do
	Fix         []string // shell commands that resolve it, in order
	Alternative []string // shell commands that resolve it in another way, in order
	Advice      []string // what else to do, or what to do where there is no safe command, a sentence each

	many *many // what comes before Evidence, Fix and Advice, until Pack; nil if nothing
}

// fix fills in what resolves a finding.
func (t *Text) fix(fixes ...Fix) { t.fixAll(slices.Values(fixes)) }

// fixAll is fix for steps of which there can be many.
func (t *Text) fixAll(fixes iter.Seq[Fix]) {
	all := collect(fixes)
	t.Fix = []string{}
	for s := range all.commands.All() {
		t.put((*many).ofFix, &t.Fix, s)
	}
	for s := range all.advice.All() {
		t.put((*many).ofAdvice, &t.Advice, s)
	}
}

// look adds a command that changes nothing and shows more.
func (t *Text) look(command, shows string) {
	t.Advice = append(t.Advice, fmt.Sprintf("Run `%s` to see %s.", command, shows))
}

// See adds to what was seen.
func (t *Text) See(phrases ...string) { t.put((*many).ofEvidence, &t.Evidence, phrases...) }

// By adds whose word a finding rests on, if it is a user's.
func (t *Text) By(a ns.Authority, what string) {
	if !a.Trusted {
		t.See("not root's word: " + controls(a, what))
	}
}

// NotCertain adds why a finding is not certain.
func (t *Text) NotCertain(why string) { t.See("not certain: " + why) }

// Age adds how old a namespace is and who made it, as far as that is known.
func (t *Text) Age(n *ns.Namespace) {
	if !n.Age.Since.IsZero() {
		by := map[ns.AgeFrom]string{
			ns.FromName: "its file was made to be mounted then", ns.FromFile: "it has been open since",
			ns.FromProcess: "its oldest process was started then",
		}[n.Age.From]
		t.See(fmt.Sprintf("there since %s (%s)", Stamp(n.Age.Since), by))
	}
	if n.OwnerUID > 0 {
		t.See(fmt.Sprintf("made by UID %d, in %s", n.OwnerUID, ns.FormatLink(ns.User, n.UserNS)))
	}
}

// NamedBy adds which program gives names like that of the subject, "" if none does.
func (t *Text) NamedBy(program string) {
	if program != "" {
		t.See("named as " + program + " names them")
	}
}

// Links adds which interfaces and addresses a namespace has. host is the inode of the
// host's own, where the other ends of pairs may be.
func (t *Text) Links(links []ns.Link, host uint64) {
	alone := true
	for i := range links {
		if l := &links[i]; l.Kind != "loopback" {
			t.See(link(l, host))
			alone = false
		}
	}
	if alone {
		t.See("it has no interface but lo")
	}
}

// link describes an interface: "eth0 is up, with 10.0.0.7/24; its other end is
// veth12 in the host's namespace".
func link(l *ns.Link, host uint64) string {
	state := "down"
	if l.Up {
		state = "up"
	}
	text := fmt.Sprintf("%s is %s", l.Name, state)
	var addrs []string
	for _, a := range l.Addrs {
		addrs = append(addrs, a.String())
	}
	if len(addrs) > 0 {
		text += ", with " + strings.Join(few(addrs, 3), ", ")
	}
	if p := l.Peer; p != nil && p.Name != "" {
		where := ns.FormatLink(ns.Net, p.Inode)
		if p.Inode == host {
			where = "the host's namespace"
		}
		text += fmt.Sprintf("; its other end is %s in %s", p.Name, where)
	}
	return text
}

// OfOwner is evidence of whose a namespace is.
func OfOwner(o *owner.Owner) string { return "it is of " + o.Describe() }

// few returns the first of many words, and how many more there are.
func few(all []string, most int) []string {
	if len(all) <= most {
		return all
	}
	return append(all[:most:most], fmt.Sprintf("and %d more", len(all)-most))
}

// userOf names the user whose word something is.
func userOf(a ns.Authority) string {
	if a.UID <= 0 {
		return "a user"
	}
	return fmt.Sprintf("uid %d", a.UID)
}

// controls returns a clause for who controls something that root alone may not.
func controls(a ns.Authority, what string) string {
	if a.UID <= 0 {
		return "a user may control " + what
	}
	return userOf(a) + " controls " + what
}

// Who names a process and its owner.
func (a *Adviser) Who(pid ns.TaskID) string {
	if pid == 0 {
		return "a process that cannot be seen from here"
	}
	who := fmt.Sprintf("pid %d", pid)
	p := a.process(pid)
	if p == nil {
		return who
	}
	who = fmt.Sprintf("%s (pid %d)", text.Name(p.Comm), pid)
	if a.Owners == nil {
		return who
	}
	if o := a.Owners().Of(pid, p.Born); o != nil {
		who += " of " + o.Describe()
	}
	return who
}

// where names the mount namespace of a mount, and a process in it.
func (a *Adviser) where(h *ns.Holder) string {
	in := ns.FormatLink(ns.Mnt, h.MountNS)
	switch {
	case h.PID != 0:
		return fmt.Sprintf("%s, the mount namespace of %s", in, a.Who(h.PID))
	case h.Pin != nil && h.Pin.PID != 0:
		return fmt.Sprintf("%s, a mount namespace without processes that %s keeps", in, a.Who(h.Pin.PID))
	case h.Pin != nil && h.Pin.Kind == ns.KindMount:
		return fmt.Sprintf("%s, a mount namespace without processes that its mount at %s keeps", in, h.Pin.Path)
	}
	return in + ", a mount namespace that no process is in"
}

// remove returns the step that removes an entry of a names directory, which only root
// may be led to.
func remove(name string, a ns.Authority) Fix {
	if !a.Trusted {
		return advise("leave %s to its user: %s, and could lead root elsewhere", name, controls(a, "the way there"))
	}
	return Fix{Command: command("rm -- %s", name), verb: "remove", object: name, noun: "files"}
}
