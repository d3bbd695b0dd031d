// SPDX-License-Identifier: Apache-2.0

//go:build amd64 || arm64

package bpfreader

import (
	"fmt"

	"github.com/cilium/ebpf"
)

// restarts is how often a walk begins again because the namespace it stood on
// died between two steps.
const restarts = 16

// Nets returns every network namespace on the kernel's list, in its order: the
// initial one first, then by age. It sees those that no file reaches too.
func (r *Reader) Nets() ([]Net, error) {
	defer r.lock(Nets)()
	if err := r.begin(Nets); err != nil {
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
// the queue of a unix socket, in any network namespace of the machine. Files
// tells which processes hold the socket that it waits in. The File is fn's until
// it returns.
func (r *Reader) InFlight(fn func(*File)) (Totals, error) {
	totals, err := r.overNets(InFlight, fn, r.queues)
	if err != nil {
		return totals, fmt.Errorf("read files in flight: %w", err)
	}
	return totals, nil
}

// Mapped hands every mapping of a packet or XDP socket to fn that keeps another
// namespace than the process is in, whether a descriptor is still open or not.
// It begins at the sockets, so its time does not grow with the processes. PID is
// 0 for one outside the reader's pid namespace. The File is fn's until it
// returns.
func (r *Reader) Mapped(fn func(*File)) (Totals, error) {
	totals, err := r.overNets(Mapped, fn, r.mappings)
	if err != nil {
		return totals, fmt.Errorf("read mapped sockets: %w", err)
	}
	return totals, nil
}

// overNets walks the namespaces, has step append what its program finds in each
// batch of them, and hands it all to fn once the walk was whole.
func (r *Reader) overNets(p Pass, fn func(*File), step func(*ebpf.Program, []File, int) ([]File, error)) (Totals, error) {
	defer r.lock(p)()
	prog, err := r.program(p)
	if err != nil {
		return Totals{}, err
	}
	for range restarts {
		var files []File
		if err := r.begin(p); err != nil {
			return Totals{}, err
		}
		whole, err := r.walkNets(func(nets []scanNetRec) (err error) {
			files, err = step(prog, files, len(nets))
			return err
		})
		if err != nil {
			return Totals{}, err
		}
		if !whole {
			continue
		}
		for i := range files {
			fn(&files[i])
		}
		return r.finish(p, uint64(len(files)), 0)
	}
	return Totals{}, fmt.Errorf("%w: the list of namespaces changed too fast, %d times", ErrIncomplete, restarts)
}

// queues appends the files in flight in the batch of namespaces that the last
// step of walkNets left with the kernel.
func (r *Reader) queues(prog *ebpf.Program, files []File, nets int) ([]File, error) {
	at := scanQueueWalk{Nets: uint32(nets)}
	if err := store(r, scanVarQueueAt, &at); err != nil {
		return files, err
	}
	for scanWalkState(at.State) == scanWalkStateWALK_MORE {
		if err := run(prog); err != nil {
			return files, err
		}
		if err := fetch(r, scanVarQueueAt, &at); err != nil {
			return files, err
		}
		batch, err := r.queued(at.Count)
		if err != nil {
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

// mappings does the same for mapped sockets, in one run.
func (r *Reader) mappings(prog *ebpf.Program, files []File, nets int) ([]File, error) {
	at := scanMapWalk{Nets: uint32(nets)}
	if err := store(r, scanVarMapAt, &at); err != nil {
		return files, err
	}
	if err := run(prog); err != nil {
		return files, err
	}
	if err := fetch(r, scanVarMapAt, &at); err != nil {
		return files, err
	}
	if scanWalkState(at.State) != scanWalkStateWALK_DONE {
		return files, fmt.Errorf("%w: more packet sockets than one run can follow, or a kernel without CONFIG_MEMCG", ErrIncomplete)
	}
	batch, err := r.queued(at.Count)
	if err != nil {
		return files, err
	}
	for i := range batch {
		var f File
		f.set(&batch[i])
		f.Address = batch[i].At
		files = append(files, f)
	}
	return files, nil
}

// queued copies the first n records of the programs' array.
func (r *Reader) queued(n uint32) ([]scanFileRec, error) {
	batch := make([]scanFileRec, min(n, uint32(scanBatchSizeQUEUED)))
	return batch, fetchSome(r, scanVarQueuedOut, batch)
}
