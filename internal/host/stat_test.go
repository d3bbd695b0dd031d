// SPDX-License-Identifier: Apache-2.0

package host

import (
	"fmt"
	"strings"
	"testing"
	"time"
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

// A process that started before the boot of a time namespace has a start without a sign, which is
// still its own, and before that of every other one.
func TestBornBeforeBoot(t *testing.T) {
	for _, born := range []time.Duration{-20000*time.Second + 1, -Tick, 1, Tick, time.Hour} {
		shown := uint64(born) / uint64(Tick) // fs/proc/array.c, do_task_stat: nsec_to_clock_t(timens_add_boottime_ns())
		st, ok := parseStat(fmt.Appendf(nil, "42 (x) S 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 %d 0\n", shown))
		if got := st.Born(); !ok || got > max(born, 1) || got <= born-2*Tick {
			t.Errorf("%s after boot is read as %s", born, got)
		}
		if !st.IsOf(born) || !st.IsOf(st.Born()) || st.IsOf(born+2*Tick) || st.IsOf(born-2*Tick) {
			t.Errorf("a start of %d: of %s and %s: %v, %v, want only these", st.Start, born, st.Born(), st.IsOf(born), st.IsOf(st.Born()))
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
