// SPDX-License-Identifier: Apache-2.0

//go:build amd64 || arm64

package bpf

import (
	"github.com/nsinspect/nsinspect/internal/bpfreader"
	"github.com/nsinspect/nsinspect/pkg/ns"
)

// rings reports what the io_uring instances have that tasks have registered with themselves,
// if there are any: their descriptors may be closed.
func (f *finder) rings() error {
	if !f.hasRings {
		return nil
	}
	return f.rarely(bpfreader.Rings, func(f *finder, r *bpfreader.Reader) error {
		_, err := r.Rings(f.kept)
		return err
	})
}

// requests reports the files of pending requests of io_uring and aio.
func (f *finder) requests(r *bpfreader.Reader) error {
	_, err := r.Requests(f.kept)
	return err
}

// mappings reports sockets that are mapped and not of the kinds that mapped finds, and what is
// in the slots of mapped io_uring instances.
func (f *finder) mappings(r *bpfreader.Reader) error {
	_, err := r.Mappings(func(file *bpfreader.File) {
		if file.Flags&bpfreader.Registered != 0 {
			f.kept(file)
		} else {
			f.mapping(file)
		}
	})
	return err
}

// closedPeers reports closed unix sockets that open ones are connected to.
func (f *finder) closedPeers(r *bpfreader.Reader) error {
	_, err := r.ClosedPeers(func(file *bpfreader.File) {
		f.fileAccount.file(file)
		if file.Flags&bpfreader.OwnNS != 0 {
			return
		}
		h := descriptorOf(file).holder(ns.KindSocket)
		h.Via, h.Socket = ns.ViaPeer, socketOf(file)
		f.fileSink.Holder(ns.Net, uint64(file.Namespace), h)
	})
	return err
}

// kept reports a file that a process keeps other than by a descriptor, unless it has one, too.
func (f *finder) kept(file *bpfreader.File) {
	f.fileAccount.file(file)
	at := descriptorOf(file)
	switch {
	case file.Kind == bpfreader.KindDetachedMount:
		tree := at.holder(ns.KindFD)
		tree.Via = via(file)
		f.tree(file, tree)
	case file.Kind == bpfreader.KindInotify, file.Kind == bpfreader.KindFanotify:
		// What it watches is in the fdinfo of descriptors alone.
	case file.Flags&bpfreader.OwnNS == 0 && f.first(file):
		f.file(file, at)
	}
}
