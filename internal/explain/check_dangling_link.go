// SPDX-License-Identifier: Apache-2.0

package explain

import "github.com/nsinspect/nsinspect/pkg/ns"

// AboutDanglingLink is what the check finds.
const AboutDanglingLink = "a symlink in a names directory leads to no namespace"

// DanglingLink writes about a symlink that leads to no namespace. toPID reports whether
// it leads into /proc/PID, and unknown why that PID cannot be looked up here.
func (a *Adviser) DanglingLink(s *ns.DanglingName, toPID bool, unknown string) (t Text) {
	t.Summary = s.Reason
	t.See("last changed " + Stamp(s.Made))
	t.By(s.Authority, "it")
	t.Meaning = "The name stands for nothing. A symlink keeps no namespace: the process or name that it led to has gone."
	if toPID {
		t.Meaning += " Another process may get that PID, and the name would silently stand for its namespace."
	}
	if unknown != "" {
		t.NotCertain(unknown)
		t.fix()
		return t
	}
	t.fix(remove(s.Path, s.Authority))
	return t
}
