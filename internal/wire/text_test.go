// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"encoding/json"
	"testing"
)

// What is shortened is expanded to the same text, whatever it and the words are.
func FuzzWords(f *testing.F) {
	f.Add("net:[7]", "blue", "/run/netns/blue", "net:[7] (blue): run `ip netns del blue`, or umount /run/netns/blue%p at 100%")
	f.Add("net:[7]", "%%n", "", "%%%n")
	f.Add("", "aaa", "aaaa", "aaaaaaaaa")
	f.Fuzz(func(t *testing.T, ref, name, path, text string) {
		w := Words{ref, name, path}
		short := w.shorten(text)
		if got, err := w.Expand(short); err != nil || got != text {
			t.Errorf("%q by %q is %q, %v", short, w, got, err)
		}
	})
}

func TestWordsShare(t *testing.T) {
	a, b := Words{"net:[7]", "blue", "/run/netns/blue"}, Words{"net:[8]", "green", "/run/netns/green"}
	one := a.shorten("net:[7] (blue) is at /run/netns/blue")
	if other := b.shorten("net:[8] (green) is at /run/netns/green"); one != other || one != "%r (%n) is at %p" {
		t.Errorf("%q and %q", one, other)
	}
}

func TestExpandWrong(t *testing.T) {
	for _, text := range []string{"%", "a%x", "%%%"} {
		if got, err := (&Words{}).Expand(text); err == nil {
			t.Errorf("%q is expanded to %q", text, got)
		}
	}
}

func TestTextAsJSON(t *testing.T) {
	for _, want := range []Text{{}, {Place: 1}, {Place: 70}, {Literal: "7"}, {Literal: "a\"<\n"}} {
		text, err := json.Marshal(want)
		if err != nil {
			t.Fatal(err)
		}
		var got Text
		if err := json.Unmarshal(text, &got); err != nil || got != want {
			t.Errorf("%+v is %s, which is %+v, %v", want, text, got, err)
		}
	}
	for _, text := range []string{"-1", "1.5", "99999999999", "{}", "[]", "true"} {
		if err := json.Unmarshal([]byte(text), new(Text)); err == nil {
			t.Errorf("%s is a text", text)
		}
	}
}
