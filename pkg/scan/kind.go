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

// kinds names each kind, in one and in many, and says where one looks for it.
var kinds = [numKinds]struct{ one, many, where string }{
	KindProcess:  {"process", "processes", "processes"},
	KindThread:   {"thread", "threads", "threads"},
	KindFD:       {"fd", "fds", "open files"},
	KindMount:    {"mount", "mounts", "mounts"},
	KindSocket:   {"socket", "sockets", "sockets"},
	KindTun:      {"tun", "tuns", "tun devices"},
	KindMmap:     {"mmap", "mmaps", "mapped sockets"},
	KindInflight: {"inflight", "inflight", "files in flight"},
	KindKernel:   {"kernel", "kernel", "the kernel's own list"},
}

// Kinds returns every kind, in order.
func Kinds() []Kind {
	all := make([]Kind, numKinds)
	for i := range all {
		all[i] = Kind(i)
	}
	return all
}

// HasFD reports whether a holder of the kind has a descriptor.
func (k Kind) HasFD() bool {
	return k == KindFD || k == KindSocket || k == KindTun || k == KindInflight
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
