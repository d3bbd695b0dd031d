// SPDX-License-Identifier: Apache-2.0

package resolve

import (
	"context"
	"os"
	"slices"
	"time"

	"github.com/nsinspect/nsinspect/internal/host"
	"github.com/nsinspect/nsinspect/pkg/ns"
)

// In is All in a snapshot from a file, which has every type. types are those of opts.Types.
func In(ctx context.Context, file *ns.Snapshot, types []ns.Type, known Aliases, refs []Ref) (*ns.Snapshot, []Found, error) {
	s := search{
		machine: kept{file}, known: known, types: types,
		take:     func(types []ns.Type, _ bool) (*ns.Snapshot, error) { return file.Of(types...), nil },
		describe: func(*ns.Namespace) error { return nil },
	}
	return s.find(ctx, refs, true)
}

// machine is what references are looked up in beside a snapshot. A *host.Host is one.
type machine interface {
	Live() bool
	Absolute(name string) (root, full string, err error)
	InitialNamespaces() [ns.NumTypes]uint64
	LookupNamespace(name string) (ns.Type, uint64, error)
	NamespaceAt(name string) (ns.Type, uint64, error)
	ReadStat(task string) (host.Stat, error)
	ReadDir(name string) ([]os.DirEntry, error)
	LacksType(dir string, t ns.Type) bool
	Recorded() bool
	TaskCovered(task string) bool
	BootTime() (time.Time, error)
	NamespaceAuthority(name string) (ns.Authority, bool)
}

// search is where references are looked for.
type search struct {
	machine
	known    Aliases
	types    []ns.Type // the first is that which a PID, a name or self stands for
	take     func(types []ns.Type, cookies bool) (*ns.Snapshot, error)
	describe func(*ns.Namespace) error
}

func (s *search) find(ctx context.Context, refs []Ref, among bool) (*ns.Snapshot, []Found, error) {
	all := make([]target, 0, len(refs))
	for _, r := range refs {
		all = append(all, newTarget(s.machine, s.types[0], r))
	}
	if !slices.ContainsFunc(all, target.mayBe) {
		found := make([]Found, len(all))
		for i := range all {
			found[i].Err = all[i].err
		}
		return nil, found, nil
	}
	types := typesOf(all, s.types)
	if among {
		for _, t := range s.types {
			if !slices.Contains(types, t) {
				types = append(types, t)
			}
		}
	}
	for {
		snap, err := s.take(types, slices.ContainsFunc(all, target.isCookie))
		if err != nil {
			return nil, nil, err
		}
		found, again := make([]Found, len(all)), false
		for i := range all {
			var elsewhere bool
			found[i].Namespace, elsewhere, found[i].Err = all[i].find(ctx, s.machine, s.known, s.types[0], snap)
			again = again || elsewhere
		}
		if again && len(types) < int(ns.NumTypes) {
			types = ns.Types()
			continue
		}
		for i := range found {
			if n := found[i].Namespace; n != nil {
				found[i].Err = s.describe(n)
			}
		}
		return snap, found, ctx.Err()
	}
}
