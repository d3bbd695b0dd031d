// SPDX-License-Identifier: Apache-2.0

//go:build amd64 || arm64

package bpf

import (
	"cmp"
	"errors"
	"time"

	"github.com/nsinspect/nsinspect/internal/bpfreader"
	"github.com/nsinspect/nsinspect/internal/procscan"
	"github.com/nsinspect/nsinspect/pkg/ns"
)

type fileRef struct {
	pid, fd   int
	namespace uint32
	kind      bpfreader.Kind
}

type pidObject struct {
	pid    int
	object bpfreader.Object
}

type descriptor struct {
	pid, tid, fd int
	born         time.Duration // when the process started
}

// holder returns what has the descriptor.
func (d descriptor) holder(k ns.Kind) ns.Holder {
	return ns.Holder{Kind: k, PID: ns.TaskID(d.pid), TID: ns.TaskID(d.tid), FD: int32(d.fd), Born: d.born}
}

// files reads the open files, beside tasks.
func (f *finder) files() error {
	f.queues = map[uint64]descriptor{}
	f.trees = map[int]ns.Holder{}
	_, err := f.r.Files(func(file *bpfreader.File) {
		h := descriptorOf(file)
		f.fileAccount.file(file)
		if ref := (pidObject{file.PID, file.Object}); ref.pid != 0 && (f.opened.n == 0 || *f.opened.at(f.opened.n - 1) != ref) {
			f.opened.add(ref)
		}
		if file.Flags&(bpfreader.Queued|bpfreader.Listening) != 0 {
			if other, ok := f.queues[file.Socket]; !ok || cmp.Compare(h.pid, other.pid) < 0 {
				f.queues[file.Socket] = h
			}
		}
		switch {
		case file.Kind == bpfreader.KindDetachedMount:
			tree := h.holder(ns.KindFD)
			tree.Via = viaRing(file)
			f.tree(file, tree)
		case file.Flags&bpfreader.OwnNS != 0:
		case h.tid != 0:
			f.threadFiles = append(f.threadFiles, *file)
		default:
			f.file(file, h)
		}
	})
	return err
}

// first reports whether a file that a process keeps was not reported before, by a descriptor or
// otherwise.
func (f *finder) first(file *bpfreader.File) bool {
	if f.open == nil {
		f.open = make(map[pidObject]bool, f.opened.n)
		for i := range f.opened.n {
			f.open[*f.opened.at(i)] = true
		}
	}
	ref := pidObject{file.PID, file.Object}
	if f.open[ref] {
		return false
	}
	f.open[ref] = true
	return true
}

// filesOfThreads reports the files that were read with another thread than the first. If
// the first has exited, the kernel shows them with each of the others.
func (f *finder) filesOfThreads() {
	f.reported = map[fileRef]bool{}
	for i := range f.threadFiles {
		if file := &f.threadFiles[i]; !f.wasReported(file) {
			f.file(file, descriptorOf(file))
		}
	}
}

// descriptorOf returns the process, the thread unless it is the first, and the number.
func descriptorOf(file *bpfreader.File) descriptor {
	h := descriptor{pid: file.PID, fd: file.FD, born: file.Born}
	if file.TID != file.PID {
		h.tid = file.TID
	}
	return h
}

// wasReported reports whether the file of a process whose first thread has exited was
// reported with another of its threads.
func (f *finder) wasReported(file *bpfreader.File) bool {
	if !f.exited[file.PID] {
		return false
	}
	ref := fileRef{file.PID, file.FD, file.Namespace, file.Kind}
	if f.reported[ref] {
		return true
	}
	f.reported[ref] = true
	return false
}

func (f *finder) file(file *bpfreader.File, at descriptor) {
	h := at.holder(ns.KindFD)
	if file.Kind == bpfreader.KindInotify || file.Kind == bpfreader.KindFanotify {
		h.Via = via(file)
		f.fileSink.Watcher(h)
		return
	}
	typ, wanted := f.byFlag[file.Type]
	if !wanted {
		if file.Type == uint32(ns.Mnt.Flag()) {
			f.fileSink.Pin(uint64(file.Namespace), h)
		}
		return
	}
	switch file.Kind {
	case bpfreader.KindSocket:
		h.Kind, h.Socket = ns.KindSocket, socketOf(file)
	case bpfreader.KindTun:
		h.Kind, h.Socket = ns.KindTun, ns.NewSocket(ns.SocketWords{Device: file.DeviceName()})
	}
	h.Via = via(file)
	f.fileSink.Holder(typ, uint64(file.Namespace), h)
}

func socketOf(file *bpfreader.File) ns.Socket {
	return ns.NewSocket(ns.SocketWords{Family: procscan.SocketFamily(int(file.Family)), Type: procscan.SocketType(int(file.SockType))})
}

