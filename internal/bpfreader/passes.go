// SPDX-License-Identifier: Apache-2.0

//go:build amd64 || arm64

package bpfreader

import (
	"errors"
	"fmt"
	"unsafe"
)

// Tasks calls fn with every thread of the reader's PID namespace, zombies and kernel
// threads included. The Task is valid until fn returns.
func (r *Reader) Tasks(fn func(*Task)) (Totals, error) {
	var t Task
	totals, err := iterate(r, Tasks, buffer[scanTaskRecord](), func(raw *scanTaskRecord) {
		t.set(raw)
		fn(&t)
	})
	if err != nil {
		return totals, fmt.Errorf("read tasks: %w", err)
	}
	return totals, nil
}

// Files calls fn with every descriptor that refers to a namespace: namespace files,
// sockets and tun files, and the files in the slots of an io_uring. A descriptor table
// is read once, with the process's leader, and again with each thread that has a table
// of its own, or whose leader has exited. Of sockets and tun files in the namespace of
// their task only unix sockets with queued messages are included, which are the Queue
// of InFlight; with Options.Account others too, with OwnNS set and maybe no more than
// Namespace and Object. The File is valid until fn returns.
func (r *Reader) Files(fn func(*File)) (Totals, error) {
	totals, err := r.files(fn)
	if err != nil {
		return totals, fmt.Errorf("read open files: %w", err)
	}
	return totals, nil
}

func (r *Reader) files(fn func(*File)) (Totals, error) {
	if _, err := r.program(Files); errors.Is(err, ErrRefused) && r.options.isUsual() && !errors.Is(err, errClosed) {
		rest, restErr := r.oneByOne() // which has more programs to try
		if restErr != nil {
			return Totals{}, err
		}
		return rest.files(fn)
	}
	var f File
	rest := make(map[uint32]int32) // by thread: the descriptor at which its table continues
	totals, err := iterate(r, Files, buffer[scanFileRecord](), func(raw *scanFileRecord) {
		if scanFileKind(raw.Kind) == scanFileKindFILE_TRUNCATED {
			rest[raw.Tid] = raw.Fd
			return
		}
		if scanFileKind(raw.Kind) == scanFileKindFILE_OWN_SOCKETS {
			own := (*scanOwnRecord)(unsafe.Pointer(raw)) // of the same size
			for _, object := range own.Object {
				if object != 0 {
					f.setOwn(own, object)
					fn(&f)
				}
			}
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

// longTables reads the rest of the descriptor tables that had more records than one
// show call can write.
func (r *Reader) longTables(from map[uint32]int32, fn func(*File)) (Totals, error) {
	rest, err := r.oneByOne()
	if err != nil {
		return Totals{}, fmt.Errorf("%w: %d long tables: %w", ErrIncomplete, len(from), err)
	}
	var f File
	var records uint64
	totals, err := iterate(rest, Files, buffer[scanFileRecord](), func(raw *scanFileRecord) {
		if fd, long := from[raw.Tid]; !long || raw.Fd < fd {
			return
		}
		records++
		f.set(raw)
		fn(&f)
	})
	totals.Records = records
	return totals, err
}

// oneByOne returns a second reader, which it opens when it is first needed: few machines
// have such a process.
func (r *Reader) oneByOne() (*Reader, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.rest != nil {
		return r.rest, nil
	}
	rest, err := Open(Options{Passes: Files, Types: r.options.Types, OwnNS: r.options.OwnNS, Account: r.options.Account, Relations: r.options.Relations, oneByOne: true, oldObject: r.options.oldObject, typesDir: r.options.typesDir})
	if err != nil {
		return nil, err
	}
	r.rest = rest
	return rest, nil
}

// Rings calls fn with every file that keeps a namespace alive and is in a slot of an io_uring
// instance that a task has registered with itself, whether a descriptor of that is still open or
// not. The File, whose FD is -1, is valid until fn returns.
func (r *Reader) Rings(fn func(*File)) (Totals, error) {
	return r.taskFiles(Rings, "read registered io_uring instances", fn)
}

// Requests calls fn with files of pending requests that keep a namespace alive: of io_uring
// requests that wait for the file to become ready, and of aio polls. All are included that
// nothing but the request refers to, and others of each process as far as there is room. The
// File, whose FD is -1, is valid until fn returns.
func (r *Reader) Requests(fn func(*File)) (Totals, error) {
	return r.taskFiles(Requests, "read pending requests", fn)
}

func (r *Reader) taskFiles(p Pass, doing string, fn func(*File)) (Totals, error) {
	var f File
	totals, err := iterate(r, p, buffer[scanFileRecord](), func(raw *scanFileRecord) {
		f.set(raw)
		fn(&f)
	})
	if err != nil {
		return totals, fmt.Errorf("%s: %w", doing, err)
	}
	return totals, nil
}

// Mappings calls fn with every socket that a process has mapped, and every file in a slot of a
// mapped io_uring instance, whether a descriptor of it is still open or not. It visits every
// mapping of every process. Before Linux 6.1 it finds none. The File, whose FD is -1 and whose
// Address is where it or its instance is mapped, is valid until fn returns.
func (r *Reader) Mappings(fn func(*File)) (Totals, error) {
	return r.taskFiles(Mappings, "read mappings", fn)
}

// ClosedPeers calls fn with every closed unix socket that an open one of another network
// namespace is connected to: that is what FD is. The File is valid until fn returns.
func (r *Reader) ClosedPeers(fn func(*File)) (Totals, error) {
	return r.taskFiles(ClosedPeers, "read closed peers", fn)
}
