// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"slices"
	"strconv"
	"strings"

	"github.com/nsinspect/nsinspect/internal/explain"
	"github.com/nsinspect/nsinspect/internal/filter"
	"github.com/nsinspect/nsinspect/pkg/ns"
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

// Choose leaves in a report of all checks and types, from a file, what Run would report with
// these options.
func (r *Report) Choose(opts Options) {
	r.Findings = slices.DeleteFunc(r.Findings, func(f Finding) bool {
		young := opts.MinAge > 0 && !f.Since.IsZero() && r.Snapshot.Taken.Sub(f.Since) < opts.MinAge
		return young || !opts.runs(f.Check) || !opts.covers(f.about())
	})
	r.Undecided = slices.DeleteFunc(r.Undecided, func(u Undecided) bool {
		return !opts.runs(u.Check) || u.Check == checkUnusedUserNS && !opts.covers(ns.User)
	})
	r.settle(opts)
}

// about returns the type of namespaces that a finding is about.
func (f *Finding) about() ns.Type {
	if f.Namespace != nil {
		return f.Namespace.Type
	}
	for _, t := range ns.Types() {
		if strings.HasPrefix(f.Subject, explain.LimitOf(t)+" ") {
			return t
		}
	}
	return ns.Net
}
