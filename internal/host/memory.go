// SPDX-License-Identifier: Apache-2.0

package host

import (
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/nsinspect/nsinspect/pkg/ns"
)

// memoryReads are the reads of command lines, which are in the memory of their processes. The
// kernel locks that meanwhile (mm/memory.c, __access_remote_vm, 6.18), for which a user can
// have it wait without end: with a page in one thread that a FUSE server or userfaultfd does
// not provide, and an mmap in another. The wait is killable: a thread of ours that is left
// in it keeps nothing from ending.
type memoryReads struct {
	mu   sync.Mutex
	left map[string]chan struct{} // by path below /proc; closed when the read has returned
}

const (
	// mostLeft is how many reads may be left behind. From then on the memory of users'
	// processes is not read any more.
	mostLeft = 8
	// lessPatience is how long a read is given while others are left behind.
	lessPatience = Patience / 10
)

// readMemory returns what read returns of a file of a task that is in its memory, and
// ErrNoAnswer if that takes longer than Patience, or has not returned since it did.
func (h *Host) readMemory(task, name string, read func() ([]byte, error)) ([]byte, error) {
	file, patience := task+"/"+name, Patience
	switch n, hangs := h.memory.waiting(file); {
	case hangs, n >= mostLeft && !h.isTrusted(task):
		return nil, ErrNoAnswer
	case n > 0:
		patience = lessPatience
	}
	var text []byte
	var err error
	returned := make(chan struct{})
	go func() {
		defer close(returned)
		text, err = read()
	}()
	late := time.NewTimer(patience)
	defer late.Stop()
	select {
	case <-returned:
		return text, err
	case <-late.C:
		h.memory.leave(file, returned)
		return nil, ErrNoAnswer
	}
}

// waiting returns how many reads have not returned, and whether that of a file is one of them.
func (m *memoryReads) waiting(file string) (n int, hangs bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for name, returned := range m.left {
		select {
		case <-returned:
			delete(m.left, name)
		default:
			n++
			hangs = hangs || name == file
		}
	}
	return n, hangs
}

func (m *memoryReads) leave(file string, returned chan struct{}) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.left == nil {
		m.left = map[string]chan struct{}{}
	}
	m.left[file] = returned
}

// isTrusted reports whether a task, "PID" or "PID/task/TID", is root's or of whoever runs this
// program.
func (h *Host) isTrusted(task string) bool {
	first, _, _ := strings.Cut(task, "/")
	pid, ok := ns.ParseTaskID(first)
	return ok && h.ProcessAuthority(pid).Trusted
}

// Unanswered returns the files of tasks that do not answer, sorted. Where no more were asked,
// "*" stands for these.
func (h *Host) Unanswered() []string {
	h.memory.mu.Lock()
	defer h.memory.mu.Unlock()
	var all []string
	for name := range h.memory.left {
		all = append(all, "/proc/"+name)
	}
	if len(all) >= mostLeft {
		all = append(all, "/proc/*/cmdline")
	}
	slices.Sort(all)
	return all
}
