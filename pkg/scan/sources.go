// SPDX-License-Identifier: Apache-2.0

package scan

import (
	"context"
	"slices"

	"github.com/nsinspect/nsinspect/internal/names"
	"github.com/nsinspect/nsinspect/internal/procscan"
	"github.com/nsinspect/nsinspect/internal/record"
	"github.com/nsinspect/nsinspect/pkg/ns"
)

// source is one place that holders or names are found in. One that reads
// something of every process is a visit in the walk over them; any other is
// found once, in the order of the table, side by side with the walk or after it.
type source struct {
	name  string
	visit func(*procscan.Worker, *procscan.Process)
	find  func(*scanner, context.Context) record.Found
	after func(*scanner, context.Context) record.Found

	// relate adds to the snapshot what is found of the namespaces in it.
	relate func(*scanner, context.Context, *ns.Snapshot)

	// spare reports whether the visit would find nothing; nil: never.
	spare func(*scanner) bool

	// kernel marks what an Engine finds. Without one there is the visit or, where
	// /proc does not show such holders at all, a gap.
	kernel bool
	// unfit returns why the source cannot read the host without an Engine, nil if it can; nil: any host.
	unfit func(*scanner) error

	// last runs after all others, whose answers it is compared with. Without an Engine
	// there is, where there is no visit, instead, which returns the gap that it leaves.
	last    func(*scanner, context.Context) record.Found
	instead func(*scanner, context.Context) (record.Found, error)
}

// sources is the one table of sources: adding one is a file and a row.
var sources = []source{
	{name: "process", visit: procscan.Processes, kernel: true},
	{name: "thread", visit: procscan.Threads, kernel: true},
	{name: "fd", visit: procscan.Files, kernel: true, unfit: (*scanner).unlessLive},
	{name: "socket", visit: procscan.Sockets, kernel: true, unfit: (*scanner).unlessOwnTasks},
	{name: "mmap", kernel: true},
	{name: "inflight", kernel: true},
	{name: "kernel", kernel: true, last: (*scanner).listAll, instead: (*scanner).listActive},
	{name: "mount", visit: procscan.MountNamespaces, spare: (*scanner).mountsQuiet, find: (*scanner).findOwnMounts, after: (*scanner).readMounts},
	{name: "child", last: (*scanner).readRelations, relate: (*scanner).findChildren, unfit: (*scanner).unlessRecordedFamily},
	{name: "name", find: (*scanner).findNames}, // reads what mount found first
}

// Sources returns the names of all sources.
func Sources() []string {
	var names []string
	for _, s := range sources {
		names = append(names, s.name)
	}
	return names
}

// unreadable returns why a source cannot be read, nil if it can: of those that an engine
// serves, there is an engine, or a visit for this host.
func (s *scanner) unreadable(src *source) error {
	switch {
	case src.kernel && s.opts.Engine != nil:
		return nil
	case src.kernel && src.visit == nil:
		return ErrNotInProc
	case src.unfit != nil:
		return src.unfit(s)
	}
	return nil
}

// unlessLive returns an error for a recorded tree, which has no descriptors.
func (s *scanner) unlessLive() error {
	if s.host.Recorded() {
		return ErrNotInProc
	}
	return nil
}

// unlessRecordedFamily returns an error for a recorded tree in which there is something to
// find for the source child: it has no namespaces to ask.
func (s *scanner) unlessRecordedFamily() error {
	if !s.wantsChildren() {
		return nil
	}
	return s.unlessLive()
}

// unlessOwnTasks returns an error for a host whose process IDs no system call here takes.
func (s *scanner) unlessOwnTasks() error {
	if err := s.unlessLive(); err != nil {
		return err
	}
	if !s.host.OwnTaskIDs() {
		return procscan.ErrForeignTaskIDs
	}
	return nil
}

// listAll takes the engine's list of network namespaces.
func (s *scanner) listAll(context.Context) record.Found {
	var sink record.Sink
	if slices.Contains(s.types, ns.Net) {
		s.opts.Engine.List(&sink)
	}
	return sink.Found(nil)
}

// readRelations takes what the engine has recorded of owners and parents.
func (s *scanner) readRelations(context.Context) record.Found {
	var sink record.Sink
	if s.opts.Engine != nil && s.wantsChildren() {
		s.opts.Engine.Relations(&sink)
	}
	return sink.Found(nil)
}

func (s *scanner) mountsQuiet() bool { return s.mounts.Quiet }

func (s *scanner) findOwnMounts(context.Context) record.Found { return s.mounts.ReadOwn() }

func (s *scanner) readMounts(ctx context.Context) record.Found { return s.mounts.Read(ctx, &s.found) }

func (s *scanner) findNames(ctx context.Context) record.Found {
	names := names.Dirs{Host: s.host, Extra: s.opts.NamesDirs, Types: s.types, Mounted: s.mounts.Named}
	s.mounts.Named = nil // nobody else reads it, and there can be a hundred thousand
	return names.Read(ctx)
}
