// SPDX-License-Identifier: Apache-2.0

package explain

import (
	"fmt"
	"path"

	"github.com/nsinspect/nsinspect/pkg/ns"
)

// AboutCoveredName is what the check finds.
const AboutCoveredName = "a mounted name is covered by another mount"

// CoveredName writes about a namespace whose mounts no path reaches. over has, for each,
// the namespace that its path leads to instead, nil if to none.
func (a *Adviser) CoveredName(n *ns.Namespace, covered []*ns.Holder, over []*ns.Namespace) (t Text) {
	t.Summary = fmt.Sprintf("its name %s is covered by another mount and reaches it no more", covered[0].Path)
	for i, h := range covered {
		what := "a mount over a directory of its path"
		if over[i] != nil {
			what = over[i].String()
		}
		t.See(fmt.Sprintf("mount %d at %s is below %s", h.MountID, h.Path, what))
	}
	t.Meaning = "The covered mount keeps the namespace alive, out of reach. Whoever uses the name gets what lies over it."
	t.fix(a.uncover(n, covered[0], over[0]))
	t.look(fmt.Sprintf("nsinspect who-uses %d", n.Inode), "what else keeps it")
	return t
}

// uncover returns the step that gives a namespace a name that reaches it. What lies over
// its name gets one of its own first, for it may have no other.
func (a *Adviser) uncover(n *ns.Namespace, covered *ns.Holder, over *ns.Namespace) Fix {
	switch {
	case !covered.Authority.Trusted || !a.directory(path.Dir(covered.Path)).Trusted:
		return advise("give the namespace another name, elsewhere: %s, so that no command is safe", controls(covered.Authority, covered.Path))
	case over != nil && a.leads(covered.Path, over.Type, over.Inode):
		f := Fix{verb: "uncover", object: covered.Path}
		if fresh := a.fresh(covered.Path); fresh != "" {
			f.Command = command("touch -- %[2]s && mount --bind -- %[1]s %[2]s && umount -- %[1]s", covered.Path, fresh)
		}
		return f
	}
	return Fix{verb: "name", object: "the namespace again",
		Command: command("touch -- %[1]s && "+execIn(n)+"mount "+a.asIs()+"--bind -- /proc/self/ns/net %[1]s", covered.Path)}
}

// asIs is the option of mount by which it passes a link of /proc to the kernel as it is: that
// of util-linux would mount what the text of the link reads. BusyBox's has no such option and
// needs none.
func (a *Adviser) asIs() string {
	if a.busybox {
		return ""
	}
	return "-c "
}

// execIn returns the beginning of a command that runs another one in a network namespace
// and in the mount namespace of now. The namespace is found by what never is another's.
func execIn(n *ns.Namespace) string {
	if n.Cookie != 0 {
		return fmt.Sprintf("nsinspect exec --net-only cookie:%d -- ", n.Cookie)
	}
	return fmt.Sprintf("nsinspect exec --net-only %d -- ", n.Inode)
}
