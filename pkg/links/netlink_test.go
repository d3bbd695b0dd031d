// SPDX-License-Identifier: Apache-2.0

package links

import (
	"encoding/binary"
	"errors"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/internal/need"
)

// piece returns a netlink message, padded to 4 bytes.
func piece(kind, flags uint16, seq uint32, text string) []byte {
	b := make([]byte, unix.SizeofNlMsghdr, 64)
	binary.NativeEndian.PutUint32(b, uint32(unix.SizeofNlMsghdr+len(text)))
	binary.NativeEndian.PutUint16(b[4:], kind)
	binary.NativeEndian.PutUint16(b[6:], flags)
	binary.NativeEndian.PutUint32(b[8:], seq)
	b = append(b, text...)
	return append(b, make([]byte, -len(b)&3)...)
}

func TestAnswers(t *testing.T) {
	const multi, interrupted, seq = unix.NLM_F_MULTI, unix.NLM_F_MULTI | unix.NLM_F_DUMP_INTR, 7
	errno := func(e unix.Errno) string {
		return string(binary.NativeEndian.AppendUint32(nil, uint32(-int32(e))))
	}
	one, two, other := piece(unix.RTM_NEWLINK, multi, seq, "one"), piece(unix.RTM_NEWLINK, multi, seq, "two"), piece(unix.RTM_NEWADDR, multi, seq, "other")
	done := piece(unix.NLMSG_DONE, multi, seq, errno(0))
	short := piece(unix.RTM_NEWLINK, multi, seq, "one")
	binary.NativeEndian.PutUint32(short, 8)
	for name, test := range map[string]struct {
		pieces [][]byte
		want   string
		done   bool
		err    error
	}{
		"a list in one piece":    {[][]byte{slices.Concat(one, other, two, done)}, "one two", true, nil},
		"in several":             {[][]byte{one, slices.Concat(two, done)}, "one two", true, nil},
		"not whole":              {[][]byte{one, two}, "one two", false, nil},
		"an end without error":   {[][]byte{one, piece(unix.NLMSG_DONE, multi, seq, "")}, "one", true, nil},
		"an end with an error":   {[][]byte{one, piece(unix.NLMSG_DONE, multi, seq, errno(unix.ENOENT))}, "one", true, unix.ENOENT},
		"an error":               {[][]byte{piece(unix.NLMSG_ERROR, 0, seq, errno(unix.EPERM))}, "", true, unix.EPERM},
		"success":                {[][]byte{piece(unix.NLMSG_ERROR, 0, seq, errno(0))}, "", true, nil},
		"an error without one":   {[][]byte{piece(unix.NLMSG_ERROR, 0, seq, "")}, "", true, errShort},
		"one answer":             {[][]byte{piece(unix.RTM_NEWLINK, 0, seq, "lone")}, "lone", true, nil},
		"interrupted":            {[][]byte{piece(unix.RTM_NEWLINK, interrupted, seq, "one"), slices.Concat(two, done)}, "one two", true, nl.ErrDumpInterrupted},
		"of another request":     {[][]byte{slices.Concat(piece(unix.RTM_NEWLINK, multi, seq-1, "old"), piece(unix.NLMSG_DONE, multi, seq-1, ""), one, done)}, "one", true, nil},
		"a header that is cut":   {[][]byte{slices.Concat(one, two[:10])}, "one", false, errShort},
		"a message that is cut":  {[][]byte{slices.Concat(one, two[:18])}, "one", false, errShort},
		"shorter than a header":  {[][]byte{short}, "", false, errShort},
		"the padding is missing": {[][]byte{two[:19], done}, "two", true, nil},
	} {
		var got []string
		a := answers{seq: seq, kind: unix.RTM_NEWLINK, each: func(m []byte) { got = append(got, string(m)) }}
		var done bool
		var err error
		for _, p := range test.pieces {
			if done, err = a.take(p); done || err != nil {
				break
			}
		}
		if text := strings.Join(got, " "); text != test.want || done != test.done || !errors.Is(err, test.err) || (err == nil) != (test.err == nil) {
			t.Errorf("%s: %q, %v, %v, want %q, %v, %v", name, text, done, err, test.want, test.done, test.err)
		}
	}
}

// What a process sends to the socket is no answer of the kernel.
func TestForeignAnswer(t *testing.T) {
	need.Root(t)
	var heard atomic.Uint64
	s, err := openSocket(&heard)
	if err != nil {
		t.Fatal(err)
	}
	defer s.close()
	want, _, err := s.read()
	if err != nil || len(want) == 0 || heard.Load() == 0 {
		t.Fatalf("links %v, %v; %d heard", want, err, heard.Load())
	}
	own, err := unix.Getsockname(s.fd)
	if err != nil {
		t.Fatal(err)
	}
	foreign, err := openSocket(&heard)
	if err != nil {
		t.Fatal(err)
	}
	defer foreign.close()
	for next := s.seq + 1; next < s.seq+3; next++ {
		lie := piece(unix.RTM_NEWLINK, unix.NLM_F_MULTI, next, strings.Repeat("\x00", unix.SizeofIfInfomsg))
		if err := unix.Sendto(foreign.fd, lie, 0, own); err != nil {
			t.Fatal(err)
		}
	}
	got, _, err := s.read()
	if err != nil || len(got) != len(want) {
		t.Errorf("links %v, %v, want %v", got, err, want)
	}
}
