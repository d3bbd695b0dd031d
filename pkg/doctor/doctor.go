// SPDX-License-Identifier: Apache-2.0

// Package doctor finds what is wrong with the network namespaces of a machine:
// each finding with what was seen, what it means, and the command that would fix
// it. It only reads, and runs none of these commands.
//
// A check claims no more than the scan can bear out. What a gap leaves open is a
// finding of severity Unknown, or a check without a result, never a guess. And
// nothing is reported that a second look, a moment later, does not show as well:
// runtimes make and take away namespaces all the time.
package doctor

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/nsinspect/nsinspect/internal/explain"
	"github.com/nsinspect/nsinspect/internal/host"
	"github.com/nsinspect/nsinspect/pkg/ns"
	"github.com/nsinspect/nsinspect/pkg/owner"
)

// Severity is how bad a finding is. Severities sort from good to bad.
type Severity uint8

// The severities.
const (
	OK       Severity = iota
	Unknown           // what was read does not decide it
	Warning           // something is left over, leaks or misleads
	Critical          // commands go where nobody means them to, or no namespace goes away any more
)

// String returns the word for a severity, "warning".
func (s Severity) String() string { return [...]string{"ok", "unknown", "warning", "critical"}[s] }

// Finding is one thing that is wrong.
type Finding struct {
	ID        string // the same in every look, and of no other finding: "no-process:net:[4026532177]"
	Check     string // the name of the check, "leftover-file"
	Severity  Severity
	Subject   string        // what it is about: a path, or "net:[4026532177] (blue)"
	Path      string        // of the name it is about; "" if of none
	Namespace *ns.Namespace // that it is about; nil if about none
	PID       ns.TaskID     // of the process that it is about beside the namespace; 0 if about none
	Owner     *owner.Owner  // whose that is, or who holds it; nil if unknown
	Since     time.Time     // since when the subject is there; zero if unknown
	Authority ns.Authority  // whose word it is that it is so

	explain.Text // what is written of it

	// Packed is what comes before the lists of Text, of a report that First.End returns.
	Packed explain.Packed

	marks []string // what a second look must find one of, to confirm it
}

// Unpack puts what is packed into the lists of the findings.
func (r *Report) Unpack() {
	for i := range r.Findings {
		f := &r.Findings[i]
		f.Unpack(f.Packed)
		f.Packed = explain.Packed{}
	}
}

// Undecided is a check without a result: it found nothing, and not everything that it
// needs was read.
type Undecided struct {
	Check string
	Why   string
}

// Report is the result of all checks on a machine.
type Report struct {
	Snapshot  *ns.Snapshot
	Owners    *owner.Index // nil if no finding asked for them
	Findings  []Finding    // the worst first, then in the order of the checks, by subject
	Undecided []Undecided  // in the order of the checks
	Ignored   []Ignored    // findings that Options.Ignore excuses, in the order of Findings
	Unfit     int          // findings that a filter left out
	Tolerated int          // namespaces without processes that Options.MaxOrphans excuses
}

// Status is the worst that was found: Critical, Warning, Unknown, OK.
func (r *Report) Status() Severity {
	worst := OK
	if len(r.Undecided) > 0 {
		worst = Unknown
	}
	for i := range r.Findings {
		worst = max(worst, r.Findings[i].Severity)
	}
	return worst
}

// Headline returns in less than 80 characters, in the manner of a monitoring plugin,
// how things are.
func (r *Report) Headline() string {
	return explain.Headline(strings.ToUpper(r.Status().String()), explain.Counts{
		Namespaces: len(r.Snapshot.Namespaces), Excused: r.Tolerated, Ignored: len(r.Ignored), Unfit: r.Unfit,
		Checks: r.counts(Finding.check), Severities: r.counts(Finding.severity),
	})
}

func (f Finding) check() string    { return f.Check }
func (f Finding) severity() string { return f.Severity.String() }

