// SPDX-License-Identifier: Apache-2.0

//go:build amd64 || arm64

package bpf

import (
	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/internal/bpfreader"
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

// closing reports the TCP connections that no process has any more. Before Linux 6.1 the table
// of connections is not found on every kernel, and those references stay unexplained.
func (f *finder) closing(r *bpfreader.Reader) error {
	_, err := r.Closing(func(file *bpfreader.File) {
		f.fileAccount.file(file)
		if file.Flags&bpfreader.OwnNS != 0 {
			return // it goes with the socket that listens
		}
		f.sink.Holder(ns.Net, uint64(file.Namespace), ns.Holder{
			Kind: ns.KindSocket, FD: -1, Socket: ns.NewSocket(ns.SocketWords{
				Family: procscan.SocketFamily(int(file.Family)), Type: procscan.SocketType(unix.SOCK_STREAM),
				State: stateName(file.State), Peer: file.Peer.String(),
			}),
		})
	})
	return err
}
