// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os/user"
	"slices"
	"strconv"

	"github.com/nsinspect/nsinspect/internal/filter"
	"github.com/nsinspect/nsinspect/internal/host"
	"github.com/nsinspect/nsinspect/internal/render"
	"github.com/nsinspect/nsinspect/internal/text"
	"github.com/nsinspect/nsinspect/pkg/owner"
	"github.com/nsinspect/nsinspect/pkg/trace"
	"github.com/nsinspect/nsinspect/pkg/trace/lifecycle"
)

// selector leaves out calls by what the kernel does not filter by. What it leaves out is
// counted, and is not lost.
type selector struct {
	owners  []*filter.Filter // one of which fits; none for all
	cgroups *trace.Cgroups   // nil for all
	movers  *trace.Movers    // whose calls are left out; nil for none
	host    *host.Host       // of movers
	expr    *filter.Filter   // nil for everything
	names   *trace.Names
	stats   *render.TraceStats
}

// newSelector prepares what a job selects by; nil if the kernel filters by all of it.
func newSelector(j *traceJob, names *trace.Names, stats *render.TraceStats) (*selector, error) {
	if len(j.owners)+len(j.cgroups) == 0 && !j.noMovers && j.expr == nil {
		return nil, nil
	}
	s := &selector{owners: j.owners, expr: j.expr, names: names, stats: stats, cgroups: j.cgroupFilter}
	if j.noMovers {
		h, err := host.Open("/")
		if err != nil {
			return nil, err
		}
		s.host, s.movers = h, trace.NewMovers(h)
	}
	stats.Filtered = new(int)
	return s, nil
}

func (s *selector) close() {
	if s == nil {
		return
	}
	s.cgroups.Close()
	if s.host != nil {
		s.host.Close()
	}
}

// call reports whether a call of a process with an owner is selected; known is false if it
// is not known whose it was.
func (s *selector) call(e *trace.Event, o *owner.Owner, known bool) bool {
	if s == nil {
		return true
	}
	fits, certain := s.caller(e, o, known)
	if !fits {
		s.leaveOut(certain)
	}
	return fits && s.fits(e, o)
}

// leaveOut counts a call that is left out.
func (s *selector) leaveOut(certain bool) {
	*s.stats.Filtered++
	if !certain {
		s.stats.Undecided++
	}
}

// fits reports whether the expression is true of a call.
func (s *selector) fits(e *trace.Event, o *owner.Owner) bool {
	if s == nil || s.expr == nil {
		return true
	}
	t := render.Traced{Call: e, Owner: o, Names: s.names}
	fits := s.expr.Match(t.Value)
	if !fits {
		s.leaveOut(true)
	}
	return fits
}

// caller reports whether a caller is selected, and whether that is certain.
func (s *selector) caller(e *trace.Event, o *owner.Owner, known bool) (fits, certain bool) {
	if s.movers != nil && s.movers.Mover(e) != "" {
		return false, true
	}
	if s.cgroups != nil {
		if fits, known := s.cgroups.Match(&e.Caller); !fits {
			return false, known
		}
	}
	if s.owners == nil {
		return true, true
	}
	t := render.Traced{Call: e, Owner: o, Names: s.names}
	fits = slices.ContainsFunc(s.owners, func(f *filter.Filter) bool { return f.Match(t.Value) })
	return fits, fits || known
}

// life reports whether what has become of a namespace is selected.
func (s *selector) life(l *lifecycle.Event, o *owner.Owner) bool {
	if s == nil || s.expr == nil {
		return true
	}
	t := render.Traced{Call: l.By, Owner: o, Life: l, Names: s.names}
	return s.expr.Match(t.Value)
}

// selectsCallers reports whether it selects by who makes a call, and so the namespaces that those
// create.
func (j *traceJob) selectsCallers() bool {
	return len(j.owners)+len(j.cgroups)+len(j.opts.Filter.UIDs) > 0 || j.noMovers
}

// parseSelection reads the flags of what the kernel does not filter by, and --uid.
func (j *traceJob) parseSelection(f traceFlags) error {
	for _, word := range f.uids {
		uid, err := parseUser(word)
		if err != nil {
			return err
		}
		if !slices.Contains(j.opts.Filter.UIDs, uid) {
			j.opts.Filter.UIDs = append(j.opts.Filter.UIDs, uid)
		}
	}
	if n := len(j.opts.Filter.UIDs); n > trace.MostUIDs {
		return usagef("%d users, and --uid takes up to %d\nhint: use --filter 'uid == 0 or uid > 1000'", n, trace.MostUIDs)
	}
	for _, pattern := range f.owners {
		if pattern == "" {
			return usagef("--owner is empty\nhint: it takes an owner as it is printed, such as docker:web or unit:ssh*")
		}
		by, err := filter.Equal("owner", pattern)
		if err != nil {
			return usagef("bad pattern %s: %w\nhint: * and ? stand for any characters", text.Name(pattern), err)
		}
		j.owners = append(j.owners, by)
	}
	if slices.Contains(f.cgroups, "") {
		return usagef("--cgroup is empty\nhint: it takes a path, such as /system.slice/*.service")
	}
	j.cgroups = f.cgroups
	for _, what := range f.exclude {
		if what != "runtimes" {
			return usagef("--exclude takes no %s\nhint: use --exclude runtimes", text.Name(what))
		}
		j.noMovers = true
	}
	j.opts.Identify = j.noMovers || len(j.cgroups) > 0
	var err error
	j.expr, err = parseFilterOf("nsinspect trace --filter help", "failed and to.net.name =~ \"^cni-\"", f.filter, render.EventFields())
	return err
}

// parseUser returns the number of a user.
func parseUser(word string) (int, error) {
	const most = 1<<32 - 2 // the kernel's largest
	if n, err := strconv.ParseUint(word, 10, 64); err == nil {
		if n > most {
			return 0, usagef("bad --uid %q\nhint: it takes a user's number or name", word)
		}
		return int(n), nil
	}
	u, err := user.Lookup(word)
	if err != nil {
		return 0, usagef("no user %s\nhint: --uid takes a user's number or name", text.Name(word))
	}
	return strconv.Atoi(u.Uid)
}
