// SPDX-License-Identifier: Apache-2.0

package links

import (
	"encoding/binary"
	"errors"
	"net"
	"reflect"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/internal/kernel"
	"github.com/nsinspect/nsinspect/internal/text"
	"github.com/nsinspect/nsinspect/pkg/ns"
)

// What could not be read is in the error where nothing was found.
func TestFindReportsUnread(t *testing.T) {
	snap := snapshot()
	snap.Namespaces[2].Links = nil
	snap.Gaps = []ns.Gap{{Sources: []string{"process"}, Path: "x", Err: unix.EPERM}, {Sources: []string{Source}, Path: "net:[12]", Err: errors.New("no answer")}}
	q, _ := ByIP("10.0.0.8")
	if _, err := q.Find(snap, text.Title); errorText(err) != "no address 10.0.0.8: looked in 2 namespaces; links of net:[12] unreadable; 1 process was unreadable and may be in another" {
		t.Error(err)
	}
	snap.Gaps = append(snap.Gaps, ns.Gap{Sources: []string{Source}, Path: "net:[13]", Err: unix.EPERM})
	if _, err := q.Find(snap, text.Title); !strings.HasSuffix(errorText(err), "; links of 2 namespaces unreadable; 1 process was unreadable and may be in another") || !errors.As(err, new(*kernel.DeniedError)) {
		t.Error(err)
	}
}

// A process that may not be looked at may be in a namespace that has the address.
func TestFindReportsUnreadProcesses(t *testing.T) {
	snap := snapshot()
	for _, path := range []string{"/proc/1/ns/net", "/proc/2/ns/net"} {
		snap.Gaps = append(snap.Gaps, ns.Gap{Sources: []string{"process"}, Path: path, Err: unix.EACCES})
	}
	q, _ := ByIP("10.0.0.77")
	_, err := q.Find(snap, text.Title)
	denied := (*kernel.DeniedError)(nil)
	if !strings.HasSuffix(errorText(err), "; 2 processes were unreadable and may be in others") || !errors.As(err, &denied) || denied.Capability != unix.CAP_SYS_PTRACE {
		t.Error(err)
	}
}

// One address in very many namespaces is not a page of text.
func TestFindCountsVeryMany(t *testing.T) {
	snap := &ns.Snapshot{}
	for i := range 100 {
		snap.Namespaces = append(snap.Namespaces, ns.Namespace{Inode: uint64(i + 1), Links: []ns.Link{{Name: "eth0"}}})
	}
	q, _ := ByDev("eth0")
	_, err := q.Find(snap, text.Title)
	if text := errorText(err); !strings.Contains(text, "fits 100 namespaces: net:[1] by eth0, ") || !strings.Contains(text, "net:[16] by eth0, and 84 more, which list -o wide shows: ") {
		t.Error(text)
	}
}

func TestMalformed(t *testing.T) {
	for text, by := range map[string]func(string) (Query, error){
		"10.0.0.300": ByIP, "10.0.0": ByIP, "": ByIP, "10.0.0.7/33": ByIP, "10.0.0.7/": ByIP, "fd00::7/129": ByIP, "10.0.0.7%eth0": ByIP, "[10.0.0.7]": ByIP, "[fd00::7": ByIP, "fd00::7]": ByIP, "[fd00::7]:80": ByIP, "fe80::1%": ByIP, "[]": ByIP, "fd00:::7": ByIP, "eth0": ByIP, "010.0.0.1": ByIP,
		"aa:bb": ByMAC, "aa:bb:cc:dd:ee:gg": ByMAC, " ": ByMAC, "10.0.0.7 ": ByMAC,
		"a b": ByDev, "a/b": ByDev, "\t": ByDev, "a:b": ByDev, strings.Repeat("x", 128): ByDev,
	} {
		if q, err := by(text); err == nil {
			t.Errorf("%q: taken for %+v", text, q)
		} else if !strings.Contains(err.Error(), "malformed ") {
			t.Errorf("%q: %v", text, err)
		}
	}
	if _, err := ByDev(""); err == nil {
		t.Error("an empty name")
	}
}

// message builds netlink messages.
type message []byte

