// SPDX-License-Identifier: Apache-2.0

package snapshot

import (
	"fmt"
	"slices"
	"strings"

	"github.com/nsinspect/nsinspect/pkg/doctor"
	"github.com/nsinspect/nsinspect/pkg/ns"
)

// compareFindings finds the findings of doctor that are new, gone or of another severity.
func (c *comparison) compareFindings() {
	a, b := c.Old.Report, c.New.Report
	switch {
	case c.Ignored.Has(Findings) || !c.legible():
		return
	case a == nil || b == nil:
		c.lacks("findings of doctor", a == nil, b == nil, 0)
		return
	}
	was := map[string][]*doctor.Finding{}
	for i := range a.Findings {
		f := &a.Findings[i]
		if key, ok := c.findingKey(c.old, f); ok {
			was[key] = append(was[key], f)
		}
	}
	stayed := map[*doctor.Finding]bool{}
	for i := range b.Findings {
		f := &b.Findings[i]
		key, ok := c.findingKey(c.now, f)
		switch before := was[key]; {
		case !ok:
		case len(before) > 0:
			was[key], stayed[before[0]] = before[1:], true
			c.severity(before[0], f)
		case undecided(a, f.Check), unsure(b, f):
			c.lacks(checkOf(f), undecided(a, f.Check), unsure(b, f), 0)
		default:
			c.Findings = append(c.Findings, FindingChange{New: f})
		}
	}
	for i := range a.Findings {
		f := &a.Findings[i]
		switch _, ok := c.findingKey(c.old, f); {
		case !ok || stayed[f]:
		case undecided(b, f.Check), unsure(a, f):
			c.lacks(checkOf(f), unsure(a, f), undecided(b, f.Check), 0)
		default:
			c.Findings = append(c.Findings, FindingChange{Old: f})
		}
	}
}

// unsure reports whether the severity of a finding is unknown as its check has not read all.
func unsure(r *doctor.Report, f *doctor.Finding) bool {
	return f.Severity == doctor.Unknown && undecided(r, f.Check)
}

// severity compares those of one finding.
func (c *comparison) severity(old, now *doctor.Finding) {
	a, b := unsure(c.Old.Report, old), unsure(c.New.Report, now)
	switch {
	case a != b:
		c.lacks(checkOf(now), a, b, 0)
	case old.Severity != now.Severity:
		c.Findings = append(c.Findings, FindingChange{old, now})
	}
}

func checkOf(f *doctor.Finding) string { return "the check " + f.Check }

// findingKey returns what a finding has in common with the same one in the other snapshot;
// not ok: that one cannot be found.
func (c *comparison) findingKey(s *side, f *doctor.Finding) (key string, ok bool) {
	key = f.Check + "\x00" + f.Path
	if c.byKernel() {
		key = f.ID
	}
	if f.Namespace == nil {
		return key, c.byKernel() || f.Path != ""
	}
	i := s.index(f.Namespace.Type, f.Namespace.Inode)
	switch {
	case i < 0:
		return key, c.byKernel()
	case s.nameless[i]:
		return "", false
	case s == c.old && s.pair[i] >= 0:
		return fmt.Sprintf("%s\x00%d", key, s.pair[i]), true
	case s == c.old:
		return fmt.Sprintf("%s\x00freed %d", key, i), true
	}
	return fmt.Sprintf("%s\x00%d", key, i), true
}

func undecided(r *doctor.Report, check string) bool {
	return slices.ContainsFunc(r.Undecided, func(u doctor.Undecided) bool { return u.Check == check })
}

// compareDangling finds the dangling names that are new, gone or something else.
func (c *comparison) compareDangling() {
	if c.Ignored.Has(Names) || !c.legible() {
		return
	}
	was := map[string]*ns.DanglingName{}
	for i := range c.Old.Snapshot.Dangling {
		d := &c.Old.Snapshot.Dangling[i]
		was[d.Path] = d
	}
	for i := range c.New.Snapshot.Dangling {
		d := &c.New.Snapshot.Dangling[i]
		old := was[d.Path]
		delete(was, d.Path)
		switch {
		case old == nil && !c.old.readsName(d.Path):
			c.lacks("dangling names", true, false, 0)
		case old == nil || old.Kind != d.Kind || c.byKernel() && old.Target != "" && d.Target != "" && old.Target != d.Target:
			c.Dangling = append(c.Dangling, DanglingChange{old, d})
		}
	}
	for _, d := range was {
		if c.now.readsName(d.Path) {
			c.Dangling = append(c.Dangling, DanglingChange{Old: d})
		} else {
			c.lacks("dangling names", false, true, 0)
		}
	}
	slices.SortFunc(c.Dangling, func(a, b DanglingChange) int { return strings.Compare(a.path(), b.path()) })
}

func (d *DanglingChange) path() string {
	if d.New != nil {
		return d.New.Path
	}
	return d.Old.Path
}
