// SPDX-License-Identifier: Apache-2.0

package links

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/internal/kernel"
	"github.com/nsinspect/nsinspect/pkg/ns"
)

// Query asks which namespace is behind an address or a device.
type Query struct {
	By   string // "ip", "mac" or "dev"
	text string // as it was typed
	ip   netip.Addr
	zone string // of ip: the link that is to have it, "" if any
	mac  net.HardwareAddr

	routes map[uint64]route // by the inode of the namespace: see WithRoutes
}

// ByIP asks for the namespace that has an IP address. What programs print and URLs have
// around one is left out: brackets, and the length of a prefix. A zone is the link
// that has to have the address, by its name or index.
func ByIP(text string) (Query, error) {
	malformed := fmt.Errorf("malformed IP address %q: use one as 10.0.0.7, fd00::7 or fe80::1%%eth0", text)
	word, bits, prefix := strings.Cut(text, "/")
	inner, open := strings.CutPrefix(word, "[")
	inner, closed := strings.CutSuffix(inner, "]")
	ip, err := netip.ParseAddr(inner)
	if err != nil || open != closed || open && !ip.Is6() {
		return Query{}, malformed
	}
	if length, err := strconv.ParseUint(bits, 10, 8); prefix && (err != nil || int(length) > ip.BitLen()) {
		return Query{}, malformed
	}
	return Query{By: "ip", text: text, ip: ip.WithZone("").Unmap(), zone: ip.Zone()}, nil
}

// ByMAC asks for the namespace that has a hardware address.
func ByMAC(text string) (Query, error) {
	mac, err := net.ParseMAC(text)
	if err != nil {
		return Query{}, fmt.Errorf("malformed hardware address %q: use one as 02:42:ac:11:00:02", text)
	}
	return Query{By: "mac", text: text, mac: mac}, nil
}

// ByDev asks for the namespace that a device leads to: for one end of a pair that
// is in the host's own namespace, or ours, that is where the other end is; for
// any other it is where the device is.
func ByDev(text string) (Query, error) {
	switch {
	case text == "":
		return Query{}, fmt.Errorf("empty device name: use one as veth1a2b3c4")
	case strings.ContainsFunc(text, func(r rune) bool { return r == '/' || r == ':' || r == 0 || unicode.IsSpace(r) }):
		return Query{}, fmt.Errorf("malformed device name %q: it cannot contain white space, \"/\" or \":\"", text)
	case len(text) > 127: // include/uapi/linux/if.h, ALTIFNAMSIZ
		return Query{}, fmt.Errorf("malformed device name: none is longer than 127 bytes")
	}
	return Query{By: "dev", text: text}, nil
}

// String returns what is asked for, as it was typed.
func (q Query) String() string { return q.text }

// Hit is a link that a query fits.
type Hit struct {
	At        *ns.Namespace // where the link is
	Link      *ns.Link
	Namespace *ns.Namespace // the one that is asked for: At, or where the other end of the link is
	Route     netip.Prefix  // of an address that no link has, and that is local by a route of Link
	reader    int           // UID of who took the snapshot
}

// Find returns the hit of a query in a snapshot whose links were read. It returns
// an error, which has where was searched, if there is none or if there are hits for
// several namespaces. title is how a sentence names a namespace.
func (q Query) Find(snap *ns.Snapshot, title func(*ns.Namespace) string) (Hit, error) {
	hits := trusted(q.hits(snap))
	var all []*ns.Namespace
	for _, h := range hits {
		if h.Namespace == nil {
			return Hit{}, fmt.Errorf("%s is in %s, and its other end, link %d of its namespace, was not found%s",
				q.text, title(h.At), h.Link.Peer.Index, unread(snap, Source))
		}
		if !slices.Contains(all, h.Namespace) {
			all = append(all, h.Namespace)
		}
	}
	switch len(all) {
	case 0:
		return Hit{}, q.notFound(snap)
	case 1:
		return hits[0], nil
	}
	return Hit{}, q.ambiguous(hits, len(all), title)
}

// trusted returns the hits in namespaces that no other user made: whoever made one
// gives its links any address and name. If there are none, it returns all.
func trusted(hits []Hit) []Hit {
	roots := slices.DeleteFunc(slices.Clone(hits), func(h Hit) bool { return !h.trusted() })
	if len(roots) > 0 {
		return roots
	}
	return hits
}

// trusted reports whether no other user made the namespace.
func (h Hit) trusted() bool { return h.At.OwnerUID <= 0 || h.At.OwnerUID == h.reader }

// hits returns every link that the query fits.
func (q Query) hits(snap *ns.Snapshot) []Hit {
	own, reader := place(snap)
	var hits []Hit
	for i := range snap.Namespaces {
		n := &snap.Namespaces[i]
		for j := range n.Links {
			if l := &n.Links[j]; q.fits(l) {
				h := Hit{At: n, Link: l, Namespace: n, reader: reader}
				if home := n.Initial || n.Inode == own; q.By == "dev" && home && l.Peer != nil && l.Peer.Inode != n.Inode {
					h.Namespace = snap.Find(l.Peer.Inode)
				}
				hits = append(hits, h)
			}
		}
		if r, local := q.routes[n.Inode]; local {
			if l := n.Link(r.index); l != nil && !q.fits(l) {
				hits = append(hits, Hit{n, l, n, r.prefix, reader})
			}
		}
	}
	return hits
}

