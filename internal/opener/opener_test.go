// SPDX-License-Identifier: Apache-2.0

package opener

import (
	"errors"
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/internal/host"
	"github.com/nsinspect/nsinspect/pkg/ns"
)

// TestOpenWithoutDescriptors checks that a lack of descriptors is returned as that, and not
// as a statement about the namespace.
func TestOpenWithoutDescriptors(t *testing.T) {
	h, err := host.Open("/")
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	o := New(h, false)
	defer o.Close()
	typ, inode, err := h.NamespaceAt("/proc/self/ns/net")
	if err != nil {
		t.Fatal(err)
	}
	n := ns.Namespace{Type: typ, Inode: inode, Holders: []ns.Holder{{Kind: ns.KindProcess, PID: ns.TaskID(os.Getpid())}}}

	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	none := unix.Rlimit{Cur: 0, Max: limit.Max}
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &none); err != nil {
		t.Fatal(err)
	}
	defer unix.Setrlimit(unix.RLIMIT_NOFILE, &limit)
	if fd, err := o.Open(&n); !errors.Is(err, unix.EMFILE) {
		t.Errorf("descriptor %d, error %v, want %v", fd, err, unix.EMFILE)
	}
}
