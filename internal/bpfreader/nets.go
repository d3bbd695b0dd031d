// SPDX-License-Identifier: Apache-2.0

//go:build amd64 || arm64

package bpfreader

import (
	"errors"
	"fmt"
	"slices"

	"github.com/cilium/ebpf"

	"github.com/nsinspect/nsinspect/internal/kernel"
)

// restarts is how often a walk starts again because the namespace at which it continues
// was freed between two runs.
const restarts = 16

// Nets returns every network namespace on the kernel's list, in its order: the initial
// one first, then by age. It includes those that no file refers to.
func (r *Reader) Nets() ([]Net, error) {
	defer r.lock(Nets)()
	if err := r.begin(Nets); err != nil {
		return nil, fmt.Errorf("read network namespaces: %w", err)
	}
	var nets []Net
	for range restarts {
		nets = nets[:0]
		complete, err := r.walkNets(func(batch []scanNetRecord) error {
			for i := range batch {
				nets = append(nets, netOf(&batch[i]))
			}
			return nil
		})
		if err != nil {
			return nil, fmt.Errorf("read network namespaces: %w", err)
		}
		if complete {
			return nets, nil
		}
	}
	return nets, fmt.Errorf("read network namespaces: %w: the list changed too fast, %d times", ErrIncomplete, restarts)
}

func netOf(r *scanNetRecord) Net {
	return Net{Inode: r.Inode, Cookie: r.Cookie, Refs: int(r.Refs), Opened: max(int(r.Opened), 0), Watched: max(int(r.Watched), 0), UserNS: r.Userns, UID: r.Uid, Rings: r.Rings != 0}
}

// walkNets calls each with every batch of the list. It returns false if the walk was
// aborted before the end.
func (r *Reader) walkNets(each func([]scanNetRecord) error) (bool, error) {
	prog, err := r.program(Nets)
	if err != nil {
		return false, err
	}
	if err := writeVariable(r, scanVarNetPos, &scanNetWalk{}); err != nil {
		return false, err
	}
	var batch [scanBatchSizeNET_BATCH]scanNetRecord
	for {
		var at scanNetWalk
		if err := advance(r, prog, scanVarNetPos, &at); err != nil {
			return false, err
		}
		got := batch[:min(at.Count, uint32(len(batch)))]
		if err := readArray(r, scanVarNetBatch, got); err != nil {
			return false, err
		}
		if err := each(got); err != nil {
			return false, err
		}
		switch scanWalkState(at.State) {
		case scanWalkStateWALK_DONE:
			return true, nil
		case scanWalkStateWALK_ABORTED:
			return false, nil
		}
	}
}

// InFlight calls fn with every namespace file, socket and tun file in the receive queue
// of a unix socket, in any network namespace of the machine. Files reports the
// descriptors of that socket. It loads its program where a unix socket has something in its
// queue. The File is valid until fn returns.
func (r *Reader) InFlight(fn func(*File)) (Totals, error) {
	if !r.inFlightNeeded() {
		return Totals{}, nil
	}
	totals, err := r.eachBatch(InFlight, fn, r.queues)
	if err != nil {
		return totals, fmt.Errorf("read files in flight: %w", err)
	}
	return totals, nil
}

// Mapped calls fn with every mapping of a packet or XDP socket in another namespace than
// its process, whether a descriptor is still open or not. It starts at the sockets, so
// that its time does not grow with the number of processes, and loads its program where
// a namespace has such sockets. PID is 0 for a process
// outside the reader's PID namespace. The File is valid until fn returns.
func (r *Reader) Mapped(fn func(*File)) (Totals, error) {
	if needed, err := r.mappedNeeded(); err != nil || !needed {
		return Totals{}, err
	}
	totals, err := r.eachBatch(Mapped, fn, r.mappings)
	if err != nil {
		return totals, fmt.Errorf("read mapped sockets: %w", err)
	}
	return totals, nil
}