func (m *message) attr(kind int, value ...byte) *message {
	*m = binary.NativeEndian.AppendUint16(*m, uint16(4+len(value)))
	*m = binary.NativeEndian.AppendUint16(*m, uint16(kind))
	*m = append(*m, value...)
	for len(*m)%4 != 0 {
		*m = append(*m, 0)
	}
	return m
}

func linkMessage() *message {
	m := message(make([]byte, unix.SizeofIfInfomsg))
	binary.NativeEndian.PutUint32(m[4:], 7)
	binary.NativeEndian.PutUint32(m[8:], unix.IFF_UP)
	kind := (&message{}).attr(unix.IFLA_INFO_KIND, []byte("veth\x00")...)
	alt := (&message{}).attr(unix.IFLA_ALT_IFNAME, []byte("alt\x00")...)
	return m.attr(unix.IFLA_IFNAME, []byte("eth0\x00")...).attr(unix.IFLA_ADDRESS, 2, 0, 0, 0, 0, 1).
		attr(unix.IFLA_LINK, binary.NativeEndian.AppendUint32(nil, 9)...).attr(unix.IFLA_LINK_NETNSID, binary.NativeEndian.AppendUint32(nil, 3)...).
		attr(unix.IFLA_LINKINFO, *kind...).attr(unix.IFLA_PROP_LIST|unix.NLA_F_NESTED, *alt...)
}

func addressMessage(family, bits byte, attrs func(*message)) []byte {
	m := message{family, bits, 0, 0}
	m = binary.NativeEndian.AppendUint32(m, 7)
	attrs(&m)
	return m
}

func TestParse(t *testing.T) {
	l, e, err := parseLink(*linkMessage())
	want := ns.Link{Name: "eth0", AltNames: []string{"alt"}, Index: 7, Kind: "veth", MAC: net.HardwareAddr{2, 0, 0, 0, 0, 1}, Up: true}
	if err != nil || !reflect.DeepEqual(l, want) || e != (end{7, 9, 3, "veth"}) {
		t.Errorf("link %+v, end %+v, %v", l, e, err)
	}
	for text, m := range map[string][]byte{
		"10.0.0.7/24": addressMessage(unix.AF_INET, 24, func(m *message) { m.attr(unix.IFA_ADDRESS, 10, 0, 0, 7).attr(unix.IFA_LOCAL, 10, 0, 0, 7) }),
		"10.0.0.8/32": addressMessage(unix.AF_INET, 30, func(m *message) { m.attr(unix.IFA_ADDRESS, 10, 0, 0, 9).attr(unix.IFA_LOCAL, 10, 0, 0, 8) }),
		"::1/128":     addressMessage(unix.AF_INET6, 128, func(m *message) { m.attr(unix.IFA_ADDRESS, append(make([]byte, 15), 1)...) }),
	} {
		if a, err := parseAddress(m); err != nil || a.prefix.String() != text || a.index != 7 {
			t.Errorf("address %+v, %v, want %s", a, err, text)
		}
	}
	if a, err := parseAddress(addressMessage(unix.AF_INET, 24, func(*message) {})); err == nil {
		t.Errorf("an address from nothing: %+v", a)
	}
	if a, err := parseAddress(addressMessage(unix.AF_INET, 99, func(m *message) { m.attr(unix.IFA_ADDRESS, 10, 0, 0, 7) })); err == nil {
		t.Errorf("an address of 99 bits: %+v", a)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(*linkMessage()))
	f.Add(addressMessage(unix.AF_INET, 24, func(m *message) { m.attr(unix.IFA_ADDRESS, 10, 0, 0, 7) }))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, m []byte) {
		l, _, err := parseLink(m)
		if err == nil && (strings.ContainsRune(l.Name, 0) || len(l.Name) > len(m)) {
			t.Errorf("name %q", l.Name)
		}
		if a, err := parseAddress(m); err == nil && !a.prefix.IsValid() {
			t.Errorf("address %v", a)
		}
		for _, value := range attributes(m, 4) {
			if len(value) > len(m) {
				t.Errorf("a value of %d bytes in %d", len(value), len(m))
			}
		}
	})
}
