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

// Without descriptors nothing can be opened, which is not that there is no way to it.
func TestOpenWithoutDescriptors(t *testing.T) {
	h, err := host.Open("/")
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	o := New(h, false)
	defer o.Close()
	_, inode, err := h.NamespaceAt("/proc/self/ns/net")
	if err != nil {
		t.Fatal(err)
	}
	n := &ns.Namespace{Type: ns.Net, Inode: inode, Holders: []ns.Holder{{Kind: ns.KindProcess, PID: ns.TaskID(os.Getpid())}}}
	fd, err := o.Open(n)
	if err != nil {
		t.Fatal(err)
	}
	unix.Close(fd)
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: 0, Max: limit.Max}); err != nil {
		t.Fatal(err)
	}
	_, err = o.Open(n)
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	if !errors.Is(err, unix.EMFILE) {
		t.Errorf("the error is %v", err)
	}
}
