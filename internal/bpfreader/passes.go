// SPDX-License-Identifier: Apache-2.0

//go:build amd64 || arm64

package bpfreader

import (
	"errors"
	"fmt"
)

// Tasks hands every thread of the reader's pid namespace to fn, zombies and
// kernel threads among them. The Task is fn's until it returns.
func (r *Reader) Tasks(fn func(*Task)) (Totals, error) {
	var t Task
	totals, err := iterate(r, Tasks, buffer[scanTaskRec](), func(raw *scanTaskRec) {
		t.set(raw)
		fn(&t)
	})
	if err != nil {
		return totals, fmt.Errorf("read tasks: %w", err)
	}
	return totals, nil
}

// Files hands every descriptor that keeps a namespace to fn: namespace files,
// sockets and tun files, and what an io_uring has in its slots. A table of
// descriptors comes once, with the process's leader, and again with each thread
// that has a table of its own, or whose leader has exited. Of sockets and tun
// files in the namespace of their task only unix sockets with a queue come, to
// tell who holds the Queue of InFlight. The File is fn's until it returns.
func (r *Reader) Files(fn func(*File)) (Totals, error) {
	totals, err := r.files(fn)
	if err != nil {
		return totals, fmt.Errorf("read open files: %w", err)
	}
	return totals, nil
}

func (r *Reader) files(fn func(*File)) (Totals, error) {
	var f File
	rest := make(map[uint32]int32) // thread and descriptor that its table goes on from
	totals, err := iterate(r, Files, buffer[scanFileRec](), func(raw *scanFileRec) {
		if scanFileKind(raw.Kind) == scanFileKindFILE_MORE {
			rest[raw.Tid] = raw.Fd
			return
		}
		f.set(raw)
		fn(&f)
	})
	totals.Records -= min(totals.Records, uint64(len(rest)))
	if len(rest) == 0 || err != nil && !errors.Is(err, ErrIncomplete) {
		return totals, err
	}
	more, moreErr := r.longTables(rest, fn)
	return totals.plus(more), errors.Join(err, moreErr)
}

// longTables reads on in the tables of descriptors that had more than one show
// call could tell.
func (r *Reader) longTables(from map[uint32]int32, fn func(*File)) (Totals, error) {
	rest, err := r.oneByOne()
	if err != nil {
		return Totals{}, fmt.Errorf("%w: %d long tables: %w", ErrIncomplete, len(from), err)
	}
	var f File
	var told uint64
	totals, err := iterate(rest, Files, buffer[scanFileRec](), func(raw *scanFileRec) {
		if fd, long := from[raw.Tid]; !long || raw.Fd < fd {
			return
		}
		told++
		f.set(raw)
		fn(&f)
	})
	totals.Records = told
	return totals, err
}

// oneByOne opens a second reader when it is first needed: few machines have such
// a process.
func (r *Reader) oneByOne() (*Reader, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.rest != nil {
		return r.rest, nil
	}
	rest, err := Open(Options{Passes: Files, Types: r.options.Types, Own: r.options.Own, oneByOne: true, old: r.options.old})
	if err != nil {
		return nil, err
	}
	r.rest = rest
	return rest, nil
}

// VMAs hands every mapping of a file that keeps a namespace to fn, whether a
// descriptor of that file is still open or not. It looks at every mapping of
// every process, which takes longer than the other passes. The File is fn's
// until it returns.
func (r *Reader) VMAs(fn func(*File)) (Totals, error) {
	var f File
	totals, err := iterate(r, VMAs, buffer[scanFileRec](), func(raw *scanFileRec) {
		f.set(raw)
		f.Address = raw.At
		fn(&f)
	})
	if err != nil {
		return totals, fmt.Errorf("read mappings: %w", err)
	}
	return totals, nil
}
