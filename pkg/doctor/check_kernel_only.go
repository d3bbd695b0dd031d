// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"cmp"
	"errors"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/internal/explain"
	"github.com/nsinspect/nsinspect/internal/nsfs"
	"github.com/nsinspect/nsinspect/internal/opener"
	"github.com/nsinspect/nsinspect/pkg/ns"
)

// findKernelOnly finds namespaces that live and that nothing visible explains.
func findKernelOnly(x *inspection) (all []Finding) {
	for _, n := range x.inState(heldByKernel) {
		f := x.about(n)
		f.write(x.adviser().KernelOnly(n))
		x.addAge(&f)
		x.addLinks(&f)
		x.uncertain(&f, "process", "thread", "fd", "socket", "mmap", "inflight", "mount")
		if !x.snap.MountsAll {
			f.Severity = Unknown
			f.NotCertain(explain.WhyMountNamespaces)
		}
		if why := x.closing(n); why != "" {
			f.Severity = Unknown
			f.NotCertain(why)
		}
		all = append(all, f)
	}
	return all
}

// closing returns why a namespace that nothing visible keeps may be kept for some
// minutes only, "" if nothing speaks for that: by TCP connections whose processes
// have ended and whose peers have not answered yet.
func (x *inspection) closing(n *ns.Namespace) string {
	if open, err := x.connections(n); err == nil && open > 0 {
		return explain.Closing(open, true)
	} else if err == nil {
		return ""
	}
	if open := x.orphans(); open > 0 {
		return explain.Closing(open, false)
	}
	return ""
}

// connections counts the TCP connections in a namespace. It enters that, for which
// it needs CAP_SYS_ADMIN, and Linux 6.18 to get there without a path.
func (x *inspection) connections(n *ns.Namespace) (open int, err error) {
	opener := opener.New(x.host, false)
	fd, err := opener.Open(n)
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

// orphans returns how many TCP connections of all network namespaces no process
// has any more (net/ipv4/proc.c, sockstat_seq_show, 6.18).
func (x *inspection) orphans() int {
	n := x.snap.Find(x.snap.Initial[ns.Net])
	if n == nil || n.Leader == nil {
		return 0
	}
	text, err := x.host.ReadProc(n.Leader.PID, "net/sockstat", 4096)
	if err != nil {
		return 0
	}
	return orphans(string(text))
}

// orphans reads the number behind "orphan" of a sockstat file.
func orphans(sockstat string) int {
	words := strings.Fields(sockstat)
	i := slices.Index(words, "orphan")
	if i < 0 || i+1 == len(words) {
		return 0
	}
	n, err := strconv.Atoi(words[i+1])
	if err != nil || n < 0 {
		return 0
	}
	return n
}
