// SPDX-License-Identifier: Apache-2.0

package ns

import (
	"testing"
)

func TestParseLink(t *testing.T) {
	for _, tt := range []struct {
		text  string
		typ   Type
		inode uint64
		ok    bool
	}{
		{"net:[4026531833]", Net, 4026531833, true},
		{"time:[4026531834]", Time, 4026531834, true},
		{"pid_for_children:[4026531836]", PID, 4026531836, true},
		{"net:[0]", 0, 0, false},
		{"net:[]", 0, 0, false},
		{"net:[+1]", 0, 0, false},
		{"net:[1", 0, 0, false},
		{"net:[99999999999999999999]", 0, 0, false},
		{"tea:[4026531833]", 0, 0, false},
		{"/run/netns/net:[1]", 0, 0, false},
		{"", 0, 0, false},
	} {
		typ, inode, ok := ParseLink(tt.text)
		if typ != tt.typ || inode != tt.inode || ok != tt.ok {
			t.Errorf("ParseLink(%q) = %v, %d, %v", tt.text, typ, inode, ok)
		}
	}
}

func TestMayBeInode(t *testing.T) {
	for digits, want := range map[string]bool{
		"": true, "4": true, "40": true, "402653183": true, "4026531832": true, "4026531831": false, "4026532177": true, "4294967295": true, "4294967296": false,
		"5": false, "1": false, "41": true, "39": false, "43": false, "40265321770": false,
	} {
		if MayBeInode(digits) != want {
			t.Errorf("%q: %v", digits, !want)
		}
	}
}