// via returns what else is to be said of an open file that holds.
func via(file *bpfreader.File) ns.Via {
	switch file.Kind {
	case bpfreader.KindProcNet:
		return ns.ViaProcNet
	case bpfreader.KindFSContext:
		return ns.ViaFSContext
	case bpfreader.KindBPFIter:
		return ns.ViaBPFIter
	case bpfreader.KindInotify:
		return ns.ViaInotify
	case bpfreader.KindFanotify:
		return ns.ViaFanotify
	}
	return viaRing(file)
}

// viaRing returns what of a process has the file that is not itself a descriptor: ns.ViaRing for
// one in a slot of the io_uring that the descriptor is.
func viaRing(file *bpfreader.File) ns.Via {
	switch {
	case file.Flags&bpfreader.Request != 0:
		return ns.ViaRequest
	case file.Flags&bpfreader.AIO != 0:
		return ns.ViaAIO
	case file.Flags&(bpfreader.Registered|bpfreader.InMapping) == bpfreader.Registered|bpfreader.InMapping:
		return ns.ViaMapped
	case file.Flags&bpfreader.Registered != 0 && file.FD < 0:
		return ns.ViaRegistered
	case file.Flags&bpfreader.Registered != 0:
		return ns.ViaRing
	}
	return ns.NoVia
}

// mapped reports rings whose descriptor is closed: one with an open descriptor is a
// holder as a socket.
func (f *finder) mapped() error {
	if _, wanted := f.byFlag[uint32(ns.Net.Flag())]; !wanted {
		return nil
	}
	_, err := f.r.Mapped(f.mapping)
	return err
}

// mapping reports a mapped socket, unless the process has a descriptor of it, too.
func (f *finder) mapping(file *bpfreader.File) {
	f.fileAccount.file(file)
	if file.Flags&bpfreader.OwnNS != 0 || !f.first(file) {
		return
	}
	f.sink.Holder(ns.Net, uint64(file.Namespace), ns.Holder{
		Kind: ns.KindMmap, PID: ns.TaskID(file.PID), FD: -1, Born: file.Born,
		Socket: socketOf(file),
	})
}

func (f *finder) inFlight() error {
	found, err := retry(f.r.InFlight)
	inside := map[uint64]uint64{} // by socket in flight: the socket in whose queue it is
	senders := map[sent]bool{}
	for i := range found {
		if found[i].Kind == bpfreader.KindSocket && found[i].Socket != 0 {
			inside[found[i].Socket] = found[i].Queue
		}
	}
	for i := range found {
		file := &found[i]
		f.fileAccount.file(file)
		if file.Flags&bpfreader.OwnNS != 0 {
			continue // an unaccepted connection or a sender, which goes with the socket that has it
		}
		if file.Flags&bpfreader.Sender != 0 {
			if senders[sent{file.Queue, file.Object}] {
				continue
			}
			senders[sent{file.Queue, file.Object}] = true
		}
		h := ns.Holder{Kind: ns.KindInflight, FD: -1}
		if at, ok := f.outermost(file.Queue, inside); ok {
			h = at.holder(ns.KindInflight)
		}
		if file.Kind == bpfreader.KindDetachedMount {
			f.tree(file, h)
		}
		typ, wanted := f.byFlag[file.Type]
		if !wanted {
			continue
		}
		switch {
		case file.Flags&bpfreader.Embryo != 0 && file.Kind == bpfreader.KindSocket && file.Socket == 0: // the connection itself
			h.Kind, h.Via = ns.KindSocket, ns.ViaUnaccepted
			fallthrough
		case file.Kind == bpfreader.KindSocket:
			h.Socket = socketOf(file)
		}
		if file.Flags&bpfreader.Sender != 0 {
			h.Via = ns.ViaSender
		}
		f.sink.Holder(typ, uint64(file.Namespace), h)
	}
	return err
}

// sent is a closed socket, and the queue that has messages of it, maybe several.
type sent struct {
	queue  uint64
	sender bpfreader.Object
}

// retry repeats a pass that walks lists without a lock: one that changed while it was
// followed may not the next time.
func retry(pass func(func(*bpfreader.File)) (bpfreader.Totals, error)) (found []bpfreader.File, err error) {
	for range 3 {
		found = found[:0]
		if _, err = pass(func(file *bpfreader.File) { found = append(found, *file) }); !errors.Is(err, bpfreader.ErrIncomplete) {
			break
		}
	}
	return found, err
}

// outermost returns the descriptor of the socket in whose queue a file in flight is or,
// where that socket is in flight itself, of the socket in whose queue that one is, and so
// on: closing it frees them all. Sockets may be in the queues of each other.
func (f *finder) outermost(queue uint64, inside map[uint64]uint64) (descriptor, bool) {
	for range len(inside) + 1 {
		if at, ok := f.queues[queue]; ok {
			return at, true
		}
		next, ok := inside[queue]
		if !ok {
			break
		}
		queue = next
	}
	return descriptor{}, false
}