// place returns the network namespace that a snapshot was taken in, 0 if it is unknown, and the
// user who took it.
func place(snap *ns.Snapshot) (own uint64, uid int) {
	if snap.Kept != nil {
		return snap.Kept.Own[ns.Net], snap.Kept.UID
	}
	var st unix.Stat_t
	_ = unix.Stat("/proc/self/ns/net", &st) // if not, there is the host's
	return st.Ino, os.Geteuid()
}

func (q Query) fits(l *ns.Link) bool {
	switch q.By {
	case "ip":
		if q.zone != "" && q.zone != l.Name && q.zone != strconv.Itoa(l.Index) && !slices.Contains(l.AltNames, q.zone) {
			return false
		}
		return slices.ContainsFunc(l.Addrs, func(p netip.Prefix) bool { return p.Addr().Unmap() == q.ip })
	case "mac":
		return bytes.Equal(l.MAC, q.mac)
	}
	return l.Name == q.text || slices.Contains(l.AltNames, q.text)
}

// ambiguous lists the namespaces that a query fits, all unless they are very many.
func (q Query) ambiguous(hits []Hit, namespaces int, title func(*ns.Namespace) string) error {
	const most = 16
	var fits []string
	for i, h := range hits {
		if i == most {
			fits = append(fits, fmt.Sprintf("and %d more, which list -o wide shows", len(hits)-i))
			break
		}
		what := title(h.Namespace) + " by " + h.Link.Name
		if h.At != h.Namespace {
			what += " in " + title(h.At)
		}
		fits = append(fits, what)
	}
	return fmt.Errorf("%s fits %d namespaces: %s: use who-uses net:[INODE]", q.text, namespaces, strings.Join(fits, ", "))
}

// notFound returns an error with where was searched.
func (q Query) notFound(snap *ns.Snapshot) error {
	looked := 0
	for i := range snap.Namespaces {
		if snap.Namespaces[i].Links != nil {
			looked++
		}
	}
	hint := ""
	if name, index, ok := strings.Cut(q.text, "@"); ok && q.By == "dev" {
		if _, err := strconv.Atoi(strings.TrimPrefix(index, "if")); err == nil {
			hint = fmt.Sprintf("; the name ip shows as %s is %s", q.text, name)
		}
	}
	what := map[string]string{"ip": "address", "mac": "hardware address", "dev": "device"}[q.By]
	return denied(snap, Source, fmt.Errorf("no %s %s: %s%s%s", what, q.text, lookedIn(looked), hint, unread(snap, Source)))
}

// lookedIn returns in how many namespaces something was looked for.
func lookedIn(n int) string {
	if n == 1 {
		return "looked in 1 namespace"
	}
	return fmt.Sprintf("looked in %d namespaces", n)
}

// unread returns a phrase for the namespaces of which a source could not read what it reads,
// as the end of a sentence.
func unread(snap *ns.Snapshot, source string) string {
	var gaps []ns.Gap
	for _, g := range snap.Gaps {
		if g.Of(source) {
			gaps = append(gaps, g)
		}
	}
	more := ""
	if len(gaps) > 0 {
		more = "; " + Unread(gaps)
	}
	switch n := unreadProcesses(snap); n {
	case 0:
		return more
	case 1:
		return more + "; 1 process was unreadable and may be in another"
	default:
		return more + fmt.Sprintf("; %d processes were unreadable and may be in others", n)
	}
}

// unreadProcesses returns how many processes may be in namespaces that are not in a snapshot.
func unreadProcesses(snap *ns.Snapshot) (n int) {
	for _, g := range snap.Gaps {
		if g.Of(ns.KindProcess.Source()) {
			n++
		}
	}
	return n
}

// Unread returns a phrase for the namespaces whose links or listening sockets could not be
// read. gaps are of one of this package's sources.
func Unread(gaps []ns.Gap) string {
	what := "links"
	if gaps[0].Of(ns.SourceListener) {
		what = "listening sockets"
	}
	if len(gaps) == 1 {
		return fmt.Sprintf("%s of %s unreadable", what, gaps[0].Path)
	}
	return fmt.Sprintf("%s of %d namespaces unreadable", what, len(gaps))
}

// denied makes err a refusal where a missing privilege left something unread.
func denied(snap *ns.Snapshot, source string, err error) error {
	for _, source := range []string{source, ns.KindProcess.Source()} {
		for _, g := range snap.Gaps {
			switch {
			case !g.Of(source):
			case errors.Is(g.Err, unix.EPERM):
				return &kernel.DeniedError{Capability: unix.CAP_SYS_ADMIN, Err: err}
			case errors.Is(g.Err, unix.EACCES):
				return &kernel.DeniedError{Capability: unix.CAP_SYS_PTRACE, Err: err}
			}
		}
	}
	return err
}
