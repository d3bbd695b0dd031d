// SPDX-License-Identifier: Apache-2.0

package opener

import (
	"cmp"
	"errors"
	"io"
	"os"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/internal/host"
	"github.com/nsinspect/nsinspect/internal/nsfs"
	"github.com/nsinspect/nsinspect/pkg/ns"
)

// Connections counts the TCP connections in a network namespace. It enters that, for which
// it needs CAP_SYS_ADMIN, and Linux 6.18 to get there without a path.
func Connections(h *host.Host, n *ns.Namespace) (open int, err error) {
	o := New(h, false)
	defer o.Close()
	fd, err := o.Open(n)
	if err != nil {
		return 0, err
	}
	defer unix.Close(fd)
	visitor := new(nsfs.Thread)
	defer visitor.Close()
	var failed error
	err = visitor.Enter(fd, func() {
		for _, file := range []string{"tcp", "tcp6"} {
			text, err := readSome("/proc/thread-self/net/" + file)
			if err != nil && !errors.Is(err, os.ErrNotExist) { // without IPv6
				failed = err
			}
			open += connected(text)
		}
	})
	return open, cmp.Or(err, failed)
}

// readSome returns the first mebibyte of a file of /proc.
func readSome(name string) (string, error) {
	f, err := os.Open(name)
	if err != nil {
		return "", err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, 1<<20))
	return string(text), err
}

// connected counts the sockets in a /proc/net/tcp file that hold their namespace:
// all but those in TIME_WAIT (net/ipv4/tcp_ipv4.c, tcp4_seq_show, 6.18).
func connected(tcp string) (n int) {
	for line := range strings.Lines(tcp) {
		if f := strings.Fields(line); len(f) > 3 && strings.HasSuffix(f[0], ":") && f[3] != "06" {
			n++
		}
	}
	return n
}
