// SPDX-License-Identifier: Apache-2.0

package scan

// Kind says in which way a holder keeps a namespace alive. Kinds sort in the
// order in which they are shown.
type Kind uint8

// The kinds of holders.
const (
	KindProcess Kind = iota
	KindThread
	KindFD
	KindMount
	KindSocket
	KindTun
	KindMmap
	KindInflight
	KindKernel
	numKinds
)

// kinds names each kind, in one and in many.
var kinds = [numKinds]struct{ one, many string }{
	KindProcess:  {"process", "processes"},
	KindThread:   {"thread", "threads"},
	KindFD:       {"fd", "fds"},
	KindMount:    {"mount", "mounts"},
	KindSocket:   {"socket", "sockets"},
	KindTun:      {"tun", "tuns"},
	KindMmap:     {"mmap", "mmaps"},
	KindInflight: {"inflight", "inflight"},
	KindKernel:   {"kernel", "kernel"},
}

// Kinds returns every kind, in order.
func Kinds() []Kind {
	all := make([]Kind, numKinds)
	for i := range all {
		all[i] = Kind(i)
	}
	return all
}

// String returns the word for one holder of the kind.
func (k Kind) String() string { return kinds[k].one }

// Plural returns the word for n holders of the kind.
func (k Kind) Plural(n int) string {
	if n == 1 {
		return kinds[k].one
	}
	return kinds[k].many
}
