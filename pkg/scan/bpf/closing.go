// SPDX-License-Identifier: Apache-2.0

//go:build amd64 || arm64

package bpf

import (
	"errors"

	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/internal/bpfreader"
	"github.com/nsinspect/nsinspect/internal/kernel"
	"github.com/nsinspect/nsinspect/internal/procscan"
	"github.com/nsinspect/nsinspect/pkg/ns"
)

// stateName returns the name, as of ss(8), of a state in which a TCP connection is closing
// (include/net/tcp_states.h); "" for another.
func stateName(state int) string {
	switch state {
	case 4:
		return "fin-wait-1"
	case 5:
		return "fin-wait-2"
	case 9:
		return "last-ack"
	case 11:
		return "closing"
	}
	return ""
}

// closing reports the TCP connections that no process has any more, if the kernel counts
// references to one of the namespaces that are not explained yet, and no task is in that or
// its account is to balance. This is rare, and the program is only loaded then. Before Linux 6.1 the table of
// connections is not found on every kernel, and those references stay unexplained.
func (f *finder) closing() error {
	if _, wanted := f.byFlag[uint32(ns.Net.Flag())]; !wanted {
		return nil
	}
	nets, err := f.r.Nets()
	if err != nil || !f.unexplained(nets) {
		return nil // List has the error
	}
	if f.e.closing == nil {
		r, err := bpfreader.Open(bpfreader.Options{Passes: bpfreader.Closing})
		if err != nil {
			return err
		}
		f.e.closing = r
	}
	_, err = f.e.closing.Closing(func(file *bpfreader.File) {
		f.fileAccount.file(file)
		f.sink.Holder(ns.Net, uint64(file.Namespace), ns.Holder{
			Kind: ns.KindSocket, FD: -1, Family: procscan.SocketFamily(int(file.Family)), Type: procscan.SocketType(unix.SOCK_STREAM),
			State: stateName(file.State), Peer: file.Peer.String(),
		})
	})
	if errors.As(err, &kernel.SinceError{}) {
		return nil // the references remain, unexplained
	}
	return err
}

func (f *finder) unexplained(nets []bpfreader.Net) bool {
	inhabited := map[uint32]bool{}
	for _, e := range f.taskAccount.entries {
		inhabited[e.namespace] = true
	}
	counts := f.fileAccount.counts()
	for i, n := range nets {
		looked := !inhabited[n.Inode] || uint64(n.Inode) == f.balance
		if i > 0 && looked && n.Refs > counts[uint64(n.Inode)].Direct+min(n.Opened, 1) { // the first is the initial one
			return true
		}
	}
	return false
}
