// SPDX-License-Identifier: Apache-2.0

package scan

import (
	"slices"
	"time"
)

// Sink takes what an engine finds. It is for one goroutine at a time.
type Sink struct {
	found found
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
func (s *Sink) Found(wanted []string) found {
	for _, part := range s.parts {
		s.found.add(part.Found(nil))
	}
	s.parts = nil
	if wanted != nil {
		s.found.only(wanted)
	}
	return s.found
}

// only drops what the wanted sources would not have found.
func (f *found) only(wanted []string) {
	f.sightings.remove(func(r *sighting) bool { return !slices.Contains(wanted, r.kind.Source()) })
	if !slices.Contains(wanted, "thread") {
		f.tasks = nil
	}
	if !slices.Contains(wanted, "kernel") {
		f.nets, f.wholeNets = nil, false
	}
	f.gaps = slices.DeleteFunc(f.gaps, func(g Gap) bool { return !slices.Contains(wanted, g.Source) })
}

// Holder takes one holder of a namespace.
func (s *Sink) Holder(t Type, inode uint64, h Holder) {
	s.found.sightings.add(sightingOf(key{t, inode}, &h))
}

// Process takes a process in a namespace, with its start time since boot, which
// saves reading it when the leader is looked for. via is "" or the link that
// holds for future children, as "pid_for_children".
func (s *Sink) Process(t Type, inode uint64, pid int, born time.Duration, via string) {
	s.Holder(t, inode, Holder{Kind: KindProcess, PID: pid, Via: via, born: born})
}

// Task counts a further thread of a process that is in a namespace.
func (s *Sink) Task(t Type, inode uint64) {
	if s.found.tasks == nil {
		s.found.tasks = map[key]int{}
	}
	s.found.tasks[key{t, inode}]++
}

// Seer takes a process that sees a mount namespace, which need not be wanted.
func (s *Sink) Seer(mountNS uint64, pid int) {
	if s.found.seers == nil {
		s.found.seers = seers{}
	}
	s.found.seers[mountNS] = append(s.found.seers[mountNS], pid)
}

// Threaded takes a process of more than one thread.
func (s *Sink) Threaded(pid int) { s.found.threaded = append(s.found.threaded, pid) }

// Pin takes what holds a mount namespace that is not wanted itself: it may be
// all that keeps the mounts in it.
func (s *Sink) Pin(mountNS uint64, h Holder) { s.found.pins = append(s.found.pins, pin{mountNS, h}) }

// Net takes an entry of the kernel's own list of network namespaces.
func (s *Sink) Net(n KernelNet) { s.found.nets = append(s.found.nets, n) }

// WholeNets says that the kernel's list was read to its end, so that what is not
// on it is not alive.
func (s *Sink) WholeNets() { s.found.wholeNets = true }

// Unread takes a source that this kernel gives no way to read, and why: nothing
// that it finds was looked at.
func (s *Sink) Unread(source string, err error) {
	s.found.unread = append(s.found.unread, source)
	s.Gap(source, "bpf", err)
}

// LoneMounts says that mounts in no mount namespace were looked for, all of them.
func (s *Sink) LoneMounts() { s.found.loneMounts = true }

// Gap takes what could not be read.
func (s *Sink) Gap(source, path string, err error) {
	s.found.gaps = append(s.found.gaps, Gap{Source: source, Path: path, Err: err})
}
