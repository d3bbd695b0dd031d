// SPDX-License-Identifier: Apache-2.0

package explain

import (
	"fmt"
	"path"
	"slices"

	"github.com/nsinspect/nsinspect/pkg/ns"
)

// AboutLivePin is what the check finds.
const AboutLivePin = "a regular file here is the mount point of a namespace in another mount namespace"

// LivePin writes about a plain file on which namespaces are mounted out of the sight of this
// path. n is the first of them, nil if the snapshot does not have it.
func (a *Adviser) LivePin(s *ns.DanglingName, n *ns.Namespace) (t Text) {
	first := &s.Pins[0]
	t.Summary = fmt.Sprintf("a plain file here, and the live name of %s elsewhere: do not rm it", ns.FormatLink(first.Type, first.Inode))
	for i := range s.Pins {
		p := &s.Pins[i]
		t.See(fmt.Sprintf("%s is mounted on it in %s%s", ns.FormatLink(p.Type, p.Inode), a.pinWhere(&p.Mount), p.Mount.Authority.Suffix()))
	}
	t.By(s.Authority, "the file")
	t.By(first.Mount.Authority, "that mount")
	t.Meaning = "To remove the file takes the mount away in every mount namespace, and the namespace with it if nothing else holds it. " +
		"The name was made where mounts do not reach this mount namespace."
	a.fixPin(&t, s, n)
	return t
}

func (a *Adviser) pinWhere(h *ns.Holder) string {
	if h.Covered && h.MountNS == a.Snapshot.MountNS {
		return "our own mount namespace, below a mount that covers it"
	}
	return a.where(h)
}

// fixPin fills in what resolves a live pin: have the name here too or, in another way, take it
// away where it is. What a user has mounted is not brought here.
func (a *Adviser) fixPin(t *Text, s *ns.DanglingName, n *ns.Namespace) {
	p := &s.Pins[0]
	switch {
	case !p.Mount.Authority.Trusted:
		t.Advice = append(t.Advice, sentence(fmt.Sprintf("leave the file alone as long as that mount is there: the namespace is that of %s, and not for root to bring here",
			userOf(p.Mount.Authority))))
		t.fix(a.unpinElsewhere(p)...)
	case !s.Authority.Trusted:
		t.fix(advise("leave the file to its user: %s", controls(s.Authority, "the way there")))
	case p.Type == ns.Net:
		t.fix(a.bring(p, n, s.Path))
		t.Alternative = Commands(slices.Values(a.unpinElsewhere(p)))
	default:
		t.fix(a.unpinElsewhere(p)...)
	}
	if len(t.Fix) == 0 {
		t.look(fmt.Sprintf("nsinspect who-uses %d", p.Inode), "what keeps the namespace")
	}
}

// unpinElsewhere returns the steps that take a mount away where it is.
func (a *Adviser) unpinElsewhere(p *ns.Pin) []Fix {
	if p.Mount.Covered || p.Mount.MountNS == a.Snapshot.MountNS {
		return nil // below what covers it
	}
	return a.unmountElsewhere(p.Mount.Authority, &p.Mount, p.Type, p.Inode)
}

// bring returns the step that mounts a namespace on a file of this mount namespace: by the
// path that was seen to lead to it or, where none does, from inside of the namespace.
func (a *Adviser) bring(p *ns.Pin, n *ns.Namespace, name string) Fix {
	f := Fix{verb: "mount", object: ns.FormatLink(p.Type, p.Inode) + " on " + name + ", to have it here too"}
	if from, test := a.pathOf(p); from != "" {
		f.Command = command(test+" && mount "+a.asIs()+"--bind -- %s %s", from, name)
		return f
	}
	if n == nil {
		n = &ns.Namespace{Inode: p.Inode}
	}
	f.Command = command(execIn(n)+"mount "+a.asIs()+"--bind -- /proc/self/ns/net %s", name)
	return f
}

// pathOf returns a path by which a mount elsewhere is reached, "" if none leads there, and a
// test of the shell that it still is that of the same task.
func (a *Adviser) pathOf(p *ns.Pin) (name, test string) {
	h := &p.Mount
	if !a.live() || h.PID == 0 || h.Path == "" || h.Covered {
		return "", ""
	}
	task := targetTask(h)
	st, err := a.Machine.ReadStat(task.String())
	name, ok := a.pathBy(h)
	if err != nil || !ok || !a.isIn(task, h.MountNS) || !a.leads(name, p.Type, p.Inode) || !a.directory(path.Dir(name)).Trusted {
		return "", ""
	}
	return name, guard(task, st)
}
