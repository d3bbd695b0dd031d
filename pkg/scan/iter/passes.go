// SPDX-License-Identifier: Apache-2.0

//go:build amd64 || arm64

package iter

import (
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
	var f File
	totals, err := iterate(r, Files, buffer[scanFileRec](), func(raw *scanFileRec) {
		f.set(raw)
		fn(&f)
	})
	if err != nil {
		return totals, fmt.Errorf("read open files: %w", err)
	}
	return totals, nil
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
