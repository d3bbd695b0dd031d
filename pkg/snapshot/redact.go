// SPDX-License-Identifier: Apache-2.0

package snapshot

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"

	"github.com/nsinspect/nsinspect/internal/text"
	"github.com/nsinspect/nsinspect/internal/wire"
	"github.com/nsinspect/nsinspect/pkg/owner"
)

// Redaction replaces names and addresses by hashes with a key. Equal ones stay equal, in every
// snapshot that is redacted with the same key.
type Redaction struct {
	key   []byte
	known map[string]string // what was replaced, by what
	hash  map[string]bool   // by what
	odd   []string          // of that, what is more than a word
	swap  *strings.Replacer // of odd; nil if there is more since
}

// NewRedaction returns a redaction with a key, which should have 16 bytes or more.
func NewRedaction(key []byte) *Redaction {
	return &Redaction{key: key, known: map[string]string{}, hash: map[string]bool{}}
}

// isKept reports whether a word names nobody.
func isKept(word string) bool {
	switch word {
	case "/", ".", "..", "lo", "localhost", "run", "var", "netns", "docker", "proc", "self", "task", "ns", "fd", "fs", "freezer", "unified",
		"net", "mnt", "user", "pid", "ipc", "uts", "cgroup", "time",
		"lib", "libpod", "containers", "containerd", "overlay-containers", "userdata", "storage", "tmp", "sys", "etc", "root", "home",
		"cni", "results", "lxc", "log", "pods", "systemd", "machines", "snap.docker", "volatile-containers", "init.scope", "default", "kubepods", "system.slice", "user.slice", "machine.slice":
		return true
	}
	return false
}

func (r *Redaction) sum(class, value string) []byte {
	h := hmac.New(sha256.New, r.key)
	h.Write([]byte(class + "\x00" + value))
	return h.Sum(nil)
}

// keyID returns what is equal for equal keys, and has nothing of them.
func (r *Redaction) keyID() string { return hex.EncodeToString(r.sum("key", "")[:8]) }

var (
	plainNumber = text.Pattern{Text: `^[0-9]*$`}
	plainWord   = text.Pattern{Text: `^[A-Za-z0-9_.-]+$`}
	anyWord     = text.Pattern{Text: `[A-Za-z0-9_.-]+`}
	unitSuffix  = text.Pattern{Text: `\.(service|scope|slice|socket|mount|timer)$`}
	anyAddress  = text.Pattern{Text: `(?i)\b[0-9]{1,3}(?:\.[0-9]{1,3}){3}\b|[0-9a-f]*(?::[0-9a-f]*){2,}(?:(?:\.[0-9]{1,3}){3}\b)?`}
	frozen      = text.Pattern{Text: freezer + `.*?/freezer\.state`}
)

// The directories of cgroups, and of those that explain writes to where one is frozen.
const (
	cgroups = "/sys/fs/cgroup/"
	freezer = cgroups + "freezer/"
)

// name replaces a name.
func (r *Redaction) name(s *string) {
	if isKept(*s) || plainNumber.Compiled().MatchString(*s) || r.hash[*s] {
		return
	}
	hash := r.hashOf(*s)
	if _, known := r.known[*s]; !known {
		r.hash[hash] = true
		if plainWord.Compiled().MatchString(*s) {
			r.known[*s] = hash
		} else {
			r.meet(hash, *s, strings.ReplaceAll(*s, "'", `'\''`))
		}
		r.meet(hash, printed(*s))
	}
	*s = hash
}

// hashOf returns the hash of a name. Its last letters are equal for names of one shape, which are of
// one shape as hashes then, and those of others are not: leaks are found by that.
func (r *Redaction) hashOf(name string) string {
	shape := r.sum("shape", text.Shape(name))[:4]
	letters := make([]byte, 0, 2*len(shape))
	for _, b := range shape {
		letters = append(letters, 'g'+b>>4, 'g'+b&0xf) // no digits of hexadecimal numbers
	}
	return fmt.Sprintf("n-%x-%s%s", r.sum("name", name)[:6], letters, unitSuffix.Compiled().FindString(name))
}

// meet has texts that are more than a word replaced in sentences.
func (r *Redaction) meet(by string, all ...string) {
	for _, s := range all {
		if _, known := r.known[s]; !known {
			r.known[s], r.odd, r.swap = by, append(r.odd, s), nil
		}
	}
}

// printed returns a name as sentences have it, without the quotes around it: a long one is cut
// there.
func printed(name string) string {
	quoted := strings.TrimSuffix(text.Name(name), "…")
	if len(quoted) > 1 && quoted[0] == '"' {
		return strings.TrimSuffix(quoted[1:], `"`)
	}
	return quoted
}

// parts replaces each part of a name with slashes.
func (r *Redaction) parts(s *string) {
	if *s == "" {
		return
	}
	all := strings.Split(*s, "/")
	for i := range all {
		r.name(&all[i])
	}
	*s = strings.Join(all, "/")
}

