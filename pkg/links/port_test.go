// SPDX-License-Identifier: Apache-2.0

package links

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/internal/host"
	"github.com/nsinspect/nsinspect/internal/need"
	"github.com/nsinspect/nsinspect/internal/nsfs"
	"github.com/nsinspect/nsinspect/pkg/ns"
	"github.com/nsinspect/nsinspect/pkg/scan"
)

const testPort = 47

// listen opens a socket in a namespace of the lab that is bound to the test's port. v6only is
// for IPv6: 0, 1, or -1 to leave it.
func (l *lab) listen(name string, family, typ, v6only int, at string, port int) {
	l.Helper()
	file, err := os.Open(l.names.Path(name))
	if err != nil {
		l.Fatal(err)
	}
	defer file.Close()
	v := new(nsfs.Thread)
	defer v.Close()
	s := -1
	var failed error
	err = v.Enter(int(file.Fd()), func() {
		if s, failed = unix.Socket(family, typ|unix.SOCK_CLOEXEC, 0); failed != nil {
			return
		}
		var addr unix.Sockaddr = &unix.SockaddrInet6{Port: port, Addr: [16]byte(net.ParseIP(at).To16())}
		if family == unix.AF_INET {
			addr = &unix.SockaddrInet4{Port: port, Addr: [4]byte(net.ParseIP(at).To4())}
		}
		if v6only >= 0 {
			failed = unix.SetsockoptInt(s, unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, v6only)
		}
		if failed == nil {
			failed = unix.Bind(s, addr)
		}
		if failed == nil && typ == unix.SOCK_STREAM {
			failed = unix.Listen(s, 1)
		}
	})
	if s >= 0 {
		l.Cleanup(func() { unix.Close(s) })
	}
	if err != nil || failed != nil {
		l.Fatalf("listen in %s: %v, %v", name, err, failed)
	}
}

func (l *lab) find(p Port) ([]PortHit, *ns.Snapshot, error) {
	l.Helper()
	h, err := host.Open("/")
	if err != nil {
		l.Fatal(err)
	}
	defer h.Close()
	snap, err := scan.Scan(l.Context(), scan.Options{Host: h})
	if err != nil {
		l.Fatal(err)
	}
	hits, err := p.Find(l.Context(), h, snap)
	return hits, snap, err
}

// ssLine is a line of ss: "tcp LISTEN 0 1 127.0.0.1:47 0.0.0.0:* users:((\"x\",pid=1,fd=2)) ino:3 …".
var ssLine = regexp.MustCompile(`^(tcp|udp) +\S+ +\d+ +\d+ +(\S+) +\S+ +(?:users:\(([^ ]*)\) )?.*ino:(\d+)`)

var ssUser = regexp.MustCompile(`pid=(\d+),fd=(\d+)`)

// ss returns what ss lists at the test's port in a namespace of the lab.
func (l *lab) ss(name string) (all []string) {
	l.Helper()
	out, err := exec.Command("nsenter", "--net="+l.names.Path(name), "ss", "-Hltnupe", "sport", "=", fmt.Sprint(testPort)).Output()
	if err != nil {
		l.Fatal(err)
	}
	for line := range strings.Lines(string(out)) {
		m := ssLine.FindStringSubmatch(line)
		if m == nil {
			l.Fatalf("a line of ss: %q", line)
		}
		users := ssUser.FindAllString(m[3], -1)
		slices.Sort(users)
		all = append(all, fmt.Sprintf("%s %s %s %v", m[1], m[2], m[4], users))
	}
	slices.Sort(all)
	return all
}

// ours returns the listeners of a hit in the same form.
func ours(h *PortHit) (all []string) {
	for _, l := range h.Listeners {
		users := []string{}
		for _, holder := range l.Holders {
			users = append(users, fmt.Sprintf("pid=%d,fd=%d", holder.PID, holder.FD))
		}
		slices.Sort(users)
		addr := l.Addr.String()
		if l.Addr.Addr().IsUnspecified() && l.Addr.Addr().Is6() && !l.V6Only {
			addr = fmt.Sprintf("*:%d", l.Addr.Port())
		}
		all = append(all, fmt.Sprintf("%s %s %d %v", l.Proto, addr, l.Socket, users))
	}
	slices.Sort(all)
	return all
}

// Every listener of every namespace is found as ss finds it there, and nothing else: no other
// port, and no connection.
func TestPortAsSS(t *testing.T) {
	need.Program(t, "ss", "nsenter")
	l := newLab(t, "v4", "v6", "both", "none")
	for name := range l.ns {
		l.ip("-n @%s link set lo up", name)
	}
	const tcp, udp, v4, v6 = unix.SOCK_STREAM, unix.SOCK_DGRAM, unix.AF_INET, unix.AF_INET6
	l.listen("v4", v4, tcp, -1, "127.0.0.1", testPort)
	l.listen("v4", v4, tcp, -1, "127.0.0.2", testPort)
	l.listen("v4", v4, udp, -1, "0.0.0.0", testPort)
	l.listen("v4", v4, tcp, -1, "0.0.0.0", testPort+1)
	l.listen("v6", v6, tcp, 1, "::", testPort)
	l.listen("v6", v6, udp, -1, "::1", testPort)
	l.listen("both", v6, tcp, 0, "::", testPort)
	l.listen("both", v6, udp, 0, "::ffff:127.0.0.1", testPort)
	l.listen("none", v6, tcp, 0, "::", testPort+1)
	p, err := ByPort(fmt.Sprint(testPort), "")
	if err != nil {
		t.Fatal(err)
	}
	hits, _, err := l.find(p)
	if err != nil {
		t.Fatal(err)
	}
	for name, scene := range l.ns {
		i := slices.IndexFunc(hits, func(h PortHit) bool { return h.Namespace.Inode == scene.Inode })
		var got []string
		if i >= 0 {
			got = ours(&hits[i])
		}
		if want := l.ss(name); !slices.Equal(got, want) {
			t.Errorf("in %s:\n%s\nwant, by ss\n%s", name, strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	}
	// Of one protocol only.
	if p, err = ByPort(fmt.Sprint(testPort), "udp"); err != nil {
		t.Fatal(err)
	}
	hits, _, err = l.find(p)
	for _, h := range hits {
		for _, s := range h.Listeners {
			if s.Proto != "udp" {
				t.Errorf("asked for UDP: %+v", s)
			}
		}
	}
	if err != nil || len(hits) < 3 {
		t.Errorf("%d namespaces, %v, want three at least", len(hits), err)
	}
}

func TestMalformedPort(t *testing.T) {
	for _, text := range []string{"", "0", "-1", "65536", "http", "80 ", "0x50"} {
		if p, err := ByPort(text, ""); err == nil {
			t.Errorf("%q: taken for %v", text, p)
		}
	}
	if _, err := ByPort("80", "sctp"); err == nil {
		t.Error("sctp")
	}
}

// FuzzParseListener checks that no message makes the parser panic.
func FuzzParseListener(f *testing.F) {
	f.Add(make([]byte, sizeDiagMessage+8))
	f.Fuzz(func(_ *testing.T, m []byte) { _, _ = parseListener(m) })
}