// mappedNeeded reports whether there may be mapped packet sockets. Where the program
// cannot be loaded there is an error, whatever there is.
func (r *Reader) mappedNeeded() (bool, error) {
	if r.passes[Mapped] == nil || kernel.Running().Before(5, 17) {
		return true, nil
	}
	nets, err := r.Nets()
	if errors.Is(err, ErrIncomplete) {
		return true, nil
	}
	return slices.ContainsFunc(nets, func(n Net) bool { return n.Rings }), err
}

// eachBatch walks the network namespaces, calls step to append what the pass's program
// finds in each batch of them, and calls fn with all of it once the walk is complete.
func (r *Reader) eachBatch(p Pass, fn func(*File), step func(*ebpf.Program, []File, int) ([]File, error)) (Totals, error) {
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
		complete, err := r.walkNets(func(nets []scanNetRecord) (err error) {
			files, err = step(prog, files, len(nets))
			return err
		})
		if err != nil {
			return Totals{}, err
		}
		if !complete {
			continue
		}
		for i := range files {
			fn(&files[i])
		}
		return r.finish(p, uint64(len(files)), 0)
	}
	return Totals{}, fmt.Errorf("%w: the list of namespaces changed too fast, %d times", ErrIncomplete, restarts)
}

// errQueued is returned by receiveQueues.
var errQueued = errors.New("a unix socket has something in its queue")

// inFlightNeeded reports whether there may be files in flight: also where that cannot be
// found out.
func (r *Reader) inFlightNeeded() bool {
	if r.passes[queued] == nil || kernel.Running().Before(6, 0) {
		return true
	}
	_, err := r.eachBatch(queued, nil, r.receiveQueues)
	return err != nil
}

// receiveQueues returns errQueued if there may be files in flight in that batch of namespaces.
func (r *Reader) receiveQueues(prog *ebpf.Program, files []File, nets int) ([]File, error) {
	at := scanQueuedWalk{Nets: uint32(nets)}
	if err := writeVariable(r, scanVarQueuedPos, &at); err != nil {
		return files, err
	}
	if err := advance(r, prog, scanVarQueuedPos, &at); err != nil {
		return files, err
	}
	if scanWalkState(at.State) != scanWalkStateWALK_DONE {
		return files, errQueued
	}
	return files, nil
}

// queues appends the files in flight in the batch of namespaces that walkNets has just
// read, which the programs still have.
func (r *Reader) queues(prog *ebpf.Program, files []File, nets int) ([]File, error) {
	at := scanQueueWalk{Nets: uint32(nets)}
	if err := writeVariable(r, scanVarQueuePos, &at); err != nil {
		return files, err
	}
	for scanWalkState(at.State) == scanWalkStateWALK_CONTINUE {
		if err := advance(r, prog, scanVarQueuePos, &at); err != nil {
			return files, err
		}
		batch, err := r.fileBatch(at.Count)
		if err != nil {
			return files, err
		}
		for i := range batch {
			var f File
			f.set(&batch[i])
			f.Backlog = 0
			f.Queue, f.QueueNS = batch[i].Location, batch[i].OtherNs
			files = append(files, f)
		}
	}
	return files, nil
}

// mappings appends the mapped sockets in that batch, in a single run.
func (r *Reader) mappings(prog *ebpf.Program, files []File, nets int) ([]File, error) {
	at := scanMappingWalk{Nets: uint32(nets)}
	if err := writeVariable(r, scanVarMappingPos, &at); err != nil {
		return files, err
	}
	if err := advance(r, prog, scanVarMappingPos, &at); err != nil {
		return files, err
	}
	if scanWalkState(at.State) != scanWalkStateWALK_DONE {
		return files, fmt.Errorf("%w: too many packet sockets, or a kernel without CONFIG_MEMCG", ErrIncomplete)
	}
	batch, err := r.fileBatch(at.Count)
	if err != nil {
		return files, err
	}
	for i := range batch {
		var f File
		f.set(&batch[i])
		files = append(files, f)
	}
	return files, nil
}

// fileBatch returns the first n records of the programs' array.
func (r *Reader) fileBatch(n uint32) ([]scanFileRecord, error) {
	batch := make([]scanFileRecord, min(n, uint32(scanBatchSizeFILE_BATCH)))
	return batch, readArray(r, scanVarFileBatch, batch)
}
