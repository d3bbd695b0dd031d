// SPDX-License-Identifier: Apache-2.0

package record

import (
	"slices"
	"time"

	"github.com/nsinspect/nsinspect/pkg/ns"
)

// Sink takes what an engine finds. It is for one goroutine at a time.
type Sink struct {
	found Found
	parts []*Sink
}

// Part returns a sink for another goroutine, which is to be done with it when
// Find returns: what it takes, s has taken then.
func (s *Sink) Part() *Sink {
	part := new(Sink)
	s.parts = append(s.parts, part)
	return part
}

// Found returns what the sink and its parts took, which must be done with them: of
// the wanted sources only, unless that is nil.
func (s *Sink) Found(wanted []string) Found {
	for _, part := range s.parts {
		s.found.Add(part.Found(nil))
	}
	s.parts = nil
	if wanted != nil {
		s.found.only(wanted)
	}
	return s.found
}

// only drops what the wanted sources would not have found.
func (f *Found) only(wanted []string) {
	f.Records.Delete(func(r *Record) bool { return !slices.Contains(wanted, r.Kind.Source()) })
	if !slices.Contains(wanted, "thread") {
		f.Threads = nil
	}
	if !slices.Contains(wanted, "fd") {
		f.Watchers = nil
	}
	f.Gaps = slices.DeleteFunc(f.Gaps, func(g ns.Gap) bool { return !slices.ContainsFunc(wanted, g.Of) })
}

// Holder takes one holder of a namespace.
func (s *Sink) Holder(t ns.Type, inode uint64, h ns.Holder) {
	s.found.Records.Add(Key{t, inode}, &h)
}

// Process takes a process in a namespace, with its start time since boot, which
// saves reading it when the leader is looked for. via is of a link that holds for future children.
func (s *Sink) Process(t ns.Type, inode uint64, pid ns.TaskID, born time.Duration, via ns.Via) {
	s.Holder(t, inode, ns.Holder{Kind: ns.KindProcess, PID: pid, Via: via, Born: born})
}

// Task counts a further thread of a process that is in a namespace.
func (s *Sink) Task(t ns.Type, inode uint64) {
	if s.found.Threads == nil {
		s.found.Threads = map[Key]int{}
	}
	s.found.Threads[Key{t, inode}]++
}

// Member records a process in a mount namespace, of a wanted type or not.
func (s *Sink) Member(mountNS uint64, pid ns.TaskID) {
	if s.found.Members == nil {
		s.found.Members = Members{}
	}
	s.found.Members[mountNS] = append(s.found.Members[mountNS], pid)
}

// Threaded takes a process of more than one thread.
func (s *Sink) Threaded(pid ns.TaskID) { s.found.Threaded = append(s.found.Threaded, pid) }

// Watcher takes an inotify or fanotify file, which holds what it watches.
func (s *Sink) Watcher(h ns.Holder) { s.found.Watchers = append(s.found.Watchers, h) }

// Pin takes what holds a mount namespace that is not wanted itself: it may be
// all that keeps the mounts in it.
func (s *Sink) Pin(mountNS uint64, h ns.Holder) { s.found.Pins = append(s.found.Pins, Pin{mountNS, h}) }

// Net takes an entry of the kernel's own list of network namespaces.
func (s *Sink) Net(n Net) { s.found.Nets = append(s.found.Nets, n) }

// Relation takes what a namespace refers to.
func (s *Sink) Relation(r Relation) { s.found.Relations = append(s.found.Relations, r) }

// AllNets records that the kernel's list was read to its end, so that what is not
// on it is not alive.
func (s *Sink) AllNets() { s.found.AllNets = true }

// Accounts takes what refers to each network namespace, by its inode: all that the engine
// has read.
func (s *Sink) Accounts(all map[uint64]Account) { s.found.Accounts = all }

// Unread takes a source that this kernel gives no way to read, and why: nothing
// that it finds was looked at.
func (s *Sink) Unread(source string, err error) {
	s.found.Unread = append(s.found.Unread, source)
	s.Gap("bpf", err, source)
}

// LoneMounts records that all mounts outside of mount namespaces were read.
func (s *Sink) LoneMounts() { s.found.LoneMounts = true }

// Gap takes what could not be read, for all the sources whose answer it is missing from.
func (s *Sink) Gap(path string, err error, sources ...string) {
	slices.Sort(sources)
	s.found.Gaps = append(s.found.Gaps, ns.Gap{Sources: sources, Path: path, Err: err})
}
