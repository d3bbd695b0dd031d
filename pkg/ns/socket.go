// SPDX-License-Identifier: Apache-2.0

package ns

import (
	"strings"
	"unique"
)

// Socket is what a socket or tun file is. There can be a hundred thousand of them and of few
// sorts: what they have in common is in memory once. Two are equal if their Words are. The
// zero value has none.
type Socket struct{ words unique.Handle[SocketWords] }

// SocketWords are the parts of a Socket.
type SocketWords struct {
	Family string // "inet"
	Type   string // "stream"
	State  string // of a TCP connection that no process has any more: "fin-wait-1"
	Peer   string // of such a connection: its other end, "192.0.2.7:443"
	Device string // of a tun file: its device
}

// NewSocket returns the socket of some words.
func NewSocket(words SocketWords) Socket {
	if words == (SocketWords{}) {
		return Socket{}
	}
	return Socket{unique.Make(words)}
}

// Words returns the parts of the socket.
func (s Socket) Words() SocketWords {
	if s == (Socket{}) {
		return SocketWords{}
	}
	return s.words.Value()
}

// Equal reports whether two sockets have the same words.
func (s Socket) Equal(t Socket) bool { return s == t }

// String returns the words with spaces between them.
func (s Socket) String() string {
	w := s.Words()
	return strings.Join(strings.Fields(strings.Join([]string{w.Family, w.Type, w.Device, w.State, w.Peer}, " ")), " ")
}
