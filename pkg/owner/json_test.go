// SPDX-License-Identifier: Apache-2.0

package owner

import (
	"bytes"
	"encoding/json"
	"errors"
	"testing"
)

func TestMembers(t *testing.T) {
	for text, ok := range map[string]bool{
		`{}`: true, ` { } `: true, `null`: true, `{"a":1}`: true, `{"a":[{"b":"}]"}], "c" : null }`: true,
		"": false, "{": false, "}": false, `{"a"}`: false, `{"a":}`: false, `{"a":1,}`: false, `{"a":1 "b":2}`: false,
		`{"a":1}}`: false, `{"a":{}`: false, `{a:1}`: false, `[1]`: false, `{"a":nonsense}`: false, `{"a":"x}`: false,
		"{\"a\nb\":1}": false, `{"a":-}`: false,
	} {
		if err := members([]byte(text), func(string, []byte) error { return nil }); (err == nil) != ok {
			t.Errorf("%s: %v, want success %v", text, err, ok)
		}
	}
}

func TestObject(t *testing.T) {
	var s string
	var n int
	var m map[string]string
	text := `{"skip":{"s":"no"},"s":"a\u0062\n","n":42,"m":{"k":"v","nerdctl/name":"web","io.kubernetes.pod.name":null},"other":null}`
	if err := object([]byte(text), map[string]any{"s": &s, "n": &n, "m": &m, "other": &s}); err != nil || s != "ab\n" || n != 42 || len(m) != 1 || m["nerdctl/name"] != "web" {
		t.Errorf("%q, %d, %v, %v", s, n, m, err)
	}
	for _, text := range []string{`{"s":1}`, `{"s":["x"]}`, `{"n":"1"}`, `{"n":1.5}`, `{"m":[]}`, `{"m":{"k":1}}`, `{"s":"\x"}`} {
		if err := object([]byte(text), map[string]any{"s": &s, "n": &n, "m": &m}); !errors.Is(err, errJSON) {
			t.Errorf("%s: %v, want errJSON", text, err)
		}
	}
}

// FuzzJSON holds the skipping reader against the library's: whatever that takes
// for an object or an array has the same members here.
func FuzzJSON(f *testing.F) {
	for _, s := range []string{`{"a":[1,{"b":"\"}"}],"a":null}`, `[1, "x", {"y":[]}]`, `{"\u0061":true}`, "{\"a\xff\":1}", `null`, `[[[`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		got := map[string]json.RawMessage{}
		err := members(text, func(name string, v []byte) error { got[name] = v; return nil })
		want := map[string]json.RawMessage{}
		if json.Unmarshal(text, &want) == nil {
			if err != nil || len(got) != len(want) {
				t.Fatalf("%q: %v, %d members, want %d", text, err, len(got), len(want))
			}
			for name, v := range want {
				if !bytes.Equal(got[name], v) {
					t.Errorf("%q: %q is %q, want %q", text, name, got[name], v)
				}
			}
		}
		var all []json.RawMessage
		n := 0
		err = items(text, func(v []byte) error {
			if n++; json.Valid(text) && !json.Valid(v) {
				t.Errorf("%q: item %q", text, v)
			}
			return nil
		})
		if json.Unmarshal(text, &all) == nil && (err != nil || n != len(all)) {
			t.Errorf("%q: %v, %d items, want %d", text, err, n, len(all))
		}
	})
}
