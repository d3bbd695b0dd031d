// SPDX-License-Identifier: Apache-2.0

package resolve

import (
	"cmp"
	"strings"
	"testing"

	"github.com/nsinspect/nsinspect/pkg/ns"
)

func TestParseRef(t *testing.T) {
	for text, want := range map[string]Ref{
		"4026532177":             {kind: refInode, inode: 4026532177, bare: true},
		"4194305":                {kind: refInode, inode: 4194305, bare: true},
		"4194304":                {kind: refPID, pid: 4194304, bare: true},
		"1":                      {kind: refPID, pid: 1, bare: true},
		"pid:42":                 {kind: refPID, pid: 42},
		"net:[4026532177]":       {kind: refLink, inode: 4026532177},
		"mnt:[4026532177]":       {kind: refLink, typ: ns.Mnt, inode: 4026532177},
		"blue":                   {kind: refName},
		"pid:[4026531836]":       {kind: refLink, typ: ns.PID, inode: 4026531836},
		"net:blue":               {kind: refName},
		"27d0a9f1c2b3":           {kind: refName},
		"-rf":                    {kind: refName},
		"/run/netns/blue":        {kind: refPath},
		"./blue":                 {kind: refPath},
		"self":                   {kind: refSelf},
		"host":                   {kind: refHost},
		"user:1000/web":          {kind: refName, uid: 1000, name: "web"},
		"user:1000/docker:web":   {kind: refName, uid: 1000, name: "docker:web"},
		"user:1000/pod:a/b":      {kind: refName, uid: 1000, name: "pod:a/b"},
		"unit:a.service":         {kind: refOwner},
		"unit:1000/a.service":    {kind: refOwner, uid: 1000},
		"line\nbreak":            {kind: refName},
		strings.Repeat("n", 255): {kind: refName},
	} {
		want.text, want.name = text, cmp.Or(want.name, text)
		got, err := ParseRef(text)
		if err != nil || got != want {
			t.Errorf("ParseRef(%q) = %+v, %v, want %+v", text, got, err, want)
		}
	}
	for text, want := range map[string]string{
		"":                       "use an inode",
		"0":                      "is 0",
		"pid:":                   "from 1 to",
		"pid:0":                  "from 1 to",
		"pid:4194305":            "from 1 to",
		"pid:x":                  "from 1 to",
		"pid:[x]":                "expected TYPE:[INODE]",
		"pid:4026531836":         "did you mean pid:[4026531836]?",
		"user:web":               "user:UID/NAME",
		"user:0/web":             "user:UID/NAME",
		"user:1000/":             "user:UID/NAME",
		"user:1000/unit:x":       "unit:UID/NAME",
		"unit:/x":                "unit: takes",
		"unit:1/":                "unit: takes",
		"unit:1/2/x":             "unit: takes",
		"unit:x/y":               "unit: takes",
		"user:[x]":               "expected TYPE:[INODE]",
		"user:12":                "did you mean user:[12]",
		"net:[x]":                "expected TYPE:[INODE]",
		"tea:[4026531833]":       "expected TYPE:[INODE]",
		"99999999999999999999":   "that large",
		"a\x00b":                 "NUL",
		strings.Repeat("n", 256): "255",
	} {
		if _, err := ParseRef(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("ParseRef(%q): %v, want an error with %q", text, err, want)
		}
	}
}

func FuzzRef(f *testing.F) {
	for _, text := range []string{"", "1", "pid:1", "net:[4026532177]", "blue", "/run/netns/blue", "self", "18446744073709551616"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		r, err := ParseRef(text)
		if err == nil && r.String() != text {
			t.Errorf("ParseRef(%q) became %q", text, r)
		}
		if err != nil && strings.ContainsAny(err.Error(), "\n\x1b\x00") {
			t.Errorf("ParseRef(%q) speaks in control characters: %q", text, err)
		}
		if typ, inode, ok := ns.ParseLink(text); ok && err == nil && (r.kind != refLink || r.typ != typ || r.inode != inode) {
			t.Errorf("ParseRef(%q) = %+v, but it is a link", text, r)
		}
	})
}
