// SPDX-License-Identifier: Apache-2.0

//go:build amd64 || arm64

package bpf

import (
	"cmp"
	"errors"

	"github.com/nsinspect/nsinspect/internal/bpfreader"
	"github.com/nsinspect/nsinspect/internal/procscan"
	"github.com/nsinspect/nsinspect/pkg/ns"
)

// files reads the open files, beside tasks.
func (f *finder) files() error {
	f.open, f.waiting = map[pidSocket]bool{}, map[uint64]holderOf{}
	f.trees = map[int]ns.Holder{}
	_, err := f.r.Files(func(file *bpfreader.File) {
		h := holderIn(file)
		if file.Socket != 0 {
			f.open[pidSocket{file.PID, file.Socket}] = true
		}
		if file.Flags&(bpfreader.Queued|bpfreader.Listening) != 0 {
			if other, ok := f.waiting[file.Socket]; !ok || cmp.Compare(h.pid, other.pid) < 0 {
				f.waiting[file.Socket] = h
			}
		}
		switch {
		case file.Kind == bpfreader.KindTree:
			f.tree(file, ns.Holder{Kind: ns.KindFD, PID: ns.TaskID(h.pid), TID: ns.TaskID(h.tid), FD: h.fd, Via: viaRing(file)})
		case file.Flags&bpfreader.Own != 0:
		case h.tid != 0:
			f.late = append(f.late, *file)
		default:
			f.file(file, h)
		}
	})
	return err
}

// lateFiles tells of the files that came with a thread other than the first. If
// that one has ended they come with each of the others.
func (f *finder) lateFiles() {
	f.seen = map[fileRef]bool{}
	for i := range f.late {
		if file := &f.late[i]; !f.again(file) {
			f.file(file, holderIn(file))
		}
	}
}

// holderIn is who has a file: a thread where it is not the first of its process.
func holderIn(file *bpfreader.File) holderOf {
	h := holderOf{pid: file.PID, fd: file.FD}
	if file.TID != file.PID {
		h.tid = file.TID
	}
	return h
}

// again reports whether a file of a process whose first thread has ended was
// told with another of its threads.
func (f *finder) again(file *bpfreader.File) bool {
	if !f.exited[file.PID] {
		return false
	}
	ref := fileRef{file.PID, file.FD, file.Namespace, file.Kind}
	if f.seen[ref] {
		return true
	}
	f.seen[ref] = true
	return false
}

func (f *finder) file(file *bpfreader.File, at holderOf) {
	h := ns.Holder{Kind: ns.KindFD, PID: ns.TaskID(at.pid), TID: ns.TaskID(at.tid), FD: at.fd}
	typ, wanted := f.byFlag[file.Type]
	if !wanted {
		if file.Type == uint32(ns.Mnt.Flag()) {
			f.fileSink.Pin(uint64(file.Namespace), h)
		}
		return
	}
	switch file.Kind {
	case bpfreader.KindSocket:
		h.Kind, h.Family, h.Type = ns.KindSocket, procscan.SocketFamily(int(file.Family)), procscan.SocketType(int(file.SockType))
	case bpfreader.KindTun:
		h.Kind, h.Device = ns.KindTun, file.DeviceName()
	}
	h.Via = viaRing(file)
	f.fileSink.Holder(typ, uint64(file.Namespace), h)
}

// viaRing says that a file is in a slot of the io_uring that its descriptor is.
func viaRing(file *bpfreader.File) string {
	if file.Flags&bpfreader.Registered != 0 {
		return "io_uring"
	}
	return ""
}

// mapped tells of rings whose descriptor is closed: one that is open holds as
// a socket.
func (f *finder) mapped() error {
	if _, wanted := f.byFlag[uint32(ns.Net.Flag())]; !wanted {
		return nil
	}
	told := map[pidSocket]bool{}
	_, err := f.r.Mapped(func(file *bpfreader.File) {
		ref := pidSocket{file.PID, file.Socket}
		if f.open[ref] || told[ref] {
			return
		}
		told[ref] = true
		f.sink.Holder(ns.Net, uint64(file.Namespace), ns.Holder{
			Kind: ns.KindMmap, PID: ns.TaskID(file.PID), FD: -1,
			Family: procscan.SocketFamily(int(file.Family)), Type: procscan.SocketType(int(file.SockType)),
		})
	})
	return err
}

func (f *finder) inFlight() error {
	found, err := steady(f.r.InFlight)
	inside := map[uint64]uint64{} // which socket a socket in flight waits in
	for i := range found {
		if found[i].Kind == bpfreader.KindSocket && found[i].Socket != 0 {
			inside[found[i].Socket] = found[i].Queue
		}
	}
	for i := range found {
		file := &found[i]
		h := ns.Holder{Kind: ns.KindInflight, FD: -1}
		if at, ok := f.outermost(file.Queue, inside); ok {
			h.PID, h.TID, h.FD = ns.TaskID(at.pid), ns.TaskID(at.tid), at.fd
		}
		if file.Kind == bpfreader.KindTree {
			f.tree(file, h)
		}
		typ, wanted := f.byFlag[file.Type]
		if !wanted {
			continue
		}
		switch {
		case file.Flags&bpfreader.Embryo != 0 && file.Kind == bpfreader.KindSocket && file.Socket == 0: // the connection itself
			h.Kind, h.Via = ns.KindSocket, "unaccepted connection"
			fallthrough
		case file.Kind == bpfreader.KindSocket:
			h.Family, h.Type = procscan.SocketFamily(int(file.Family)), procscan.SocketType(int(file.SockType))
		}
		f.sink.Holder(typ, uint64(file.Namespace), h)
	}
	return err
}

// steady reads what other passes walk unlocked: what changed while it was followed
// may hold still the next time.
func steady(pass func(func(*bpfreader.File)) (bpfreader.Totals, error)) (found []bpfreader.File, err error) {
	for range 3 {
		found = found[:0]
		if _, err = pass(func(file *bpfreader.File) { found = append(found, *file) }); !errors.Is(err, bpfreader.ErrIncomplete) {
			break
		}
	}
	return found, err
}

// outermost returns who has the socket that a file in flight waits in or, where
// that one is in flight itself, the socket that it waits in, and so on: closing
// that one frees them all. Sockets may wait in each other.
func (f *finder) outermost(queue uint64, inside map[uint64]uint64) (holderOf, bool) {
	for range len(inside) + 1 {
		if at, ok := f.waiting[queue]; ok {
			return at, true
		}
		next, ok := inside[queue]
		if !ok {
			break
		}
		queue = next
	}
	return holderOf{}, false
}
