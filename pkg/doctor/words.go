// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"fmt"
	"math"

	"github.com/nsinspect/nsinspect/internal/explain"
	"github.com/nsinspect/nsinspect/pkg/ns"
)

// about begins a finding about a namespace.
func (x *inspection) about(n *ns.Namespace) Finding {
	subject := n.String()
	if name := n.BestName(); name != "" {
		subject += " (" + name + ")"
	}
	f := Finding{
		Authority: ns.KernelAuthority,
		Severity:  Warning, Subject: subject, Namespace: n, Since: n.Age.Since,
		marks: []string{fmt.Sprintf("%d %d", n.Inode, n.Cookie)},
	}
	if !x.brief {
		f.Owner = x.owners().Namespace(n)
	}
	if f.Owner != nil {
		f.See(explain.OfOwner(f.Owner))
	}
	return f
}

// aboutPath begins a finding about an entry of a names directory.
func aboutPath(s *ns.DanglingName) Finding {
	return Finding{Severity: Warning, Authority: s.Authority, Subject: s.Path, Path: s.Path, Since: s.Made, marks: []string{s.Path}}
}

// write sets what is written of a finding, unless nobody reads it, or it is too young for a report.
func (x *inspection) write(f *Finding, text func(*explain.Adviser) explain.Text) {
	if !x.brief && !x.tooYoung(f.Since) {
		f.write(text(x.adviser()))
		if x.whole { // all that keeps namespaces alive is in memory as well
			const most = 4
			f.Packed = f.Pack(most)
		} else {
			f.Unpack(f.Pack(math.MaxInt))
		}
	}
}

// write sets what is written of a finding, after what was seen before.
func (f *Finding) write(t explain.Text) {
	t.After(f.Evidence)
	f.Text = t
}

// addAge adds how old a namespace is and who made it, as far as that is known.
func (x *inspection) addAge(f *Finding) {
	if x.brief {
		return
	}
	f.Age(f.Namespace)
	if f.Owner == nil && len(f.Namespace.Names) > 0 {
		f.NamedBy(namingProgram(f.Namespace.Names[0].Name))
	}
}

// uncertain makes a finding that rests on nothing having been seen there one of
// severity Unknown, if not all was seen.
func (x *inspection) uncertain(f *Finding, sources ...string) {
	if x.brief {
		return
	}
	if why := x.missingSources(sources...); why != "" {
		f.Severity = Unknown
		f.NotCertain(why)
	}
}
