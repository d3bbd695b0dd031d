// SPDX-License-Identifier: Apache-2.0

package load

import (
	"slices"
	"testing"
)

const goMaps = `00400000-00600000 r-xp 00000000 fe:00 1 /tmp/bench
00600000-00800000 r--p 00200000 fe:00 1 /tmp/bench
c000000000-c000400000 rw-p 00000000 00:00 0
7f0000000000-7f0000010000 rw-p 00000000 00:00 0 [anon: Go: heap]
7f0000010000-7f0000020000 rw-s 00000000 00:01 2 /dev/zero (deleted)
7ffc00000000-7ffc00021000 rw-p 00000000 00:00 0 [stack]
7ffc00021000-7ffc00025000 r--p 00000000 00:00 0 [vvar]
ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0 [vsyscall]
`

func TestParseUnneeded(t *testing.T) {
	const board, code = 0x7f0000010000, 0x401234
	got, err := parseUnneeded([]byte(goMaps), board, code)
	if err != nil {
		t.Fatal(err)
	}
	want := [][2]uintptr{{0, 0x400000}, {0x600000, board}, {0x7f0000020000, 0x7ffc00000000}}
	if !slices.Equal(got, want) {
		t.Errorf("got %x, expected %x", got, want)
	}
	withC := goMaps + "7fff00000000-7fff00001000 r-xp 00000000 fe:00 3 /lib/x86_64-linux-gnu/libc.so.6\n"
	if got, err = parseUnneeded([]byte(withC), board, code); err != nil || got != nil {
		t.Errorf("with a C library: %x, %v, expected all to be kept", got, err)
	}
	if _, err = parseUnneeded([]byte("no map\n"), board, code); err == nil {
		t.Error("no error for a line that is no mapping")
	}
}
