// SPDX-License-Identifier: Apache-2.0

package ns

// Kind is the way in which a holder keeps a namespace alive. Kinds sort in the
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
	KindChild
	KindKernel
	NumKinds
)

// kinds is the one table of holder kinds: the word for one and for many, the
// source that finds them, and the place where that looks.
var kinds = [NumKinds]struct{ one, many, source, where string }{
	KindProcess:  {"process", "processes", "process", "processes"},
	KindThread:   {"thread", "threads", "thread", "threads"},
	KindFD:       {"fd", "fds", "fd", "open files"},
	KindMount:    {"mount", "mounts", "mount", "mounts"},
	KindSocket:   {"socket", "sockets", "socket", "sockets"},
	KindTun:      {"tun", "tuns", "socket", "tun devices"},
	KindMmap:     {"mmap", "mmaps", "mmap", "mapped sockets"},
	KindInflight: {"inflight", "inflight", "inflight", "files in flight"},
	KindChild:    {"child", "children", "child", "child namespaces"},
	KindKernel:   {"kernel", "kernel", "kernel", "the kernel's own list"},
}

// Source returns the name of the source that finds holders of the kind.
func (k Kind) Source() string { return kinds[k].source }

// Where returns the place in which holders of the kind are found, "open files".
func (k Kind) Where() string { return kinds[k].where }

// Kinds returns every kind, in order.
func Kinds() []Kind {
	all := make([]Kind, NumKinds)
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
