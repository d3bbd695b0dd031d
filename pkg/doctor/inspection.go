// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/nsinspect/nsinspect/internal/explain"
	"github.com/nsinspect/nsinspect/internal/host"
	"github.com/nsinspect/nsinspect/internal/kernel"
	"github.com/nsinspect/nsinspect/internal/opener"
	"github.com/nsinspect/nsinspect/internal/procscan"
	"github.com/nsinspect/nsinspect/pkg/ns"
	"github.com/nsinspect/nsinspect/pkg/owner"
	"github.com/nsinspect/nsinspect/pkg/scan"
)

// inspection is one look at a machine: a snapshot, and what the checks read beside it.
type inspection struct {
	ctx      context.Context
	opts     Options
	host     *host.Host
	snap     *ns.Snapshot
	index    *owner.Index // nil until it is asked for
	again    bool         // it is the second look
	whole    bool         // all of the snapshot was described, and its links were read
	brief    bool         // only what confirms a finding is asked for
	findings []Finding
	advice   *explain.Adviser // nil until there is a finding

	all    *inspection // of the namespaces of all types; nil until a check asks for it
	notAll string      // why there is none

	homes     map[ns.TaskID]uint64 // the namespace of each process that is in one
	daemons   map[string]*ns.Process
	processes map[ns.TaskID]*ns.Process
	unseen    map[string]string // checks that could not look at all, and why
	counted   map[uint64]connections
	linked    map[uint64][]ns.Link // of namespaces that may be reported; nil until they are asked for
}

// connections is how many TCP connections were counted in a namespace.
type connections struct {
	open int
	err  error
}

func inspect(ctx context.Context, opts Options, again bool) (*inspection, error) {
	snap, err := opts.Scan(ctx)
	if err != nil {
		return nil, err
	}
	x := &inspection{ctx: ctx, opts: opts, host: opts.Host, snap: snap, again: again}
	return x, x.look(opts.runs)
}

// look has the checks look that are to run.
func (x *inspection) look(runs func(check string) bool) error {
	x.processes, x.unseen, x.homes = map[ns.TaskID]*ns.Process{}, map[string]string{}, x.homesOf(ns.Net)
	for _, c := range checks {
		if !runs(c.name) {
			continue
		}
		for _, f := range c.find(x) {
			if f.Check = c.name; !x.tooYoung(f.Since) {
				f.identify()
				x.findings = append(x.findings, f)
			}
		}
	}
	return x.ctx.Err()
}

// owners returns whose things are. They are read when a finding asks for them.
func (x *inspection) owners() *owner.Index {
	if x.index == nil {
		x.index = owner.Read(x.ctx, owner.Options{Host: x.host, Snapshot: x.snap, All: true, Tasks: x.opts.Tasks})
	}
	return x.index
}

// adviser returns who writes about what the checks find.
func (x *inspection) adviser() *explain.Adviser {
	if x.advice == nil {
		machine := x.opts.Machine
		if machine == nil {
			machine = x.host
		}
		x.advice = explain.New(x.snap, machine, func() explain.Owners { return x.owners() })
		x.advice.Process = x.process
		x.advice.Connections = x.connections
	}
	return x.advice
}

// connections counts the TCP connections in a namespace, which it enters once.
func (x *inspection) connections(n *ns.Namespace) (open int, err error) {
	if c, done := x.counted[n.Inode]; done {
		return c.open, c.err
	}
	open, err = opener.Connections(x.host, n)
	if x.counted == nil {
		x.counted = map[uint64]connections{}
	}
	x.counted[n.Inode] = connections{open, err}
	return open, err
}

// tooYoung reports whether something is too young to be reported. Of unknown age it is
// not.
func (x *inspection) tooYoung(since time.Time) bool {
	return x.opts.MinAge > 0 && !since.IsZero() && x.snap.Taken.Sub(since) < x.opts.MinAge
}

// missingSources returns what keeps a check that needs these sources from being certain:
// what was not looked at, or not all of it. It returns "" if nothing does.
func (x *inspection) missingSources(sources ...string) string {
	var unread, away, hidden []string
	for _, s := range sources {
		gaps := x.gaps(s)
		var since kernel.SinceError
		switch {
		case slices.ContainsFunc(gaps, procscan.HidesProcesses):
			hidden = append(hidden, gaps[slices.IndexFunc(gaps, procscan.HidesProcesses)].Err.Error())
		case len(gaps) == 0 && slices.Contains(x.snap.Sources, s):
		case len(gaps) == 0 || errors.Is(gaps[0].Err, scan.ErrNotInProc):
			away = append(away, explain.LookingAt(s))
		case errors.As(gaps[0].Err, &since):
			away = append(away, fmt.Sprintf("%s (%v)", explain.LookingAt(s), since))
		case len(gaps) == 1:
			unread = append(unread, gaps[0].Path)
		default:
			unread = append(unread, fmt.Sprintf("%d %s", len(gaps), explain.LookingAt(s)))
		}
	}
	return explain.Missing(hidden, unread, away)
}

func (x *inspection) gaps(source string) (gaps []ns.Gap) {
	for _, g := range x.snap.Gaps {
		if g.Of(source) {
			gaps = append(gaps, g)
		}
	}
	return gaps
}

// foreignPIDs returns why a PID found in a symlink cannot be looked up here: proc
// shows another PID namespace's, or hides some. "" if it can.
func (x *inspection) foreignPIDs() string {
	for _, g := range x.snap.Gaps {
		if procscan.HidesProcesses(g) {
			return fmt.Sprintf("%s: %v", g.Path, g.Err)
		}
	}
	return ""
}

// undecided lists the checks that have not seen all.
func (x *inspection) undecided() []Undecided {
	var all []Undecided
	for _, c := range checks {
		if !x.opts.runs(c.name) {
			continue
		}
		why := x.unseen[c.name]
		if why == "" && (!c.listed || x.missingSources("kernel") != "") {
			why = x.missingSources(c.needs...)
		}
		if why != "" {
			all = append(all, Undecided{c.name, why})
		}
	}
	return all
}

// process returns the details of a process, nil if it has ended.
func (x *inspection) process(pid ns.TaskID) *ns.Process {
	if p, known := x.processes[pid]; known {
		return p
	}
	p, err := scan.ReadProcess(x.host, pid)
	if err != nil {
		p = nil
	}
	x.processes[pid] = p
	return p
}

// daemon returns the oldest running process of a name, nil if there is none.
func (x *inspection) daemon(comm string) *ns.Process {
	if p, known := x.daemons[comm]; known {
		return p
	}
	var oldest *ns.Process
	for pid := range x.homes {
		text, err := x.host.ReadProc(pid, "comm", 64)
		if err != nil || strings.TrimSuffix(string(text), "\n") != comm {
			continue
		}
		if p := x.process(pid); p != nil && (oldest == nil || p.Started.Before(oldest.Started)) {
			oldest = p
		}
	}
	if x.daemons == nil {
		x.daemons = map[string]*ns.Process{}
	}
	x.daemons[comm] = oldest
	return oldest
}

// describe reads the processes that hold a namespace.
func (x *inspection) describe(n *ns.Namespace) {
	if x.whole || x.brief {
		return
	}
	_ = scan.Describe(x.ctx, x.host, n) // fails only where the scan has failed before
}
