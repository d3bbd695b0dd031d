// SPDX-License-Identifier: Apache-2.0

// Package scan finds the namespaces of a machine, the names they go by, and
// what keeps each one alive.
//
// Scan runs every source of one table (sources) and puts what they saw together
// into a Snapshot. What a source tried to read and could not is a Gap in it:
// nothing is skipped in silence. The package only reads. It enters no namespace,
// but for one thread of its own where there is no other way to a cookie (nsfs.Thread).
package scan

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/nsinspect/nsinspect/internal/host"
	"github.com/nsinspect/nsinspect/internal/kernel"
	"github.com/nsinspect/nsinspect/internal/mounts"
	"github.com/nsinspect/nsinspect/internal/pool"
	"github.com/nsinspect/nsinspect/internal/procscan"
	"github.com/nsinspect/nsinspect/internal/record"
	"github.com/nsinspect/nsinspect/pkg/ns"
)

// Options select what is scanned. The zero value finds the network namespaces of
// the running machine by every source.
type Options struct {
	Host      *host.Host // nil: the running machine
	Types     []ns.Type  // nil: Net
	NamesDirs []string   // names directories beside the customary ones
	Sources   []string   // names of the sources to use, as in Sources; nil: all
	Details   bool       // read the UID and start time of leaders, cookies, owners and nsids too
	Balance   uint64     // look again where references to the network namespace with this inode are unexplained, though a task is in it
	Sparse    bool       // leave out most processes in initial namespaces: see procscan.Outside. For the walk over /proc, and types without a second link
	Engine    Engine     // what reads tasks and files; nil: the walk over /proc
	NoEngine  error      // why an Engine that was wanted is not there, recorded in the snapshot
}

// scanner is the state of one scan.
type scanner struct {
	opts    Options
	host    *host.Host
	asked   []ns.Type // those that the snapshot has
	types   []ns.Type // those that are read
	initial [ns.NumTypes]uint64
	mounts  mounts.Scan

	tasks      map[ns.TaskID]host.Task  // to be filled by describing all holders; nil if they are not described
	hiddenFile bool                     // as of Wanted
	balanced   map[uint64]ns.References // of namespaces that a task is in, by idOf; once is enough

	mu    sync.Mutex
	found record.Found

	highestPID ns.TaskID // of what was found
}

// Scan takes a snapshot. It needs no privilege; without CAP_SYS_PTRACE the
// namespaces of other users' processes are gaps. It fails only if the machine
// cannot be read at all or ctx ends.
func Scan(ctx context.Context, opts Options) (*ns.Snapshot, error) {
	s, err := newScanner(opts)
	if err != nil {
		return nil, err
	}
	if opts.Host == nil {
		defer s.host.Close()
	}
	return s.scan(ctx)
}

func (s *scanner) scan(ctx context.Context) (*ns.Snapshot, error) {
	begun := kernel.BootTime()
	snap := &ns.Snapshot{Taken: time.Now(), Root: s.host.Root(), Engine: "proc", NoEngine: s.opts.NoEngine, Types: s.asked, Machine: s.host.Machine(), Kernel: s.host.Kernel()}
	if s.opts.Engine != nil {
		snap.Engine = s.opts.Engine.Name()
	}
	if err := s.look(ctx, snap); err != nil {
		return nil, err
	}
	snap.Initial = s.initial
	if s.tasks != nil {
		if err := s.describeAll(ctx, snap, begun); err != nil {
			return nil, err
		}
	}
	s.findLeaders(ctx, snap)
	if s.opts.Details {
		s.identify(ctx, snap)
	}
	for _, src := range sources {
		if src.relate != nil && slices.Contains(snap.Sources, src.name) {
			src.relate(s, ctx, snap)
		}
	}
	snap.Dangling, snap.NamesDirs = s.found.Dangling, s.found.Dirs
	if own := s.mounts.Own; own != nil {
		snap.MountNS, snap.MountsAll = own.Inode, s.mounts.Blind == nil
	}
	snap.LoneMounts = s.found.LoneMounts
	snap.Gaps = slices.Concat(s.found.Gaps, blindSpots(s.host, s.asked, s.opts.Engine == nil))
	snap.Sort()
	return snap, ctx.Err()
}

// look runs the sources. A namespace on the kernel's list that nothing explains, or not
// all references to it, may have been made, or have lost a visible holder, while they ran
// one after the other: then they run again, until what they leave unexplained has been so
// before. What was not in any round is a gap.
func (s *scanner) look(ctx context.Context, snap *ns.Snapshot) error {
	seen := standing{}
	for round := 1; ; round++ {
		busy := s.mounts.Stale || s.opts.Engine != nil || s.mounts.Elsewhere()
		snap.Namespaces = nil // those of the last round
		s.found, snap.Sources, s.mounts = record.Found{}, nil, mounts.New(s.host, s.types, s.mounts.List)
		s.mounts.Quiet = !busy
		own := readOwnFiles(s.host)
		if err := s.run(ctx, snap); err != nil {
			return err
		}
		own.drop(&s.found, host.Helpers())
		s.readWatches()
		s.readNetFiles()
		snap.Namespaces = s.assemble(ctx)
		unexplained := s.reconcile(snap)
		if s.mounts.Stale {
			if round >= rounds {
				s.found.Gaps = append(s.found.Gaps, ns.Gap{Sources: []string{"mount"}, Path: "the mounts", Err: ErrMoving})
				return nil
			}
			continue
		}
		moved := seen.moved(unexplained)
		if round >= busyRounds || round >= rounds && !slices.ContainsFunc(moved, open.isBusy) {
			s.found.Gaps = append(s.found.Gaps, moving(moved)...)
			return nil
		}
		if len(moved) == 0 {
			return nil
		}
		if s.opts.Engine != nil {
			awaitRelease()
		}
	}
}

