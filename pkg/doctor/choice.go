// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"slices"
	"strconv"
	"strings"

	"github.com/nsinspect/nsinspect/internal/filter"
)

// Ignored is a finding that is not reported, and the pattern that it fits.
type Ignored struct {
	Finding
	Pattern string
}

// Pattern selects findings by what they are about.
type Pattern struct {
	text string
	fits func(string) bool
}

// ParsePattern reads a pattern, in which * and ? stand for any characters. It fits a finding
// whose ID, path, namespace (as its inode, with or without the type) or a name of that it is.
// A name by a user's word has the qualified form, "user:1000/web": no name that a user
// chooses fits a pattern that is meant for root's.
func ParsePattern(text string) (Pattern, error) {
	fits, err := filter.Glob(text)
	return Pattern{text, fits}, err
}

// Fits reports whether a finding is of those that the pattern selects.
func (p Pattern) Fits(f *Finding) bool { return slices.ContainsFunc(f.called(), p.fits) }

// called returns what a finding is called by.
func (f *Finding) called() []string {
	all := []string{f.ID}
	if f.Path != "" {
		all = append(all, f.Path)
	}
	if f.Namespace == nil || f.aboutPath() {
		return all
	}
	all = append(all, f.Namespace.String(), strconv.FormatUint(f.Namespace.Inode, 10))
	for i := range f.Namespace.Names {
		name := &f.Namespace.Names[i]
		all = append(all, name.Label(), name.Path)
	}
	return all
}

// aboutPath reports whether the finding is about an entry of a names directory, not about
// the namespace that this leads to.
func (f *Finding) aboutPath() bool { return f.Path != "" && f.Subject == f.Path }

// identify gives a finding the ID by which another look has it again.
func (f *Finding) identify() {
	what := f.Subject
	if f.Namespace != nil && strings.HasPrefix(what, f.Namespace.String()) {
		what = f.Namespace.String()
	}
	f.ID = f.Check + ":" + what
	if f.PID != 0 {
		f.ID += "/" + f.PID.String()
	}
}

// runs reports whether a check is to be run.
func (o *Options) runs(name string) bool { return o.Checks == nil || slices.Contains(o.Checks, name) }

// ignore moves what a pattern fits out of the findings.
func (r *Report) ignore(patterns []Pattern) {
	r.Findings = slices.DeleteFunc(r.Findings, func(f Finding) bool {
		for _, p := range patterns {
			if p.Fits(&f) {
				r.Ignored = append(r.Ignored, Ignored{f, p.text})
				return true
			}
		}
		return false
	})
}
