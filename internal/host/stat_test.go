// SPDX-License-Identifier: Apache-2.0

package host

import (
	"strings"
	"testing"
)

func TestParseStat(t *testing.T) {
	const rest = " S 1 1 1 0 -1 2129984 0 0 0 0 0 0 0 0 20 0 1 0 4711 0 0 0\n"
	for comm := range map[string]bool{"sleep": true, "a b": true, ") R 1 (": true, "line\nbreak": true, "": true, "((": true} {
		got, ok := parseStat([]byte("42 (" + comm + ")" + rest))
		if want := (Stat{Comm: comm, PPID: 1, Flags: 2129984, Start: 4711}); !ok || got != want {
			t.Errorf("parseStat of %q = %+v, %v, want %+v", comm, got, ok, want)
		}
	}
	for _, line := range []string{"", "42", "42 (x)", "42 (x", "42 )x(" + rest, "42 (x) S 1 1 1 0 -1 x 0 0 0 0 0 0 0 0 20 0 1 0 4711 0\n"} {
		if got, ok := parseStat([]byte(line)); ok {
			t.Errorf("parseStat(%q) = %+v, want refusal", line, got)
		}
	}
}

func FuzzStat(f *testing.F) {
	f.Add("42 (x) S 1 1 1 0 -1 2129984 0 0 0 0 0 0 0 0 20 0 1 0 4711 0 0 0\n")
	f.Fuzz(func(t *testing.T, text string) {
		if st, ok := parseStat([]byte(text)); ok && !strings.Contains(text, "("+st.Comm+")") {
			t.Errorf("parseStat(%q) named it %q", text, st.Comm)
		}
	})
}