// counts counts the findings by a word, in their order: "1 split-thread".
func (r *Report) counts(word func(Finding) string) []string {
	var order []string
	n := map[string]int{}
	for _, f := range r.Findings {
		if n[word(f)]++; n[word(f)] == 1 {
			order = append(order, word(f))
		}
	}
	for i, w := range order {
		order[i] = fmt.Sprintf("%d %s", n[w], w)
		if w == Warning.String() && n[w] > 1 {
			order[i] += "s"
		}
	}
	return order
}

// Options are the options of Run.
type Options struct {
	Host    *host.Host      // whose files are read beside the scan; it must be open
	Machine explain.Machine // what commands are checked against; nil: Host

	Tasks map[ns.TaskID]host.Task // of processes: for owners these are not looked at again

	// Scan takes a snapshot of network namespaces, with details and by every source.
	Scan func(context.Context) (*ns.Snapshot, error)

	// ScanAll takes one of namespaces of all types. Only checks of other types than the
	// network's, and of limits that are near, call it. nil: they have no result.
	ScanAll func(context.Context) (*ns.Snapshot, error)

	Types      []ns.Type     // whose split threads, limits and unused namespaces are found beside those of the network
	Checks     []string      // the names of those to run; nil: all
	Ignore     []Pattern     // what fits one of them is no finding
	MaxOrphans int           // so many namespaces without processes are no finding
	MinAge     time.Duration // what is younger is no finding: things come and go
	Pause      time.Duration // before the second look; 0 for none, negative for no second look

	// ForChoice has the report name as undecided also checks that found something: those that
	// Choose leaves in it may be about other namespaces.
	ForChoice bool
}

// Run checks a machine. It needs what the scan needs to see everything: root.
// It fails only if a scan does or ctx ends.
func Run(ctx context.Context, opts Options) (*Report, error) {
	x, err := inspect(ctx, opts, false)
	if err != nil {
		return nil, err
	}
	if len(x.findings) == 0 || opts.Pause < 0 {
		return x.report(), nil
	}
	if err := wait(ctx, opts.Pause); err != nil {
		return nil, err
	}
	second, err := inspect(ctx, opts, true)
	if err != nil {
		return nil, err
	}
	second.confirm(x.findings)
	return second.report(), nil
}

func wait(ctx context.Context, pause time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(pause):
		return nil
	}
}

// confirm keeps the findings that were there before.
func (x *inspection) confirm(before []Finding) {
	seen := map[string]bool{}
	for _, f := range before {
		for _, mark := range f.marks {
			seen[f.Check+" "+mark] = true
		}
	}
	x.findings = slices.DeleteFunc(x.findings, func(f Finding) bool {
		return !slices.ContainsFunc(f.marks, func(mark string) bool { return seen[f.Check+" "+mark] })
	})
}

// report sorts what was found and counts what is tolerated. That happens after
// the second look, so that what has gone meanwhile does not count.
func (x *inspection) report() *Report {
	if x == nil {
		return nil
	}
	r := &Report{Snapshot: x.snap, Owners: x.index, Findings: x.findings, Undecided: x.undecided()}
	slices.SortStableFunc(r.Findings, func(a, b Finding) int {
		return cmp.Or(-cmp.Compare(a.Severity, b.Severity), cmp.Compare(order(a.Check), order(b.Check)),
			strings.Compare(a.Subject, b.Subject))
	})
	r.settle(x.opts)
	return r
}

// settle takes out what options excuse, and of the checks without a result those that have one.
func (r *Report) settle(opts Options) {
	if !opts.ForChoice {
		r.Undecided = slices.DeleteFunc(r.Undecided, func(u Undecided) bool {
			return slices.ContainsFunc(r.Findings, func(f Finding) bool { return f.Check == u.Check })
		})
	}
	r.ignore(opts.Ignore)
	orphans := 0
	for i := range r.Findings {
		if r.Findings[i].Check == checkNoProcess {
			orphans++
		}
	}
	if orphans <= opts.MaxOrphans {
		r.Tolerated = orphans
		r.Findings = slices.DeleteFunc(r.Findings, func(f Finding) bool { return f.Check == checkNoProcess })
	}
}
