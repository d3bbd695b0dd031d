// SPDX-License-Identifier: Apache-2.0

package text

import (
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestEscape(t *testing.T) {
	for in, want := range map[string]string{
		"plain größe 网":    "plain größe 网",
		"two words":        "two words",
		`back\slash`:       `back\slash`,
		"line\nbreak\ttab": `line\nbreak\ttab`,
		"\x1b[31mred":      `\x1b[31mred`,
		"\u009b31mred":     `\u009b31mred`,
		"\u202egnp.exe":    `\u202egnp.exe`,
		"\xff\xfe":         `\xff\xfe`,
		"ends \xe7":        `ends \xe7`,
		"\u00a0":           `\u00a0`,
		"\ufffd":           "\ufffd",
		"blue\ufe0f":       `blue\ufe0f`,
		"\u3164":           `\u3164`,
		"\U000e0041":       `\U000e0041`,
	} {
		if got := Escape(in); got != want {
			t.Errorf("Escape(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestHidden(t *testing.T) {
	for _, r := range []rune{
		0, 0x1b, 0x7f, 0x85, 0x9b, 0xa0, 0xad, 0x34f, 0x61c, 0x115f, 0x1160, 0x17b4, 0x17b5, 0x180b, 0x180e, 0x180f, 0x200b, 0x200d, 0x200f, 0x2028, 0x2029,
		0x202e, 0x202f, 0x2060, 0x2065, 0x2066, 0x2069, 0x206f, 0x2800, 0x3000, 0x3164, 0xe000, 0xfe00, 0xfe0f, 0xfeff, 0xffa0, 0xfff0, 0xfff9, 0xfffc, 0xffff,
		0x1bca0, 0x1d159, 0x1d173, 0xe0001, 0xe0041, 0xe0100, 0xe01ef, 0xe0fff, 0xf0000, 0x10fffd,
	} {
		if !Hidden(r) {
			t.Errorf("%U is not escaped", r)
		}
	}
	for _, r := range " ~aä网ﷺ→…\u0301\ufffd🙂" {
		if Hidden(r) {
			t.Errorf("%U is escaped", r)
		}
	}
}

func TestName(t *testing.T) {
	for in, want := range map[string]string{
		"blue":            "blue",
		"/run/netns/blue": "/run/netns/blue",
		"größe":           "größe",
		"veth1@if2":       "veth1@if2",
		"":                `""`,
		"-":               `"-"`,
		"host":            `"host"`,
		"(host)":          `"(host)"`,
		"blue (uid 0)":    `"blue (uid 0)"`,
		"a,b":             `"a,b"`,
		"a`id`":           "\"a`id`\"",
		`a"b`:             `"a\"b"`,
		`a\x0ab`:          `"a\\x0ab"`,
		"a\nb":            `"a\nb"`,
		"blue\ufe0f":      `"blue\ufe0f"`,
		"\u0301":          "\"\u0301\"",
		"\xff":            `"\xff"`,
		"a→b":             `"a→b"`,
	} {
		if got := Name(in); got != want {
			t.Errorf("Name(%q) = %s, want %s", in, got, want)
		}
	}
}

// Different names look different, and none has a hidden character or is wider than a
// cell.
func FuzzName(f *testing.F) {
	f.Add("a\x1b\xff\u202e", "a")
	f.Add(`"a"`, `a`)
	f.Add(`a\nb`, "a\nb")
	f.Add(strings.Repeat("网", 300), "(host)")
	f.Fuzz(func(t *testing.T, a, b string) {
		for _, s := range []string{Name(a), Escape(a), Cut(Escape(a), 17)} {
			if !utf8.ValidString(s) || strings.ContainsFunc(s, Hidden) {
				t.Errorf("%q is shown as %q", a, s)
			}
		}
		if w := Width(Name(a)); w > CellWidth {
			t.Errorf("%q is %d columns wide", a, w)
		}
		if a != b && Name(a) == Name(b) && !strings.HasSuffix(Name(a), mark) {
			t.Errorf("%q and %q are both %s", a, b, Name(a))
		}
	})
}

func TestCut(t *testing.T) {
	for _, c := range []struct {
		in   string
		most int
		want string
	}{
		{"abc", 3, "abc"}, {"abcd", 3, "ab…"}, {"网网网", 6, "网网网"}, {"网网网", 5, "网网…"}, {"网网网", 4, "网…"}, {"a", 0, "…"}, {"äää", 3, "äää"},
	} {
		if got := Cut(c.in, c.most); got != c.want {
			t.Errorf("Cut(%q, %d) = %q, want %q", c.in, c.most, got, c.want)
		}
	}
}

func TestJoin(t *testing.T) {
	if got := Join([]string{"a", "b"}, ", "); got != "a, b" {
		t.Error(got)
	}
	made := 0
	got := JoinFunc(60_000, func(i int) string { made++; return fmt.Sprintf("10.0.%d.%d/32", i>>8, i&255) }, " ")
	if !strings.HasPrefix(got, "10.0.0.0/32 10.0.0.1/32 ") || !strings.HasSuffix(got, "/32 … 59,981 more") || len(got) > CellWidth+len(mark) {
		t.Error(got)
	}
	if made > 30 {
		t.Errorf("made %d parts", made)
	}
	long := strings.Repeat("x", CellWidth)
	if got := Join([]string{long, long}, ", "); got != long+", … 1 more" {
		t.Error(got)
	}
}

func TestCount(t *testing.T) {
	for n, want := range map[int]string{0: "0", 999: "999", 1000: "1,000", 59_998: "59,998", 1_234_567: "1,234,567", -1000: "-1,000"} {
		if got := Count(n); got != want {
			t.Errorf("Count(%d) = %s", n, got)
		}
	}
}
