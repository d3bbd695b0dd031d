// SPDX-License-Identifier: Apache-2.0

package scan

// found is what a source hands over; see scanner.take.
type found struct {
	sightings  pile
	tasks      map[key]int // tasks beyond one a process, by namespace
	names      []sightedName
	strays     []Stray
	dirs       []string // names directories that were read
	gaps       []Gap
	nets       []KernelNet // the kernel's own list
	wholeNets  bool        // it was read to its end
	loneMounts bool        // mounts in no mount namespace were looked for
	unread     []string    // sources that an engine could not read here
	seers      seers       // processes, by mount namespace
	pins       []pin       // what holds mount namespaces that are not wanted themselves
	threaded   []int       // processes of more than one thread
}

type sightedName struct {
	key
	Name
	cookie uint64 // 0 if unknown, or not asked for
}

func (f *found) add(g found) {
	f.sightings = append(f.sightings, g.sightings...) // the pieces, not what is in them
	f.names = append(f.names, g.names...)
	f.strays = append(f.strays, g.strays...)
	f.dirs = append(f.dirs, g.dirs...)
	f.gaps = append(f.gaps, g.gaps...)
	f.unread = append(f.unread, g.unread...)
	f.nets = append(f.nets, g.nets...)
	f.wholeNets = f.wholeNets || g.wholeNets
	f.loneMounts = f.loneMounts || g.loneMounts
	f.seers.add(g.seers)
	f.pins = append(f.pins, g.pins...)
	f.threaded = append(f.threaded, g.threaded...)
	if f.tasks == nil {
		f.tasks = map[key]int{}
	}
	for k, n := range g.tasks {
		f.tasks[k] += n
	}
}

// seers are the processes in each mount namespace, by its inode.
type seers map[uint64][]int

func (s *seers) add(more seers) {
	if *s == nil {
		*s = seers{}
	}
	for inode, pids := range more {
		(*s)[inode] = append((*s)[inode], pids...)
	}
}

// pin is what holds a mount namespace.
type pin struct {
	mountNS uint64
	Holder
}

// KernelNet is a network namespace as the kernel's own list has it.
type KernelNet struct {
	Inode  uint64
	Cookie uint64 // never reused in one boot; 0 before Linux 5.12
	Refs   int    // references; 0 when it is dying, refsUnknown if it is alive
	UserNS uint64 // inode of the user namespace that owns it
	UID    int    // who made that user namespace
}

const refsUnknown = -1
