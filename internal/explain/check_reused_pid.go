// SPDX-License-Identifier: Apache-2.0

package explain

import (
	"fmt"
	"time"

	"github.com/nsinspect/nsinspect/pkg/ns"
)

// AboutReusedPID is what the check finds.
const AboutReusedPID = "a symlink to /proc/PID leads to another process that got the PID later"

// ReusedPID writes about a symlink to /proc/PID that is older than the process. boot is when
// the machine booted, if the link is older than that, else the zero time.
func (a *Adviser) ReusedPID(n *ns.Namespace, name ns.Name, p *ns.Process, boot time.Time) (t Text) {
	t.Summary = fmt.Sprintf("a symlink to %s, which is another process than the one it was made for", name.Target)
	t.See("the link was made "+Stamp(name.Made), fmt.Sprintf("%s was started %s, after it", a.Who(p.PID), Stamp(p.Started)))
	t.Meaning = "The process that it was made for has ended, and a stranger got its PID. Whoever uses the name works in the stranger's namespace."
	if n.Initial {
		t.See("it leads to the host's own network namespace: a firewall rule made by that name is made on the host")
	}
	t.By(name.Authority, "the link and its time")
	if !boot.IsZero() {
		t.NotCertain(fmt.Sprintf("the link is older than this boot (%s), or the clock has been set since", Stamp(boot)))
	}
	t.fix(remove(name.Path, name.Authority))
	return t
}
