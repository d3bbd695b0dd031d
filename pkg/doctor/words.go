// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"cmp"
	"fmt"
	"path"
	"strings"
	"time"

	"github.com/nsinspect/nsinspect/internal/explain"
	"github.com/nsinspect/nsinspect/pkg/ns"
	"github.com/nsinspect/nsinspect/pkg/owner"
)

// about begins a finding about a namespace.
func (x *inspection) about(n *ns.Namespace) Finding {
	subject := n.String()
	if len(n.Names) > 0 {
		subject += " (" + n.Names[0].Name + ")"
	}
	f := Finding{
		Severity: Warning, Subject: subject, Namespace: n, Owner: x.owners().Namespace(n), Since: n.Age.Since,
		marks: []string{fmt.Sprintf("%d %d", n.Inode, n.Cookie)},
	}
	if f.Owner != nil {
		f.Evidence = append(f.Evidence, "it is of "+f.Owner.Describe())
	}
	return f
}

// addAge adds how old a namespace is and who made it, as far as that is known.
func (x *inspection) addAge(f *Finding) {
	n := f.Namespace
	if !n.Age.Since.IsZero() {
		by := map[ns.AgeFrom]string{
			ns.FromName: "its file was made to be mounted then", ns.FromFile: "it has been open since",
			ns.FromProcess: "its oldest process was started then",
		}[n.Age.From]
		f.Evidence = append(f.Evidence, fmt.Sprintf("there since %s (%s)", stamp(n.Age.Since), by))
	}
	if n.OwnerUID > 0 {
		f.Evidence = append(f.Evidence, fmt.Sprintf("made by UID %d, in %s", n.OwnerUID, ns.FormatLink(ns.User, n.UserNS)))
	}
	if f.Owner == nil && len(n.Names) > 0 {
		if m := namingProgram(n.Names[0].Name); m != "" {
			f.Evidence = append(f.Evidence, "named as "+m+" names them")
		}
	}
}

func stamp(t time.Time) string { return t.Local().Format("2006-01-02 15:04:05") }

// uncertain makes a finding that rests on nothing having been seen there one of
// severity Unknown, if not all was seen.
func (x *inspection) uncertain(f *Finding, sources ...string) {
	if why := x.missingSources(sources...); why != "" {
		f.Severity = Unknown
		f.Evidence = append(f.Evidence, "not certain: "+why)
	}
}

// who names a process and its owner.
func (x *inspection) who(pid ns.TaskID) string {
	if pid == 0 {
		return "a process that cannot be seen from here"
	}
	text := fmt.Sprintf("pid %d", pid)
	if p := x.process(pid); p != nil {
		text = fmt.Sprintf("%s (pid %d)", p.Comm, pid)
	}
	if o := x.owners().Process(pid); o != nil {
		text += " of " + o.Describe()
	}
	return text
}

// restart returns the command that ends a process in the way of whoever runs it,
// "" for the first process, which nobody ends.
func (x *inspection) restart(pid ns.TaskID) string {
	o := x.owners().Process(pid)
	switch {
	case pid <= 1:
		return ""
	case o == nil:
		return fmt.Sprintf("kill %d", pid)
	}
	return cmp.Or(restartOf(o), fmt.Sprintf("kill %d", pid))
}

// restartOf returns the command that starts an owner anew, "" if none is known.
func restartOf(o *owner.Owner) string {
	name := explain.ShellWord(cmp.Or(o.Name, o.ID))
	switch {
	case o.Pod != "":
		ns, pod, _ := strings.Cut(o.Pod, "/")
		return "kubectl -n " + explain.ShellWord(ns) + " delete pod " + explain.ShellWord(pod)
	case o.Runtime == "docker" || o.Runtime == "podman":
		return o.Runtime + " restart " + name
	case o.Unit != "" && strings.HasSuffix(o.Unit, ".service"):
		return "systemctl restart " + explain.ShellWord(o.Unit)
	}
	return ""
}

// unmount returns the command that takes a name in our own mount namespace away.
func unmount(name string) string {
	if path.Dir(name) == runNetns {
		return "ip netns del " + explain.ShellWord(path.Base(name))
	}
	word := explain.ShellWord(name)
	return "umount " + word + " && rm " + word
}

// unmountIn returns the command that takes a mount away where it is.
func unmountIn(h *ns.Holder) string {
	if h.PID == 0 || h.Path == "" {
		return fmt.Sprintf("nsinspect who-uses %d", h.MountNS)
	}
	task := h.PID
	if h.TID != 0 {
		task = h.TID
	}
	return fmt.Sprintf("nsenter -m -t %d umount %s", task, explain.ShellWord(h.Path))
}

// where names the mount namespace of a mount, and a process in it.
func (x *inspection) where(h *ns.Holder) string {
	in := ns.FormatLink(ns.Mnt, h.MountNS)
	switch {
	case h.PID != 0:
		return fmt.Sprintf("%s, the mount namespace of %s", in, x.who(h.PID))
	case h.Pin != nil && h.Pin.PID != 0:
		return fmt.Sprintf("%s, a mount namespace without processes that %s keeps", in, x.who(h.Pin.PID))
	}
	return in + ", a mount namespace that no process is in"
}

// few joins the first of many phrases.
func few(all []string, most int) []string {
	if len(all) <= most {
		return all
	}
	return append(all[:most:most], fmt.Sprintf("and %d more", len(all)-most))
}

// aboutPath begins a finding about an entry of a names directory.
func aboutPath(s *ns.DanglingName) Finding {
	return Finding{Severity: Warning, Subject: s.Path, Path: s.Path, Since: s.Made, marks: []string{s.Path}}
}

func join(parts []string) string { return strings.Join(parts, ", ") }