func newScanner(opts Options) (*scanner, error) {
	s := &scanner{opts: opts, host: opts.Host, asked: opts.Types, balanced: map[uint64]ns.References{}}
	if len(s.asked) == 0 {
		s.asked = []ns.Type{ns.Net}
	}
	s.types = s.asked
	if slices.Contains(s.asked, ns.User) && s.wantsChildren() {
		s.types = ns.Types() // a user namespace lives by those that it owns, of any type
	}
	for _, name := range opts.Sources {
		if !slices.Contains(Sources(), name) {
			return nil, fmt.Errorf("no source %q: use %s", name, strings.Join(Sources(), ", "))
		}
	}
	if s.host == nil {
		h, err := host.Open("/")
		if err != nil {
			return nil, err
		}
		s.host = h
	}
	if s.opts.Engine != nil && !s.host.OwnTaskIDs() {
		// The engine's process IDs are those of this process's PID namespace.
		s.opts.Engine, s.opts.NoEngine = nil, procscan.ErrForeignTaskIDs
		if s.host.Live() && s.host.Recorded() {
			s.opts.NoEngine = errors.New("no procfs is mounted on /proc")
		}
	}
	s.initial = s.host.InitialNamespaces()
	s.mounts = mounts.New(s.host, s.types, mounts.List)
	return s, nil
}

// run lets the sources look: the engine or the walk side by side with those that need
// neither, and then one after the other those that need what these found.
func (s *scanner) run(ctx context.Context, snap *ns.Snapshot) error {
	var visitors []func(*procscan.Worker, *procscan.Process)
	var finders, afters, lasts []func(*scanner, context.Context) record.Found
	for _, src := range sources {
		if s.opts.Sources != nil && !slices.Contains(s.opts.Sources, src.name) {
			continue
		}
		if err := s.unreadable(&src); err != nil {
			lasts = append(lasts, without(&src, err))
			continue
		}
		snap.Sources = append(snap.Sources, src.name)
		if src.visit != nil && (src.spare == nil || !src.spare(s)) {
			visitors = append(visitors, src.visit)
		}
		if s.opts.Sparse && src.name == "process" {
			visitors[len(visitors)-1] = procscan.Outside(s.initial)
		}
		if src.find != nil {
			finders = append(finders, src.find)
		}
		if src.after != nil {
			afters = append(afters, src.after)
		}
		if src.last != nil {
			lasts = append(lasts, src.last)
		}
	}
	var wg sync.WaitGroup
	pool.Go(&wg, func() {
		for _, find := range finders {
			s.take(find(s, ctx))
		}
	})
	err := s.readTasks(ctx, visitors, snap.Sources)
	wg.Wait()
	if err != nil {
		return err
	}
	for _, read := range append(afters, lasts...) {
		s.take(read(s, ctx))
	}
	snap.Sources = slices.DeleteFunc(snap.Sources, func(name string) bool { return slices.Contains(s.found.Unread, name) })
	return nil
}

// without returns what there is of a source that needs an engine, with the gap of that.
func without(src *source, err error) func(*scanner, context.Context) record.Found {
	return func(s *scanner, ctx context.Context) (out record.Found) {
		if src.instead != nil {
			out, err = src.instead(s, ctx)
		}
		out.Gaps = append(out.Gaps, ns.Gap{Sources: []string{src.name}, Path: "/proc", Err: err})
		return out
	}
}

// ErrNotInProc is the gap of a source that /proc has nothing for.
var ErrNotInProc = errors.New("not shown by /proc")

// readTasks reads tasks and files by the engine or, without one, by the walk.
func (s *scanner) readTasks(ctx context.Context, visitors []func(*procscan.Worker, *procscan.Process), wanted []string) error {
	if s.opts.Engine == nil && len(visitors) == 0 {
		return ctx.Err() // nothing of a process is asked for
	}
	if s.opts.Engine == nil {
		got, err := procscan.Walk(ctx, s.host, s.types, visitors)
		s.take(got)
		if err != nil {
			return fmt.Errorf("list processes: %w", err)
		}
		return nil
	}
	sink := new(record.Sink)
	if err := s.opts.Engine.Find(ctx, Wanted{Types: s.types, Balance: s.opts.Balance, HiddenFile: s.hiddenFile}, sink); err != nil {
		return fmt.Errorf("read by engine %s: %w", s.opts.Engine.Name(), err)
	}
	if len(wanted) == len(sources) {
		wanted = nil
	}
	s.take(sink.Found(wanted))
	return nil
}
