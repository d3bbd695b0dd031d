// SPDX-License-Identifier: Apache-2.0

//go:build amd64 || arm64

package iter

import (
	"fmt"
)

// restarts is how often a walk begins again because the namespace it stood on
// died between two steps.
const restarts = 16

// Nets returns every network namespace on the kernel's list, in its order: the
// initial one first, then by age. It sees those that no file reaches too.
func (r *Reader) Nets() ([]Net, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.begin(); err != nil {
		return nil, fmt.Errorf("read network namespaces: %w", err)
	}
	var nets []Net
	for range restarts {
		nets = nets[:0]
		whole, err := r.walkNets(func(batch []scanNetRec) error {
			for i := range batch {
				nets = append(nets, netOf(&batch[i]))
			}
			return nil
		})
		if err != nil {
			return nil, fmt.Errorf("read network namespaces: %w", err)
		}
		if whole {
			return nets, nil
		}
	}
	return nets, fmt.Errorf("read network namespaces: %w: the list changed too fast, %d times", ErrIncomplete, restarts)
}

func netOf(r *scanNetRec) Net {
	return Net{Inode: r.Inode, Cookie: r.Cookie, Refs: int(r.Refs), UserNS: r.Userns, UID: r.Uid}
}

// walkNets hands the list over batch by batch. It reports false if it lost its
// place before the end.
func (r *Reader) walkNets(each func([]scanNetRec) error) (bool, error) {
	prog, err := r.program(Nets)
	if err != nil {
		return false, err
	}
	if err := store(r, scanVarNetAt, &scanNetWalk{}); err != nil {
		return false, err
	}
	var batch [scanBatchSizeNETS]scanNetRec
	for {
		var at scanNetWalk
		if err := run(prog); err != nil {
			return false, err
		}
		if err := fetch(r, scanVarNetAt, &at); err != nil {
			return false, err
		}
		got := batch[:min(at.Count, uint32(len(batch)))]
		if err := fetchSome(r, scanVarNetsOut, got); err != nil {
			return false, err
		}
		if err := each(got); err != nil {
			return false, err
		}
		switch scanWalkState(at.State) {
		case scanWalkStateWALK_DONE:
			return true, nil
		case scanWalkStateWALK_BROKEN:
			return false, nil
		}
	}
}

// InFlight hands every namespace file, socket and tun file to fn that waits in
// the queue of a unix socket, in any network namespace. Which processes hold the
// socket it waits in tells Files. A walk that lost its place begins again, and
// what fn got is then told twice; the error says if that happened too often.
// The File is fn's until it returns.
func (r *Reader) InFlight(fn func(*File)) (Totals, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	totals, err := r.inFlight(fn)
	if err != nil {
		return totals, fmt.Errorf("read files in flight: %w", err)
	}
	return totals, nil
}

func (r *Reader) inFlight(fn func(*File)) (Totals, error) {
	if _, err := r.program(InFlight); err != nil {
		return Totals{}, err
	}
	var files []File
	for range restarts {
		files = files[:0]
		if err := r.begin(); err != nil {
			return Totals{}, err
		}
		whole, err := r.walkNets(func(nets []scanNetRec) error {
			var err error
			files, err = r.queues(files, len(nets))
			return err
		})
		if err != nil {
			return Totals{}, err
		}
		if whole {
			for i := range files {
				fn(&files[i])
			}
			return r.finish(uint64(len(files)), 0)
		}
	}
	return Totals{}, fmt.Errorf("%w: the list of namespaces changed too fast, %d times", ErrIncomplete, restarts)
}

// queues appends the files in flight in the batch of namespaces that the last
// step of walkNets left with the kernel.
func (r *Reader) queues(files []File, nets int) ([]File, error) {
	prog, err := r.program(InFlight)
	if err != nil {
		return files, err
	}
	at := scanQueueWalk{Nets: uint32(nets)}
	if err := store(r, scanVarQueueAt, &at); err != nil {
		return files, err
	}
	var batch []scanFileRec
	for scanWalkState(at.State) == scanWalkStateWALK_MORE {
		if err := run(prog); err != nil {
			return files, err
		}
		if err := fetch(r, scanVarQueueAt, &at); err != nil {
			return files, err
		}
		batch = append(batch[:0], make([]scanFileRec, min(at.Count, uint32(scanBatchSizeQUEUED)))...)
		if err := fetchSome(r, scanVarQueuedOut, batch); err != nil {
			return files, err
		}
		for i := range batch {
			var f File
			f.set(&batch[i])
			f.Queue, f.QueueNS = batch[i].At, batch[i].OtherNs
			files = append(files, f)
		}
	}
	return files, nil
}