// addr replaces an IP address: an IPv4 one by one of a reserved block (RFC 1112), an IPv6 one by one of
// the block for documentation (RFC 3849). Those that every machine has stay.
func (r *Redaction) addr(a netip.Addr) netip.Addr {
	if !a.IsValid() || a.IsLoopback() || a.IsUnspecified() {
		return a
	}
	sum := r.sum("address", a.String())
	if a.Is4() {
		return netip.AddrFrom4([4]byte{0xf0 | sum[0]&0xf, sum[1], sum[2], sum[3]})
	}
	out := [16]byte{0x20, 0x01, 0x0d, 0xb8}
	copy(out[4:], sum)
	return netip.AddrFrom16(out)
}

func (r *Redaction) mac(m net.HardwareAddr) net.HardwareAddr {
	if len(m) == 0 || !slices.ContainsFunc(m, func(b byte) bool { return b != 0 }) {
		return m
	}
	out := net.HardwareAddr(r.sum("mac", m.String())[:min(len(m), sha256.Size)])
	out[0] = out[0]&^1 | 2 // locally administered, of one interface
	return out
}

// address replaces an address of any kind in a text that is one, with or without a prefix
// length or port.
func (r *Redaction) address(s *string) {
	if p, err := netip.ParsePrefix(*s); err == nil {
		*s = netip.PrefixFrom(r.addr(p.Addr()), p.Bits()).String()
	} else if a, err := netip.ParseAddr(*s); err == nil {
		*s = r.addr(a).String()
	} else if p, err := netip.ParseAddrPort(*s); err == nil {
		*s = netip.AddrPortFrom(r.addr(p.Addr()), p.Port()).String()
	} else if m, err := net.ParseMAC(*s); err == nil {
		*s = r.mac(m).String()
	}
}

// addressIn returns what stands for an address in a sentence, with a colon after it perhaps.
func (r *Redaction) addressIn(text string) string {
	a := text
	if r.address(&a); a == text {
		a = strings.TrimSuffix(text, ":")
		tail := text[len(a):]
		r.address(&a)
		a += tail
	}
	return a
}

// hardware replaces a hardware address of any length. That of a tunnel is an IP address, and one of
// eight bytes looks like one.
func (r *Redaction) hardware(s *string) {
	if m, err := hexBytes(*s); err == nil {
		*s = r.mac(m).String()
	}
}

// replacer replaces what is more than a word, the longest first.
func (r *Redaction) replacer() *strings.Replacer {
	if r.swap == nil {
		slices.SortFunc(r.odd, func(a, b string) int { return len(b) - len(a) })
		var pairs []string
		for _, odd := range r.odd {
			pairs = append(pairs, odd, r.known[odd])
		}
		r.swap = strings.NewReplacer(pairs...)
	}
	return r.swap
}

// sentence replaces what was replaced elsewhere, and every address, in a text.
func (r *Redaction) sentence(s *string) {
	*s = frozen.Compiled().ReplaceAllStringFunc(*s, r.cgroupFile)
	*s = r.replacer().Replace(*s)
	*s = anyAddress.Compiled().ReplaceAllStringFunc(*s, r.addressIn)
	*s = anyWord.Compiled().ReplaceAllStringFunc(*s, func(word string) string {
		for bare := word; ; bare = strings.TrimSuffix(bare, ".") { // of a name, or of the sentence
			if hash, ok := r.known[bare]; ok {
				return hash + word[len(bare):]
			}
			if !strings.HasSuffix(bare, ".") {
				return word
			}
		}
	})
}

// cgroupFile replaces the cgroups in the path of a file that freezes them. Nothing else in a snapshot
// need have them.
func (r *Redaction) cgroupFile(file string) string {
	all := strings.Split(file, "/")
	for i := strings.Count(freezer, "/"); i < len(all)-1; i++ {
		if !isKept(all[i]) && !plainNumber.Compiled().MatchString(all[i]) {
			all[i] = r.hashOf(all[i])
		}
	}
	return strings.Join(all, "/")
}

func (r *Redaction) sentences(all []string) {
	for i := range all {
		r.sentence(&all[i])
	}
}

func (r *Redaction) texts(all []wire.Text) {
	for i := range all {
		r.sentence(&all[i].Literal)
	}
}

// id replaces the ID of a container, which can be a name, and its first digits in sentences.
func (r *Redaction) id(s *string) {
	short := strings.TrimPrefix(owner.Owner{ID: *s}.Ref(), ":")
	if r.name(s); short != "" && r.hash[*s] {
		r.known[short] = *s
	}
}

func (r *Redaction) owner(o *wire.Owner) {
	if o == nil {
		return
	}
	r.id(&o.ID)
	r.name(&o.Name)
	r.parts(&o.Pod)
	r.name(&o.Unit)
	r.parts(&o.Service)
}
