// SPDX-License-Identifier: Apache-2.0

package explain

import (
	"fmt"
	"math"

	"github.com/nsinspect/nsinspect/pkg/ns"
)

// AboutLimits is what the check finds.
const AboutLimits = "a user may create hardly any more namespaces (/proc/sys/user/max_*_namespaces)"

// WhyNetOnly is why namespaces of other types are not known.
const WhyNetOnly = "only network namespaces were scanned"

// LimitOf returns the file in /proc/sys/user that limits a type of namespaces.
func LimitOf(t ns.Type) string { return "max_" + t.String() + "_namespaces" }

// Share is how many namespaces of a type count for a user in a user namespace.
type Share struct {
	Type   ns.Type
	UID    int
	UserNS uint64
	Limit  int
	Below  int // those of which that is certain
	Direct int // those created in the user namespace itself, which are taken for the user's
}

// Limits writes about a user who has nearly as many namespaces of a type as one may have.
func (a *Adviser) Limits(s Share) (t Text) {
	count := s.Below + s.Direct
	t.Summary = fmt.Sprintf("uid %d has %d of the %d %s namespaces that a user may have", s.UID, count, s.Limit, s.Type)
	if count >= s.Limit {
		t.Summary = fmt.Sprintf("uid %d has %d %s namespaces, and a user may have %d: creating another one fails with ENOSPC", s.UID, count, s.Type, s.Limit)
	}
	t.See(fmt.Sprintf("user.%s is %d in %s", LimitOf(s.Type), s.Limit, ns.FormatLink(ns.User, s.UserNS)))
	if s.Below > 0 {
		what := "created by it, or in user namespaces that it created"
		if s.Type != ns.User {
			what = "created in user namespaces that it created"
		}
		t.See(fmt.Sprintf("%s: %d", what, s.Below))
	}
	if s.Direct > 0 {
		t.See(fmt.Sprintf("created in %s itself: %d; the kernel does not show by whom, and they are taken for uid %d's",
			ns.FormatLink(ns.User, s.UserNS), s.Direct, s.UID))
	}
	t.Meaning = "At the limit, unshare and clone fail with ENOSPC, \"No space left on device\", and no container starts. A namespace counts until it is " +
		"freed: those that were left over do, too. See what they are before you raise the limit."
	if s.Limit <= math.MaxInt32/2 {
		t.fix(run(fmt.Sprintf("sysctl -w user.%s=%d", LimitOf(s.Type), 2*s.Limit)))
	}
	t.look(fmt.Sprintf("nsinspect list --type %s --no-process", s.Type), "those that no process is in")
	t.Advice = append(t.Advice, "What sysctl -w sets is lost at the next boot; a file in /etc/sysctl.d keeps it.")
	return t
}
